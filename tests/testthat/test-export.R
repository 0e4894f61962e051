test_that("objects go to other programs and come back as labels", {
  need_python()
  labels <- matrix(0L, 12, 16)
  labels[2:9, 2:9] <- 7L
  labels[4:5, 4:5] <- 0L # a hole, and in it
  labels[5, 5] <- 9L
  folder <- tempfile()
  image <- tempfile(fileext = ".tif")
  dir.create(folder)
  cl_write_labels(labels, image)
  for (format in c("roi", "geojson", "coco")) {
    out <- file.path(folder, format)
    given <- stats::setNames(list(labels), sub("[.]tif$", "", basename(image)))
    files <- cl_export(given, out, format)
    expect_identical(files$status, "ok")
    expect_identical(files$objects, 2L)
    expect_true(file.exists(files$file))
    expect_identical(cl_measure(files$file, image)$area_px, c(60L, 1L))
    expect_error(cl_export(labels, out, format, "no"), class = "cytoloom_error")
  }
  expect_identical(basename(files$file), "annotations.json")
  images <- file.path(folder, "images")
  dir.create(images)
  file.copy(image, images)
  expect_output(print(cl_check(cl_data(images, files$file))), "annotations of COCO \\(1 of 1")
  expect_error(cl_export(labels, folder, "svg"), "Expected one of")
})

test_that("what a model is least sure of comes first", {
  need_python()
  found <- plate_found()[1]
  found$objects$probability <- seq(0.9, 0.1, length.out = nrow(found$objects))
  files <- cl_export(found, tempfile(), "roi", progress = FALSE)
  numbers <- as.integer(sub("[.]roi$", "", utils::unzip(files$file, list = TRUE)$Name))
  expect_identical(numbers, as.integer(rev(found$objects$object)))
})

test_that("a model goes to other programs", {
  need_python()
  out <- file.path(tempfile(), "saved")
  folder <- cl_export_model(tiny_model(), out, "saved_model", progress = FALSE)
  expect_identical(normalizePath(folder), normalizePath(out))
  expect_true(all(file.exists(file.path(out, c("saved_model.pb", "cytoloom.json", "example.py")))))
  expect_error(cl_export_model(tiny_model(), out, "saved_model"), "Pass overwrite = TRUE")
  expect_error(cl_export_model(tiny_model(), out, "svg"), "Expected one of")
  expect_error(cl_export_model(out, tempfile()), "a model folder")
  expect_error(cl_export(model_path(tiny_model()), tempfile()), "cl_export_model()", fixed = TRUE)
})
