test_that("an image becomes OME-Zarr, and labels of it", {
  need_python()
  labels <- matrix(0L, 12, 16)
  labels[2:9, 2:9] <- 300L
  folder <- tempfile()
  dir.create(folder)
  image <- file.path(folder, "a.tif")
  cl_write_labels(labels, image, pixel_size_um = 0.5)
  store <- cl_convert(image, file.path(folder, "a.zarr"), progress = FALSE)
  expect_identical(basename(store), "a.zarr")
  expect_equal(cl_read(store), cl_read(image), ignore_attr = FALSE)
  region <- cl_read(paste0(store, ":[2:9, 1:5]"))
  expect_equal(region[, , 1], cl_read(image)[3:9, 2:5, 1])
  inside <- cl_convert(image, file.path(store, "labels", "cells"), progress = FALSE)
  expect_identical(cl_read(inside, labels = TRUE), cl_read(image, labels = TRUE))
  expect_identical(cl_measure(inside, store, progress = FALSE)$area_um2, 16)
  expect_error(cl_convert(image, store), "Pass overwrite = TRUE")
  expect_error(cl_convert(image, image), "such as cells.zarr")
})

test_that("a data set within HDF5 is read, converted and measured as a file is", {
  need_python()
  folder <- tempfile()
  dir.create(folder)
  file <- file.path(normalizePath(folder, "/"), "a.h5")
  reticulate::py_run_string(paste(
    "import h5py, numpy",
    sprintf("with h5py.File(r'%s', 'w') as f:", file),
    "    f['raw'] = numpy.arange(192, dtype='uint16').reshape(12, 16)",
    "    f['label'] = numpy.repeat(numpy.array([0, 5], 'uint16'), 96).reshape(12, 16)",
    "    f['raw'].attrs['element_size_um'] = [1.0, 0.5, 0.5]",
    sep = "\n"
  ))
  image <- cl_read(paste0(file, ":/raw"))
  expect_equal(image[2, 3, 1], 18)
  expect_equal(attr(image, "pixel_size_um"), c(0.5, 0.5))
  expect_error(cl_read(file), "with /raw, /label")
  store <- cl_convert(paste0(file, ":/raw"), file.path(folder, "a.zarr"), progress = FALSE)
  expect_equal(cl_read(store)[, , 1], image[, , 1])
  table <- cl_measure(paste0(file, ":/label"), paste0(file, ":/raw"), progress = FALSE)
  expect_identical(table$area_px, 96L)
  address <- "https://host/a.zarr"
  expect_identical(cytoloom:::lasting(address), address)
})
