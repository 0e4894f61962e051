test_that("anybody's labels are measured, in the classes that R has for them", {
  need_python()
  labels <- matrix(0L, 6, 8)
  labels[2:4, 2:6] <- 7L
  image <- labels * 3L
  image[2, 2] <- 0L
  table <- cl_measure(labels, image, pixel_size_um = 0.5, around_um = 0.5)
  expect_identical(table$object, 7L)
  expect_identical(table$area_px, 15L)
  expect_equal(table$area_um2, 15 / 4)
  expect_equal(table$centroid_x, 3) # from 0
  expect_equal(table$sd_intensity_0, sqrt(mean((image[labels > 0] - 19.6)^2)))
  expect_equal(table$area_px_around, 16L)
  expect_equal(table$max_intensity_0_around, 0)
  expect_equal(cl_measure(labels * 1)$perimeter_px, table$perimeter_px)
  # an image of EBImage has x first
  turned <- structure(t(labels), class = "Image")
  expect_identical(cl_measure(turned), cl_measure(labels))
})

test_that("an image that was read brings the size of its pixels and the names of its channels", {
  need_python()
  file <- tempfile(fileext = ".tif")
  labels <- matrix(c(0L, 3L, 3L, 3L), 2)
  cl_write_labels(labels, file, pixel_size_um = 0.5)
  expect_identical(cl_measure(file)$area_um2, 0.75)
  expect_identical(cl_measure(labels, cl_read(file))$area_um2, 0.75)
  image <- structure(array(labels, c(2, 2, 1)), channel_names = "dna", pixel_size_um = 2)
  table <- cl_measure(labels, image, pixel_size_um = 1)
  expect_identical(table$area_um2, 3)
})

test_that("lists are paired by name, or by their order without names", {
  need_python()
  labels <- list(a = matrix(c(1L, 1L, 0L, 2L), 2), b = matrix(c(5L, 0L, 0L, 0L), 2))
  image <- list(b = matrix(10, 2, 2), a = matrix(20, 2, 2))
  by_name <- cl_measure(labels, image, progress = FALSE)
  expect_identical(by_name$image, c("a", "a", "b"))
  expect_identical(by_name$mean_intensity_0, c(20, 20, 10))
  in_order <- cl_measure(unname(labels), unname(image), progress = FALSE)
  expect_identical(in_order$mean_intensity_0, c(10, 10, 20))
})

test_that("what predict found is measured as predict did, from it and from its folder", {
  need_python()
  out <- tempfile("found")
  images <- file.path(test_folder(), "images")
  found <- predict(tiny_model(), images, rescale = NULL, out = out, progress = FALSE)
  table <- cl_measure(found, images, progress = FALSE)
  expect_identical(table, found$objects[names(table)])
  expect_identical(cl_measure(out, images, progress = FALSE), table)
})

test_that("a table of labels, or a ring in pixels of unknown size, is refused", {
  need_python()
  expect_error(cl_measure(data.frame(a = 1)), "Expected label images. Received: a data frame of")
  expect_error(cl_measure(matrix(0.5, 2, 2)), "labels look rescaled")
  expect_error(cl_measure(matrix(1L, 2, 2), around_um = 1), "Give `pixel_size_um`.")
})

test_that("errors speak of the argument that something was given for", {
  need_python()
  labels <- matrix(1L, 2, 2)
  expect_error(cl_measure(labels, TRUE), "Invalid `image`")
  expect_error(cl_measure(list()), "Invalid `labels`. Expected label images. Received: none.")
  expect_error(cl_measure(labels, "nowhere"), "Invalid `image`")
  expect_error(cl_relate(labels, NA), "Invalid `cells`")
  expect_error(cl_relate("nowhere.tif", labels), "Invalid `nuclei`")
})

test_that("what was found is measured with its own labels, whatever its files hold by now", {
  need_python()
  out <- file.path(tempfile(), "r")
  dir.create(dirname(out))
  images <- list(a = cl_simulate(shape = c(64, 64), count = 6, seed = 1)$image)
  found <- predict(bundled_model(), images, out = out, progress = FALSE)
  expect_identical(cl_measure(found, progress = FALSE)$object, found$objects$object)
  elsewhere <- predict(bundled_model(), images, pixel_size_um = 0.5, progress = FALSE)
  table <- cl_measure(c(p = elsewhere, q = found), progress = FALSE)
  expect_identical(is.na(table$area_um2), startsWith(table$image, "q"))
  expect_equal(table$area_um2, ifelse(is.na(table$area_um2), NA, table$area_px / 4))
  file.remove(found$files$labels)
  cl_write_labels(matrix(0:1, 64, 64), found$files$labels)
  expect_warning(table <- cl_measure(found, progress = FALSE), "has other labels now")
  expect_identical(table$object, found$objects$object)
})
