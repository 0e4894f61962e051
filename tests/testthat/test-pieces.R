test_that("metrics agree with what one counts by hand", {
  need_python()
  truth <- matrix(c(1, 1, 0, 2), 1)
  found <- matrix(c(1, 1, 0, 0), 1)
  expect_equal(cl_dice(truth > 0, found > 0), 0.8)
  expect_equal(cl_iou(truth > 0, found > 0), 2 / 3)
  expect_equal(cl_average_precision(truth, found), 0.5)
  expect_equal(cl_average_precision(truth, found, iou = c(0.5, 0.9)), c(0.5, 0.5))
  expect_equal(cl_dice(matrix(0, 2, 2), matrix(0, 2, 2)), 1)
  expect_equal(cl_dice(matrix(c(1, 9), 1), matrix(c(1, 1), 1), unknown = 9), 1)
  matched <- cl_match(truth, found)
  expect_identical(c(matched$tp, matched$fp, matched$fn), c(1L, 0L, 1L))
  expect_identical(matched$objects$matched, c(TRUE, FALSE))
})

test_that("scores of partitions agree with what one counts by hand", {
  need_python()
  # an object cut into halves: 1 bit; of its 6 pairs of pixels 2 are still together
  halved <- cl_partition_scores(matrix(c(1, 1, 1, 1), 1), matrix(c(5, 5, 6, 6), 1))
  expect_s3_class(halved, "data.frame")
  expect_equal(halved$voi_split, 1)
  expect_equal(halved$voi_merge, 0)
  expect_equal(halved$adapted_rand_error, 0.5)
  # of 1 two thirds are found, of 2 only a half, which is not more than half
  truth <- matrix(c(1, 1, 1, 0, 2, 2), 1)
  found <- matrix(c(4, 4, 0, 0, 0, 9), 1)
  scores <- cl_partition_scores(truth, found)
  expect_equal(scores$seg, (2 / 3 + 0) / 2)
  # 2 + 1 pixels shared of 3 + 2
  expect_equal(scores$aggregated_jaccard, 3 / 5)
  # what lies under unknown pixels does not count; a background that is an object does
  expect_equal(cl_partition_scores(matrix(c(1, 1, 9, 9), 1), matrix(c(5, 5, 6, 6), 1),
    unknown = 9
  )$voi_split, 0)
  apart <- cl_partition_scores(matrix(c(1, 1, 0, 0), 1), matrix(1, 1, 4), background = TRUE)
  expect_equal(apart$voi_merge, 1)
  # an outline moved by 4 pixels
  moved <- truth <- matrix(0, 9, 9)
  truth[3:5, 3:5] <- 1
  moved[3:5, 7:9] <- 1
  near <- vapply(c(1, 4), function(px) {
    cl_partition_scores(truth, moved, tolerance_px = px)$boundary_f
  }, 0)
  expect_equal(near, c(0, 1))
  nothing <- cl_partition_scores(matrix(0, 2, 2), matrix(0, 2, 2))
  expect_equal(unlist(nothing, use.names = FALSE), c(0, 0, 0, 1, 1, 1))
})

test_that("distances of masks are in micrometres where pixels have a size", {
  need_python()
  truth <- found <- array(FALSE, c(9, 5, 5))
  truth[3:4, 2:4, 2:4] <- TRUE
  found[6:7, 2:4, 2:4] <- TRUE
  # three planes of 4 um
  expect_equal(cl_surface_scores(truth, found, pixel_size_um = c(4, 1, 1))$hausdorff_um, 12)
  expect_equal(cl_surface_scores(truth, found)$hausdorff_px, 3)
  expect_equal(cl_surface_scores(truth, found, pixel_size_um = 0.5)$hausdorff_um, 1.5)
  # of three found pixels two are right, and the third is 2 away
  truth <- matrix(c(1, 1, 0, 0), 1)
  found <- matrix(c(1, 1, 0, 1), 1)
  scores <- cl_surface_scores(truth, found)
  expect_equal(scores$mean_false_positive_distance_px, 2 / 3)
  expect_equal(scores$mean_false_negative_distance_px, 0)
  expect_equal(c(scores$precision, scores$recall, scores$f1), c(2 / 3, 1, 0.8))
  expect_equal(cl_surface_scores(truth, found, tolerance = 2)$precision, 1)
  expect_equal(cl_surface_scores(truth, found, pixel_size_um = 2, tolerance = 2)$precision, 2 / 3)
  expect_equal(cl_surface_scores(matrix(c(1, 1, 0, 9), 1), found, unknown = 9)$hausdorff_px, 0)
  expect_equal(cl_surface_scores(truth, found * 0)$hausdorff_px, Inf)
  # several images make a table
  rows <- do.call(rbind, Map(cl_surface_scores, list(truth, found), list(found, found)))
  expect_equal(rows$hausdorff_px, c(2, 0))
  expect_error(
    cl_surface_scores(truth, found, pixel_size_um = c(1, 1, 1)),
    "`pixel_size_um`. Expected one size above 0, or one for each of y, x. Received: c(1, 1, 1).",
    fixed = TRUE
  )
  expect_error(cl_surface_scores(truth, found, tolerance = -1), "`tolerance`. Expected 0 or more")
})

test_that("sizes that differ are refused with both", {
  need_python()
  for (verb in list(cl_partition_scores, cl_surface_scores)) {
    expect_error(verb(matrix(0, 2, 3), matrix(0, 3, 2)), "`found`. .*c\\(2, 3\\).*c\\(3, 2\\)")
  }
  expect_error(cl_dice(matrix(0, 2, 3), matrix(0, 3, 2)), "2, 3.*3, 2")
})

test_that("simulated images are indexed as matrices and repeat with the seed", {
  need_python()
  one <- cl_simulate(shape = c(48, 64), count = 4, seed = 3)
  expect_identical(dim(one$image), c(48L, 64L))
  expect_identical(cl_simulate(shape = c(48, 64), count = 4, seed = 3), one)
  expect_false(identical(cl_simulate(shape = c(48, 64), count = 4, seed = 4), one))
  dim_one <- cl_simulate(shape = c(48, 64), count = 4, seed = 3, optics = list(photons = 5))
  expect_identical(dim_one$labels, one$labels)
  expect_false(identical(dim_one$image, one$image))
  expect_error(cl_simulate(optics = list(foton = 5)), "a list of settings: blur_px, photons")
  expect_error(cl_simulate(optics = list(photons = NaN)), "`photons`. Expected a finite number")
  expect_error(cl_simulate(optics = 3), "a list of settings")
  expect_error(cl_simulate(kind = "stars"), "Expected nuclei, cells, .* culture or embryo")
  expect_error(cl_simulate(cont = 3), "Invalid `cont`. Expected a setting of nuclei: .*count")
  expect_error(cl_simulate(tempfile(), shape = 1), "Unused argument: `shape`")
})

test_that("images and labels come back from files as they were written", {
  need_python()
  file <- tempfile(fileext = ".tif")
  labels <- matrix(c(0, 1, 300, 2, 2, 70000), 2)
  expect_identical(cl_write_labels(labels, file, pixel_size_um = c(0.5, 0.25)), file)
  back <- cl_read(file, labels = TRUE)
  expect_identical(back + 0, labels)
  expect_error(cl_write_labels(labels, file), "Expected a new file.*overwrite = TRUE")
  expect_identical(cl_write_labels(labels, file, c(0.5, 0.25), overwrite = TRUE), file)
  image <- cl_read(file)
  expect_identical(dim(image), c(2L, 3L, 1L))
  expect_identical(attr(image, "axes"), "yxc")
  expect_identical(attr(image, "dtype"), "uint32")
  expect_equal(attr(image, "pixel_size_um"), c(0.5, 0.25))
})

test_that("components print what they hold", {
  expect_output(print(cl_trainer(minutes = 10)), "cl_trainer\n  minutes +10\n  iterations +-")
  expect_output(print(cl_trainer(augment = cl_augment())), "augment +cl_augment")
  expect_output(print(cl_data("plate", unknown = 255)), "plate.*unknown +255")
})

test_that("files that differ only in channel are one image, unless a pattern says otherwise", {
  need_python()
  folder <- cl_simulate(tempfile("wells"), images = 2)
  files <- list.files(file.path(folder, "images"), full.names = TRUE)
  for (k in 1:2) file.copy(files, sub("[.]tif$", sprintf("_w%d.tif", k), files))
  unlink(files)
  # the second field in a folder of its own
  own <- sub("[.]tif$", "", files[2])
  dir.create(own)
  for (k in 1:2) file.rename(sprintf("%s_w%d.tif", own, k), sprintf("%s/w%d.tif", own, k))
  report <- cl_check(folder, progress = FALSE)
  expect_true(report$ok)
  expect_match(report$table$shape, "x 2$")
  expect_match(report$text, 'pattern = "{name}"', fixed = TRUE)
  alone <- cl_check(cl_data(folder, pattern = "{name}"), progress = FALSE)
  expect_false(alone$ok)
})

test_that("sums of channels are lists in R", {
  need_python()
  image <- array(1:24, c(4, 2, 3))
  data <- cl_data(list(a = image), list(image[, , 1] > 2), channels = list(0, c(1, 2)))
  expect_output(print(data), "0, 1+2", fixed = TRUE)
  expect_identical(cl_check(data, progress = FALSE)$table$shape, "4 x 2 x 2")
})

test_that("axes that a file does not name are guessed aloud, and can be said", {
  need_python()
  header <- "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 5, 6), }"
  header <- paste0(formatC(header, width = -117), "\n")
  file <- tempfile(fileext = ".npy")
  magic <- c(as.raw(0x93), charToRaw("NUMPY"), as.raw(c(1, 0, nchar(header), 0)))
  writeBin(c(magic, charToRaw(header), as.raw(0:119)), file)
  expect_warning(found <- cl_read(file), "axes = \"cyx\"", fixed = TRUE)
  expect_identical(dim(found), c(4L, 5L, 6L, 1L))
  expect_no_warning(found <- cl_read(file, axes = "cyx"))
  expect_identical(dim(found), c(5L, 6L, 4L))
  expect_identical(found[1, 2, 3], 61L)
  expect_warning(labels <- cl_read(file, labels = TRUE), "not named")
  expect_identical(dim(labels), c(4L, 5L, 6L))
})
