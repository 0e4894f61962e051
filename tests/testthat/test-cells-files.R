two_wells <- function() {
  drawn <- lapply(1:3, function(k) cl_simulate(shape = c(96, 96), count = 6, seed = k))
  names <- c("P_A01", "P_A02", "P_B01")
  list(
    images = stats::setNames(lapply(drawn, `[[`, "image"), names),
    labels = stats::setNames(lapply(drawn, `[[`, "labels"), names),
    plate = data.frame(well = c("A1", "A2", "B1", "H12"), treatment = c("DMSO", "DMSO", "x", "y"))
  )
}

gathered <- function(..., wells = two_wells()) {
  # a row without image, and few images for their light
  suppressWarnings(
    cl_cells(wells$images, wells$labels, plate = wells$plate, size_px = 24, progress = FALSE, ...)
  )
}

test_that("cells are checked, well by well", {
  need_python()
  report <- cl_check(gathered(controls = "DMSO"), progress = FALSE)
  expect_s3_class(report, "cl_report")
  expect_true(report$ok)
  expect_identical(report$table$well, c("A01", "A02", "B01"))
  expect_identical(report$table$control, c(TRUE, TRUE, FALSE))
  expect_match(report$text, "rows without image: 1 (H12)", fixed = TRUE)
  one <- cl_check(gathered(controls = "x"), progress = FALSE)
  expect_false(one$ok)
})

test_that("features are written as files of other programs", {
  need_python()
  cells <- gathered(illumination = "plate")
  for (ending in c(".h5ad", ".hdf")) {
    out <- tempfile(fileext = ending)
    table <- cl_features(cells, kinds = "shape", out = out, progress = FALSE)
    expect_identical(readBin(out, "raw", 4), as.raw(c(0x89, 0x48, 0x44, 0x46)))
    expect_identical(nrow(table), nrow(cells$table))
  }
  expect_error(cl_features(cells, out = tempfile(fileext = ".xlsx")), ".h5ad or .hdf")
})

test_that("what concerns other files than were given is refused", {
  need_python()
  expect_error(gathered(objects = "nuclei"), "Invalid `objects`. Expected files of CellH5")
  expect_error(gathered(illumination = "well"), "Invalid `illumination`")
  file <- tempfile(fileext = ".ch5")
  writeLines("no HDF5", file)
  expect_error(cl_cells(file), "CellH5, which is HDF5")
})
