# Tables that users give: no row and no column vanishes without a word.

plate_files <- function() list.files(plate_folder(), full.names = TRUE)

found_of <- function(...) predict(bundled_model(), ..., progress = FALSE)

test_that("rows of the same file each give a result, with their own treatment", {
  need_python()
  skip_if_not_installed("tiff")
  rows <- data.frame(path = plate_files()[c(1, 2, 1)], dose = c("none", "low", "high"))
  expect_warning(found <- found_of(rows), "rows 1, 3 of the table are of one file.*A01, A01_2")
  expect_identical(found$files[c("image", "dose")], data.frame(
    image = c("A01", "A02", "A01_2"), dose = rows$dose
  ))
  expect_identical(c(table(found$objects$dose)), c(high = 6L, low = 6L, none = 6L))
  expect_identical(found$A01, found$A01_2)
  again <- suppressWarnings(found_of(found["A01_2"]))
  expect_identical(again$files$dose, "high")
})

test_that("columns that are called as ours, or as training's, come along and are said", {
  need_python()
  skip_if_not_installed("tiff")
  rows <- data.frame(
    path = plate_files(), label = c("wt", "ko", "ko"), split = factor(c("l", "r", "l")),
    weight = c(20.5, NA, 0), class = 1:3, object = c("x", "y", "z"),
    phase = complex(real = 1:3, imaginary = c(0.5, 0, -1)), code = as.raw(1:3)
  )
  rows$runs <- list(1, 2, 3)
  rows$pair <- matrix(1:6, 3)
  told <- character()
  found <- withCallingHandlers(found_of(rows), warning = function(w) {
    told <<- c(told, conditionMessage(w))
    invokeRestart("muffleWarning")
  })
  expect_match(told, "Columns that are lists do not come along: runs.", all = FALSE)
  expect_match(told, "class of the table comes along as class_given, object of", all = FALSE)
  more <- c("label", "split", "weight", "class", "object", "phase", "code")
  expect_identical(found$files[more], rows[more])
  expect_identical(unique(found$objects$class_given), 1:3)
  expect_identical(found$files$pair.2, 4:6)
  expect_identical(unique(found$objects$label), c("wt", "ko"))
  twice <- stats::setNames(rows[c("path", "label", "split")], c("path", "dose", "dose"))
  expect_error(found_of(twice), "`images`. Expected columns of different names. Received: dose")
  rows$name <- c("a", "b", "a")
  expect_error(suppressWarnings(found_of(rows)), "Received: a in rows 1, 3. Call the column other")
})

test_that("cl_measure() takes the table of images that predict() took", {
  need_python()
  rows <- data.frame(well = names(plate()$images))
  rows$image <- plate()$images
  found <- found_of(rows)
  measured <- cl_measure(found, rows, progress = FALSE)
  expect_identical(measured$mean_intensity_0, found$objects$mean_intensity_0)
  alone <- cl_measure(unname(as.list(found)), data.frame(image = I(unname(plate()$images))))
  expect_identical(alone$mean_intensity_0, measured$mean_intensity_0)
})

test_that("columns are opened again as they were, factors as their texts", {
  need_python()
  skip_if_not_installed("tiff")
  rows <- data.frame(
    path = plate_files(), well = c("001", "002", "010"), lot = c("1e3", "7", "8"),
    dose = c(1L, NA, 10L), um = c(0.5, 2, NA), ok = c(TRUE, NA, FALSE),
    cell = factor(c("u", "v", "u"))
  )
  out <- tempfile("results")
  found <- found_of(rows, out = out)
  again <- cl_results(out)
  plain <- rows[-1]
  expect_identical(found$files[names(plain)], plain)
  plain$cell <- as.character(plain$cell)
  expect_identical(again$files[names(plain)], plain)
  expect_identical(unique(again$objects$well), plain$well)
})
