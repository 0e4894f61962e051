# What R users have at hand and give to predict(), each as they would write it: idioms 1 to 17.

labels_of <- function(images, ...) {
  as.list(predict(bundled_model(), images, ..., progress = FALSE))
}

plate_files <- function() list.files(plate_folder(), full.names = TRUE)

test_that("1. tiff::readTIFF(), scaled to 0..1 and as stored, is as the file", {
  need_python()
  skip_if_not_installed("tiff")
  file <- plate_files()[1]
  expected <- labels_of(file)$A01
  expect_identical(max(expected), 6L)
  expect_identical(labels_of(tiff::readTIFF(file))[[1]], expected)
  expect_identical(labels_of(tiff::readTIFF(file, as.is = TRUE))[[1]], expected)
})

test_that("2. tiff::readTIFF(all = TRUE), the pages of a file, are a list of images", {
  need_python()
  skip_if_not_installed("tiff")
  pages <- tempfile(fileext = ".tif")
  tiff::writeTIFF(lapply(plate()$images, `/`, 65535), pages, bits.per.sample = 16L)
  found <- labels_of(tiff::readTIFF(pages, all = TRUE))
  expect_identical(unname(found), unname(as.list(plate_found())))
})

test_that("3. png::readPNG() is as the file, grey and one channel of colours", {
  need_python()
  skip_if_not_installed("png")
  grey <- plate()$images$A01 / max(plate()$images$A01)
  file <- tempfile(fileext = ".png")
  png::writePNG(grey, file)
  expected <- labels_of(file)[[1]]
  expect_identical(max(expected), 6L)
  expect_identical(labels_of(png::readPNG(file))[[1]], expected)
  png::writePNG(array(grey, c(96, 96, 3)), file)
  expect_identical(labels_of(png::readPNG(file))[[1]], expected)
  expect_identical(labels_of(png::readPNG(file), channels = 0)[[1]], expected)
  expect_identical(labels_of(png::readPNG(file)[, , 1])[[1]], expected)
})

test_that("4. masks by readTIFF() and readPNG() are labels, or refused with what to write", {
  need_python()
  skip_if_not_installed("tiff")
  file <- tempfile(fileext = ".tif")
  tiff::writeTIFF(plate()$labels$A01 / 65535, file, bits.per.sample = 16L)
  expect_identical(nrow(cl_measure(tiff::readTIFF(file, as.is = TRUE))), 6L)
  expect_error(cl_measure(tiff::readTIFF(file)), "readTIFF(as.is = TRUE)", fixed = TRUE)
  expect_identical(nrow(cl_measure(plate()$labels$A01 == 1)), 1L)
})

test_that("5. EBImage's Image, x first, gives an Image of labels", {
  need_python()
  space <- new.env()
  methods::setClass(
    "Image",
    contains = "array", slots = c(colormode = "integer"), where = space
  )
  on.exit(methods::removeClass("Image", where = space))
  image <- methods::new("Image", t(plate()$images$A01) / 65535, colormode = 0L)
  found <- labels_of(image)[[1]]
  expect_s4_class(found, "Image")
  expect_identical(dim(found), dim(image))
  expect_identical(t(array(found, dim(found))), plate_found()$A01)
  colour <- methods::new("Image", array(image, c(96, 96, 3)), colormode = 2L)
  expect_identical(labels_of(colour, channels = 1)[[1]], found)
})

test_that("6. imager's cimg, x first with depth and channel, gives a cimg of labels", {
  need_python()
  image <- structure(
    array(t(plate()$images$A01) / 65535, c(96, 96, 1, 1)),
    class = c("cimg", "numeric")
  )
  found <- labels_of(image)[[1]]
  expect_s3_class(found, "cimg")
  expect_identical(t(found[, , 1, 1]), plate_found()$A01)
})

test_that("7. pictures of magick, grDevices and png are refused with what to give", {
  need_python()
  skip_if_not_installed("magick")
  file <- tempfile(fileext = ".png")
  grey <- plate()$images$A01 / max(plate()$images$A01)
  png::writePNG(grey, file)
  picture <- magick::image_read(file)
  expect_error(labels_of(picture), "Received: a magick-image. Give the path of its file")
  expect_error(labels_of(list(a = picture)), "Received: a magick-image")
  pixels <- magick::image_data(picture, "gray")
  expect_error(labels_of(pixels), "Received: a bitmap. Make an array of it, as.integer\\(x\\)")
  expect_identical(labels_of(as.integer(pixels) / 255)[[1]], labels_of(file)[[1]])
  native <- png::readPNG(file, native = TRUE)
  expect_error(labels_of(native), "Received: a nativeRaster. Read it with native = FALSE")
  expect_error(labels_of(as.raster(grey)), "Received: a raster. Give the array")
  expect_error(cl_measure(as.raster(grey)), "Invalid `labels`.*Received: a raster")
})

test_that("8. a matrix is an image, of whole numbers or doubles, with a channel or without", {
  need_python()
  image <- plate()$images$A01
  expected <- plate_found()$A01
  expect_type(image, "integer")
  expect_identical(labels_of(image)[[1]], expected)
  expect_identical(labels_of(image + 0)[[1]], expected)
  expect_identical(labels_of(array(image, c(96, 96, 1)))[[1]], expected)
  expect_identical(labels_of(image |> t() |> t())[[1]], expected)
})

test_that("9. list.files() with full names, a folder and a pattern are the same images", {
  need_python()
  skip_if_not_installed("tiff")
  expected <- as.list(plate_found())
  expect_identical(labels_of(plate_files()), expected)
  expect_identical(labels_of(plate_folder()), expected)
  expect_identical(labels_of(Sys.glob(file.path(plate_folder(), "*.tif"))), expected)
  expect_identical(labels_of(file.path(plate_folder(), "A*.tif")), expected[c("A01", "A02")])
})

test_that("10. lapply() over files gives a list of images, by setNames() with names", {
  need_python()
  skip_if_not_installed("tiff")
  images <- lapply(plate_files(), cl_read)
  expect_named(labels_of(images), sprintf("image_%03d", 0:2))
  images <- sapply(plate_files(), tiff::readTIFF, simplify = FALSE)
  names(images) <- tools::file_path_sans_ext(basename(names(images)))
  expect_identical(labels_of(images), as.list(plate_found()))
})

test_that("11. a list of paths and arrays, partly named, keeps its names", {
  need_python()
  skip_if_not_installed("tiff")
  mixed <- list(control = plate()$images$A01, plate_files()[3])
  expect_identical(labels_of(mixed), setNames(as.list(plate_found())[c(1, 3)], c("control", "B01")))
})

test_that("12. a factor of paths is its paths, not its codes", {
  need_python()
  skip_if_not_installed("tiff")
  expect_identical(labels_of(factor(rev(plate_files())))$A01, plate_found()$A01)
})

wells <- function() {
  tibble::tibble(
    path = plate_files(), well = factor(names(plate()$images), c("B01", "A02", "A01")),
    dose = c(1L, NA, 10L), day = as.Date("2026-03-01") + 0:2, control = c(TRUE, FALSE, FALSE)
  )
}

test_that("13. columns of a tibble of paths come along as they are: factors, dates, NA", {
  need_python()
  skip_if_not_installed("tibble")
  skip_if_not_installed("tiff")
  found <- predict(bundled_model(), wells(), progress = FALSE)
  more <- c("well", "dose", "day", "control")
  expect_identical(found$files[more], as.data.frame(wells()[more]))
  expect_identical(levels(found$objects$well), c("B01", "A02", "A01"))
  expect_identical(unique(found$objects[more]), as.data.frame(wells()[more]), ignore_attr = TRUE)
  same <- predict(bundled_model(), as.data.frame(wells()), progress = FALSE)
  expect_identical(same$objects, found$objects)
  again <- predict(bundled_model(), found["A02"], progress = FALSE)
  expect_identical(again$files$well, factor("A02", c("B01", "A02", "A01")))
})

test_that("14. a tibble with a column of arrays is as one of paths", {
  need_python()
  skip_if_not_installed("tibble")
  images <- tibble::tibble(image = plate()$images, treatment = c("none", "drug", "drug"))
  found <- predict(bundled_model(), images, progress = FALSE)
  expect_identical(as.list(found), as.list(plate_found()))
  expect_identical(tapply(found$objects$area_px, found$objects$treatment, length)[["drug"]], 12L)
  unnamed <- tibble::tibble(name = c("x", "y", "z"), image = unname(plate()$images))
  expect_named(labels_of(unnamed), c("x", "y", "z"))
})

test_that("15. dplyr and purrr make the table that predict() takes, in one pipe", {
  need_python()
  skip_if_not_installed("dplyr")
  skip_if_not_installed("purrr")
  skip_if_not_installed("tiff")
  found <- tibble::tibble(path = plate_files()) |>
    dplyr::mutate(well = basename(path), image = purrr::map(path, tiff::readTIFF)) |>
    dplyr::filter(startsWith(well, "A")) |>
    predict(bundled_model(), images = _, progress = FALSE)
  expect_identical(unique(found$objects$well), c("A01.tif", "A02.tif"))
})

test_that("16. a prediction is taken for its images, renamed, in part and of several", {
  need_python()
  found <- plate_found()
  expect_identical(predict(bundled_model(), found, progress = FALSE), found)
  expect_identical(labels_of(found[3:2]), as.list(found)[2:3])
  second <- found
  names(second) <- paste0("second_", names(second))
  both <- c(found["A01"], second["second_B01"])
  expect_identical(labels_of(both), as.list(both))
  measured <- cl_measure(both, both, progress = FALSE)
  expect_identical(measured$mean_intensity_0, both$objects$mean_intensity_0)
  truth <- plate()$labels[c("A01", "B01")]
  checked <- cl_check(cl_data(both, truth), progress = FALSE)
  expect_identical(checked$table$image, names(both))
  sized <- predict(bundled_model(), plate()$images, pixel_size_um = 0.5, progress = FALSE)
  expect_identical(cl_measure(sized, sized, progress = FALSE)$area_um2, sized$objects$area_px / 4)
})

test_that("17. Map() and mapply() score what was found with the truth of the same name", {
  need_python()
  dice <- mapply(cl_dice, lapply(plate()$labels, `>`, 0), lapply(plate_found(), `>`, 0))
  expect_named(dice, names(plate()$images))
  expect_true(all(dice > 0.9))
  expect_identical(Map(cl_average_precision, plate()$labels, plate_found())$A01, 1)
})

test_that("labels with names go to the images of these names", {
  need_python()
  first <- cl_simulate(shape = c(48, 64), count = 4, seed = 1)
  other <- cl_simulate(shape = c(64, 48), count = 4, seed = 2)
  images <- list(a = first$image, b = other$image)
  labels <- list(b = other$labels, a = first$labels)
  expect_true(cl_check(cl_data(images, labels), progress = FALSE)$ok)
  expect_true(cl_check(list(images = images, labels = labels), progress = FALSE)$ok)
  expect_false(cl_check(cl_data(images, unname(labels)), progress = FALSE)$ok)
  # files have names, too
  files <- file.path(tempfile(), c("b.tif", "a.tif"))
  source <- plain_data(cl_data(images, files))$source
  expect_identical(basename(unlist(source$labels)), c("a.tif", "b.tif"))
  source <- plain_data(cl_data(rev(files), labels))$source
  expect_identical(source$labels, plain_data(cl_data(images, labels))$source$labels)
  expect_error(
    cl_check(cl_data(images, list(a = first$labels, z = other$labels)), progress = FALSE),
    "the names of the images, a, b. Received: a, z"
  )
})

test_that("colours that are all equal are grey to a model of one channel", {
  need_python()
  skip_if_not_installed("png")
  grey <- plate()$images$A01
  file <- tempfile(fileext = ".png")
  png::writePNG(array(grey / 65535, c(dim(grey), 3)), file)
  # 13 grey values of 8 bits, which do look unlike those of the training
  suppressWarnings(
    expect_message(found <- predict(bundled_model(), file), "is taken as grey")
  )
  expect_identical(found$files$objects, plate_found()$files$objects[1])
  from_array <- predict(bundled_model(), array(grey, c(dim(grey), 3)), progress = FALSE)
  expect_identical(from_array[[1]], plate_found()$A01)
  colours <- array(c(grey, grey, rev(grey)), c(dim(grey), 3))
  expect_error(predict(bundled_model(), colours), "Expected 1 channel, as the model was trained.")
})
