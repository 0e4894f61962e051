# Score a segmentation made by other means: a threshold in base R against exact truth.
library(cytoloom)

nuclei <- cl_simulate(shape = c(192, 192), count = 20, seed = 3)
threshold <- quantile(nuclei$image, 0.8)
mask <- nuclei$image > threshold

cat("Dice:", round(cl_dice(nuclei$labels > 0, mask), 3), "\n")

# One label for all foreground: touching nuclei are not told apart, and the score says so.
matched <- cl_match(nuclei$labels, mask, iou = 0.5)
cat("objects:", matched$tp, "matched,", matched$fn, "missed,", matched$fp, "extra\n")
print(head(matched$objects))

path <- cl_write_labels(mask, "mask.tif", pixel_size_um = 0.5, overwrite = TRUE)
stopifnot(identical(cl_read(path, labels = TRUE) > 0, mask))
