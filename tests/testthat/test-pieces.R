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

test_that("sizes that differ are refused with both", {
  need_python()
  expect_error(cl_dice(matrix(0, 2, 3), matrix(0, 3, 2)), "2, 3.*3, 2")
})

test_that("simulated images are indexed as matrices and repeat with the seed", {
  need_python()
  one <- cl_simulate(shape = c(48, 64), count = 4, seed = 3)
  expect_identical(dim(one$image), c(48L, 64L))
  expect_identical(cl_simulate(shape = c(48, 64), count = 4, seed = 3), one)
  expect_false(identical(cl_simulate(shape = c(48, 64), count = 4, seed = 4), one))
  expect_error(cl_simulate(kind = "stars"), "Expected nuclei, cells or nuclei_3d")
  expect_error(cl_simulate(cont = 3), "settings of nuclei: .*count.*Received: cont")
  expect_error(cl_simulate(tempfile(), shape = 1), "Unused argument: `shape`")
})

test_that("images and labels come back from files as they were written", {
  need_python()
  file <- tempfile(fileext = ".tif")
  labels <- matrix(c(0, 1, 300, 2, 2, 70000), 2)
  expect_identical(cl_write_labels(labels, file, pixel_size_um = c(0.5, 0.25)), file)
  back <- cl_read(file, labels = TRUE)
  expect_identical(back + 0, labels)
  image <- cl_read(file)
  expect_identical(dim(image), c(2L, 3L, 1L))
  expect_identical(attr(image, "axes"), "yxc")
  expect_equal(attr(image, "pixel_size_um"), c(0.5, 0.25))
})

test_that("components print what they hold", {
  expect_output(print(cl_trainer(minutes = 10)), "Trainer\n  minutes +10\n  iterations +-")
  expect_output(print(cl_trainer(augment = cl_augment())), "augment +Augment")
  expect_output(print(cl_data("plate", unknown = 255)), "plate.*unknown +255")
})
