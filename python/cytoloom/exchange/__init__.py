"""Objects as other programs hold them: ImageJ, QuPath, COCO; one file a format."""
