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

test_that("a plate in OME-Zarr says of its fields which wells they are of", {
  need_python()
  wells <- two_wells()
  folder <- tempfile()
  dir.create(file.path(folder, "labels"), recursive = TRUE)
  store <- file.path(folder, "p.ome.zarr")
  fields <- c("A/1/0", "A/1/1", "B/12/0")
  for (k in seq_along(fields)) {
    labels <- wells$labels[[k]]
    name <- paste0("p_", gsub("/", "_", fields[k]), ".tif")
    file <- file.path(folder, "labels", name)
    cl_write_labels(labels, file, pixel_size_um = 0.5)
    cl_convert(file, file.path(store, fields[k]), version = "0.4", progress = FALSE)
  }
  said <- function(place, text) writeLines(text, file.path(store, place, ".zattrs"))
  said(".", paste0(
    '{"plate": {"version": "0.4", "name": "Screen 7", "rows": [{"name": "A"}, {"name": "B"}],',
    ' "columns": [{"name": "1"}, {"name": "12"}], "wells": [',
    '{"path": "A/1", "rowIndex": 0, "columnIndex": 0},',
    ' {"path": "B/12", "rowIndex": 1, "columnIndex": 1}]}}'
  ))
  said("A/1", '{"well": {"version": "0.4", "images": [{"path": "0"}, {"path": "1"}]}}')
  said("B/12", '{"well": {"version": "0.4", "images": [{"path": "0"}]}}')
  plate <- data.frame(well = c("A1", "B12"), treatment = c("DMSO", "x"))
  cells <- cl_cells(
    store, file.path(folder, "labels"),
    plate = plate, controls = "DMSO", size_px = 24, progress = FALSE
  )
  known <- cells$table[!duplicated(cells$table$image), ]
  expect_identical(known$plate, rep("Screen 7", 3))
  expect_identical(known$well, c("A01", "A01", "B12"))
  expect_identical(as.character(known$site), c("0", "1", "0"))
  expect_identical(known$row, c("A", "A", "B"))
  expect_equal(known$column, c(1, 1, 12))
  expect_identical(known$treatment, c("DMSO", "DMSO", "x"))
  # the same as the table of images whose names tell the wells
  images <- data.frame(
    image = list.files(file.path(folder, "labels"), full.names = TRUE),
    well = c("A1", "A1", "B12"), site = c(0, 1, 0)
  )
  again <- cl_cells(
    images, file.path(folder, "labels"),
    plate = store, size_px = 24, progress = FALSE
  )
  expect_identical(again$table$row, cells$table$row)
  expect_identical(unique(again$table$plate), "Screen 7")
  expect_error(cl_cells(store, store), "fields with none")
})
