"""Apply a model to a large image block by block, into a label image in OME-Zarr."""
