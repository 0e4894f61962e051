# Fixtures with the structure that EBImage and imager document for their images.
ebimage <- function(values, colormode = 0L) {
  made <- methods::setClass(
    "Image",
    contains = "array", slots = c(colormode = "integer"), where = environment()
  )
  made(values, colormode = colormode)
}

cimg <- function(values) structure(values, class = c("cimg", "imager_array", "numeric"))

test_that("evaluate is the generic of package generics, and only that", {
  expect_identical(cytoloom::evaluate, generics::evaluate)
  exported <- getNamespaceExports("cytoloom")
  expect_identical(exported[!startsWith(exported, "cl_")], "evaluate")
})

test_that("a model is a path and what it says, without a pointer", {
  need_python()
  model <- tiny_model()
  expect_identical(names(model), c("path", "info", "interrupted"))
  expect_false(any(rapply(unclass(model), typeof, how = "unlist") == "externalptr"))
  file <- tempfile(fileext = ".rds")
  saveRDS(model, file)
  expect_identical(readRDS(file), model)
})

test_that("a model whose folder is gone says so", {
  need_python()
  copy <- cl_save(tiny_model(), file.path(tempfile(), "copy.cytoloom"))
  expect_s3_class(copy, "cl_model")
  unlink(copy$path, recursive = TRUE)
  expect_error(predict(copy, matrix(0, 64, 64)), "A model lives as long as its folder")
  expect_error(as.data.frame(copy), "model folder")
})

test_that("saving does not replace a model unasked", {
  need_python()
  path <- file.path(tempfile(), "copy.cytoloom")
  cl_save(tiny_model(), path)
  expect_error(cl_save(tiny_model(), path), "overwrite = TRUE")
  expect_s3_class(cl_save(tiny_model(), path, overwrite = TRUE), "cl_model")
})

test_that("a model whose folder holds another one since is not taken for that", {
  need_python()
  path <- file.path(tempfile(), "m.cytoloom")
  dir.create(dirname(path))
  model <- cl_save(tiny_model(), path)
  kept <- unserialize(serialize(model, NULL))
  expect_identical(cl_save(model, file.path(dirname(path), "copy"))$info, model$info)
  cl_save(bundled_model(), path, overwrite = TRUE)
  told <- "in which there is another model now. Load the model again, with cl_load()."
  for (one in list(model, kept)) {
    expect_error(predict(one, matrix(0, 8, 8), progress = FALSE), told, fixed = TRUE)
    expect_error(evaluate(one, "data", progress = FALSE), told, fixed = TRUE)
    expect_error(cl_save(one, file.path(dirname(path), "other")), told, fixed = TRUE)
  }
})

test_that("data are those of the working directory in which they were given", {
  folder <- tempfile()
  dir.create(folder)
  folder <- normalizePath(folder, winslash = "/")
  old <- setwd(folder)
  on.exit(setwd(old))
  dir.create("data")
  given <- list(cl_data("data"), cl_data(data.frame(image = "a.tif", label = "b.tif")))
  setwd(old)
  expect_identical(given[[1]]$images, file.path(folder, "data"))
  expect_identical(given[[2]]$images$label, file.path(folder, "b.tif"))
})

test_that("a loaded model is the trained one", {
  need_python()
  expect_identical(cl_load(tiny_model()$path), tiny_model())
  expect_error(cl_load(tempdir()), "Expected a model folder")
})

test_that("without `out` the model goes to the session's folder, said aloud", {
  need_python()
  train <- function() {
    cl_train(
      train_folder(),
      network = cl_unet(filters = 4, depth = 2),
      trainer = cl_trainer(iterations = 1, batch_size = 1, patch_px = 32),
      progress = FALSE
    )
  }
  expect_message(model <- suppressWarnings(train()), "goes with the session")
  expect_identical(dirname(normalizePath(model$path)), normalizePath(tempdir()))
})

test_that("channels of files are chosen from R too", {
  need_python()
  file <- file.path(tempfile("colour"), "rgb.npy")
  dir.create(dirname(file))
  np <- reticulate::import("numpy", convert = FALSE)
  np$save(file, np$random$default_rng(0L)$integers(0L, 200L, list(32L, 32L, 3L), "uint8"))
  found <- suppressWarnings(
    predict(tiny_model(), file, channels = 0, out = tempfile("found"), progress = FALSE)
  )
  expect_identical(found$files$status, "ok")
  expect_error(
    predict(tiny_model(), file, out = tempfile("found"), progress = FALSE), "3 channels"
  )
})

test_that("models print, summarise and have a history", {
  need_python()
  expect_output(print(tiny_model()), "cytoloom model in a temporary folder")
  expect_output(print(cl_info(tiny_model())), "network +cl_unet\\(filters = 4, depth = 2\\)")
  expect_identical(cl_info(tiny_model()$path)$summary, tiny_model()$info$facts)
  expect_output(print(summary(tiny_model())), "network +cl_unet\\(filters = 4, depth = 2\\)")
  history <- as.data.frame(tiny_model())
  columns <- c("epoch", "iteration", "seconds", "set", "metric", "value")
  expect_identical(names(history), columns)
  expect_identical(max(history$iteration), 2L)
})

test_that("scores are data frames, per image by default", {
  need_python()
  scores <- evaluate(tiny_model(), test_folder(), progress = FALSE)
  expect_identical(names(scores), c("summary", "per_image", "per_object"))
  expect_identical(names(scores$summary), c("metric", "value", "low", "high", "n"))
  expect_identical(as.data.frame(scores), scores$per_image)
  expect_identical(summary(scores), scores$summary)
  expect_identical(names(scores$per_object), c("image", "truth", "found", "iou", "matched"))
  expect_output(print(scores), "Scores of 2 images")
})

test_that("what cannot be measured is NA, and a missing interval is explained", {
  need_python()
  first <- function(part) list.files(file.path(test_folder(), part), full.names = TRUE)[1]
  image <- cl_read(first("images"))[, , 1]
  labels <- cl_read(first("labels"))[, , 1]
  data <- list(images = list(image, image + 1L), labels = list(labels, 0L * labels))
  scores <- evaluate(tiny_model(), data, progress = FALSE)
  expect_identical(is.na(scores$per_image$n_found_on_empty), c(TRUE, FALSE))
  expect_identical(scores$summary$n[scores$summary$metric == "n_found_on_empty"], 1L)
  expect_true(is.na(tail(scores$summary$low, 1)))
  expect_output(print(scores), "No interval: of a single image")
  scores$per_image$ap50 <- NA_real_
  expect_error(plot(scores), "Received: ap50, all NA")
})

test_that("scores are not replaced unasked", {
  need_python()
  score <- function(...) evaluate(tiny_model(), test_folder(), ..., progress = FALSE)
  out <- tempfile("scores")
  score(out = out)
  expect_error(score(out = out), "overwrite = TRUE")
  expect_s3_class(score(out = out, overwrite = TRUE), "cl_scores")
})

test_that("training images are refused, in one sentence", {
  need_python()
  expect_error(
    evaluate(tiny_model(), train_folder(), progress = FALSE),
    "the same pixels as .* allow_training_images = TRUE"
  )
  scores <- evaluate(
    tiny_model(), train_folder(),
    allow_training_images = TRUE, progress = FALSE
  )
  expect_identical(nrow(scores$per_image), 3L)
})

test_that("what was found is a list of label images with tables beside it", {
  need_python()
  found <- predict(tiny_model(), some_images(), rescale = NULL, progress = FALSE)
  expect_identical(found$files$image, c("left", "right"))
  expect_identical(unique(found$objects$image), c("left", "right"))
  expect_identical(found[["right"]], found[[2]])
  expect_identical(dim(found[["left"]]), c(256L, 256L))
  expect_identical(as.data.frame(found), found$objects)
  expect_identical(names(as.list(found)), c("left", "right"))
  expect_identical(summary(found)$objects, found$files$objects)
  expect_identical(max(found[["left"]]), found$files$objects[1])
  expect_error(found[["middle"]], "one of left, right. Received: middle")
})

test_that("tables of objects join to other features by image and object", {
  need_python()
  found <- predict(tiny_model(), some_images()["left"], rescale = NULL, progress = FALSE)
  other <- data.frame(image = "left", object = rev(found$objects$object), feature = 1)
  joined <- merge(found$objects, other, by = c("image", "object"))
  expect_identical(nrow(joined), nrow(found$objects))
})

test_that("probabilities are arrays [y, x, class] that sum to one", {
  need_python()
  image <- some_images()[[1]]
  maps <- predict(tiny_model(), image, type = "prob")
  expect_identical(dim(maps), c(256L, 256L, 2L))
  expect_identical(dimnames(maps), list(NULL, NULL, c("background", "object")))
  expect_equal(range(maps[, , 1] + maps[, , 2]), c(1, 1), tolerance = 1e-6)
  expect_identical(names(predict(tiny_model(), some_images(), type = "prob")), c("left", "right"))
  # slices and another size are heeded as for labels
  stack <- aperm(array(unlist(some_images()), c(256, 256, 2)), c(3, 1, 2))[, 1:64, 1:64]
  slices <- predict(tiny_model(), stack, type = "prob", slices = TRUE)
  expect_identical(names(slices), c("image_z000", "image_z001"))
  expect_identical(slices[[2]], predict(tiny_model(), stack[2, , ], type = "prob"))
  expect_error(predict(tiny_model(), stack, type = "prob"), "slices = TRUE")
  twice <- predict(tiny_model(), stack[1, , ], type = "prob", rescale = 2)
  expect_false(identical(twice, slices[[1]]))
  expect_error(predict(tiny_model(), stack, type = "prob", rescale = 17), "from 1/16 to 16")
})

test_that("a left-over argument is an error, in every verb and method", {
  image <- matrix(0, 64, 64)
  model <- structure(list(path = "x", info = list()), class = "cl_model")
  expect_error(cl_train("x", tusk = "binary"), "Unused argument: `tusk`.")
  expect_error(predict(model, image, rescaled = 2), "Unused argument: `rescaled`.")
  expect_error(evaluate(model, "x", output = "y"), "Unused argument: `output`.")
  expect_error(cl_check("x", tsk = 1), "`tsk`")
  expect_error(cl_data("x", unknwon = 255), "`unknwon`")
  expect_error(cl_dice(image, image, unknwon = 2), "`unknwon`")
  expect_error(cl_read("x", label = TRUE, 3), NULL)
  expect_error(summary(model, 1), "(without a name)", fixed = TRUE)
  expect_error(cl_trainer(minute = 1, minuts = 10), "unused argument")
})

test_that("probabilities of an EBImage image keep its class and index order", {
  need_python()
  plain <- some_images()[[1]][, 1:200]
  maps <- predict(tiny_model(), plain, type = "prob")
  found <- predict(tiny_model(), ebimage(t(plain)), type = "prob")
  expect_s4_class(found, "Image")
  expect_identical(as.vector(found), as.vector(aperm(maps, c(2, 1, 3))))
})

test_that("a path where a model is expected says how to load it", {
  expect_error(predict("m", matrix(0)), "Run: predict(cl_load(\"m\"), ...)", fixed = TRUE)
  expect_error(evaluate("m", "data"), "Run: evaluate(cl_load(\"m\"), ...)", fixed = TRUE)
})

test_that("an EBImage image gives a label image of its class, x first", {
  need_python()
  plain <- some_images()[[1]][, 1:200]
  labels <- predict(tiny_model(), plain, rescale = NULL, progress = FALSE)[[1]]
  found <- predict(tiny_model(), ebimage(t(plain)), rescale = NULL, progress = FALSE)[[1]]
  expect_true(isVirtualClass("array") || inherits(found, "Image"))
  expect_s4_class(found, "Image")
  expect_identical(found@colormode, 0L)
  expect_identical(dim(found), c(200L, 256L))
  expect_identical(matrix(as.vector(found), 200), t(labels))
})

test_that("EBImage frames and colours are taken for what they are", {
  values <- array(0:23, c(2, 3, 4))
  grey <- plain_image(ebimage(values))
  expect_identical(grey$axes, "yxt")
  expect_identical(unpack(grey$array)[3, 2, 4], values[2, 3, 4])
  expect_identical(plain_image(ebimage(values, 2L))$axes, "yxc")
})

# The picture of a file as cl_read(), other readers and other packages give it.
kinds_of <- function(file) {
  read <- cl_read(file)
  plain <- matrix(as.vector(read), dim(read)[1])
  share <- plain / 65535
  as_cimg <- function(x) cimg(array(t(x), c(rev(dim(x)), 1, 1)))
  list(
    read = read, bare = read[, , 1], double = plain + 0, fractions = share, stale = read / 65535,
    ebimage = ebimage(t(share)), ebimage_whole = ebimage(t(plain)), cimg = as_cimg(share),
    cimg_whole = as_cimg(plain + 0)
  )
}

test_that("an image is the same from its file and from every kind of array, noise stays noise", {
  need_python()
  file <- file.path(tempfile("noise"), "noise.tif")
  dir.create(dirname(file))
  set.seed(1)
  # of 16 bits, though 8 would hold it: written as such, since one pixel is bright
  noise <- matrix(as.integer(round(stats::rnorm(64 * 64, 100, 3))), 64)
  noise[1] <- 300L
  cl_write_labels(noise, file)
  expect_warning(from_file <- predict(tiny_model(), file, progress = FALSE), "held down")
  for (kind in names(kinds_of(file))) {
    one <- kinds_of(file)[[kind]]
    expect_warning(found <- predict(tiny_model(), one, progress = FALSE), "held down")
    # fractions are measured in their own units
    unit <- if (max(one) <= 1) 65535 else 1
    for (table in c("files", "objects")) {
      ours <- attr(found, table)[-1]
      theirs <- attr(from_file, table)[-1]
      pixels <- grepl("^low$|^high$|intensity", names(ours))
      plain <- !pixels & names(ours) != "labels"
      expect_identical(ours[plain], theirs[plain], label = kind)
      expect_equal(ours[pixels] * unit, theirs[pixels], tolerance = 1e-5, label = kind)
    }
    labels <- matrix(as.vector(found[[1]]), 64)
    same <- if (grepl("image|cimg", kind)) t(labels) else labels
    expect_identical(same + 0L, from_file[[1]], label = kind)
  }
})

test_that("whole numbers that no file of training holds are refused", {
  need_python()
  expect_error(
    predict(tiny_model(), matrix(70000L, 64, 64), progress = FALSE),
    "whole numbers from 0 to 65535.*Received: 70000.*attr\\(image, \"dtype\"\\) <- \"float32\""
  )
  expect_message(
    suppressWarnings(predict(tiny_model(), matrix(0:255, 64, 64), rescale = NULL)),
    "up to 255 are taken for pixels of uint16"
  )
})

test_that("what cl_read() knows of an image goes with it", {
  need_python()
  file <- tempfile(fileext = ".tif")
  cl_write_labels(cl_simulate(shape = c(64, 64), count = 4)$image, file, pixel_size_um = 0.5)
  found <- suppressWarnings(predict(tiny_model(), cl_read(file), rescale = NULL, progress = FALSE))
  expect_equal(found$objects$area_um2, found$objects$area_px / 4)
})

test_that("an imager image gives a label image of its class, x first", {
  need_python()
  plain <- some_images()[[1]][, 1:200]
  labels <- predict(tiny_model(), plain, rescale = NULL, progress = FALSE)[[1]]
  image <- cimg(array(t(plain), c(200, 256, 1, 1)))
  found <- predict(tiny_model(), list(a = image), rescale = NULL, progress = FALSE)[["a"]]
  expect_s3_class(found, "cimg")
  expect_identical(dim(found), c(200L, 256L, 1L, 1L))
  expect_identical(matrix(as.vector(found), 200), t(labels))
})

test_that("labels of EBImage and imager are compared in their own index order", {
  labels <- matrix(c(0, 1, 1, 2, 2, 2), 2)
  expect_identical(plain_labels(ebimage(t(labels))), labels)
  expect_identical(plain_labels(cimg(array(t(labels), c(3, 2, 1, 1)))), labels)
})

test_that("axes and pixel size of arrays are the user's to say", {
  need_python()
  image <- some_images()[[1]]
  turned <- aperm(array(image, c(dim(image), 1)), c(3, 2, 1))
  found <- predict(
    tiny_model(), turned,
    axes = "cxy", pixel_size_um = 0.5, rescale = NULL, progress = FALSE
  )
  expect_identical(found[[1]], predict(tiny_model(), image, rescale = NULL, progress = FALSE)[[1]])
  expect_equal(found$objects$area_um2, found$objects$area_px / 4)
})

test_that("training takes folders, tables and arrays alike", {
  need_python()
  images <- lapply(1:3, function(seed) cl_simulate(shape = c(64, 64), count = 4, seed = seed))
  arrays <- cl_data(
    stats::setNames(lapply(images, `[[`, "image"), c("a", "b", "c")),
    stats::setNames(lapply(images, `[[`, "labels"), c("a", "b", "c")),
    group = c("x", "x", "y"), pixel_size_um = 0.5
  )
  expect_true(cl_check(arrays, "instances")$ok)
  expect_identical(cl_check(arrays)$table$image, c("a", "b", "c"))
  files <- list.files(file.path(test_folder(), "images"), full.names = TRUE)
  table <- data.frame(image = files, label = sub("images", "labels", files))
  expect_true(cl_check(table)$ok)
  expect_true(cl_check(list(images = table$image, labels = table$label))$ok)
  expect_error(cl_check(list(image = 1)), "list\\(images = , labels = \\)")
})

test_that("problems of data come in one message", {
  need_python()
  folder <- cl_simulate(tempfile("odd"), images = 3)
  unlink(file.path(folder, "labels", "nuclei_001.tif"))
  report <- cl_check(folder)
  expect_false(report$ok)
  expect_output(print(report), "nuclei_001")
  expect_error(cl_train(folder, out = tempfile(), progress = FALSE), "nuclei_001")
})

test_that("results outlive a change of the working directory", {
  need_python()
  here <- tempfile("here")
  dir.create(here)
  home <- setwd(here)
  on.exit(setwd(home))
  file.copy(list.files(file.path(test_folder(), "images"), full.names = TRUE)[1], ".")
  file.copy(list.files(file.path(test_folder(), "labels"), full.names = TRUE)[1], "truth.tif")
  name <- setdiff(list.files(), "truth.tif")
  find <- function(images, out) {
    predict(tiny_model(), images, rescale = NULL, out = out, progress = FALSE)
  }
  score <- function(data) evaluate(tiny_model(), data, progress = FALSE)
  results <- list(
    find(".", "results"), find("n*.tif", "results-of-a-pattern"),
    find(list(a = name), "results-of-a-list"),
    score(data.frame(Image = factor(name), mask = "truth.tif")),
    score(list(images = name, labels = list("truth.tif"))),
    score(cl_data(list(a = name), "truth.tif", group = "g"))
  )
  setwd(home)
  expect_identical(dim(results[[1]][[1]]), c(256L, 256L))
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off(), add = TRUE)
  for (one in results) expect_silent(plot(one))
})

test_that("what is scored is what is predicted, at the size that is asked for", {
  need_python()
  found <- predict(tiny_model(), some_images(), rescale = 2, progress = FALSE)
  said <- "predict() finds with rescale = 2"
  expect_message(scores <- evaluate(tiny_model(), test_folder(), rescale = 2), said, fixed = TRUE)
  expect_equal(scores$per_image$scale, c(2, 2))
  expect_equal(scores$per_image$n_found, found$files$objects)
  expect_identical(names(scores$per_image)[1:2], c("image", "scale"))
  expect_error(evaluate(tiny_model(), test_folder(), rescale = 17), "a factor from 1/16 to 16")
})

test_that("probabilities are written on request", {
  need_python()
  out <- tempfile()
  image <- some_images()["left"]
  predict(tiny_model(), image, rescale = NULL, out = out, maps = TRUE, progress = FALSE)
  prob <- cl_read(file.path(out, "maps", "left.tif"))
  expect_identical(dim(prob), c(dim(image[[1]]), 2L))
  again <- predict(tiny_model(), image[[1]], type = "prob", rescale = NULL)
  expect_equal(as.vector(prob), as.vector(again), tolerance = 1e-3)
  expect_error(predict(tiny_model(), image, maps = TRUE), "`maps`. Expected `out` with it")
  expect_error(predict(tiny_model(), image, objects = "parquet"), "`objects`. Expected `out`")
  files <- read.csv(
    file.path(out, "files.csv"),
    colClasses = c(image = "character"), na.strings = ""
  )
  expect_identical(files$image, "left")
  expect_error(predict(tiny_model(), image, out = out, progress = FALSE), "overwrite = TRUE")
})

test_that("paths are made lasting wherever they are, and nothing else is touched", {
  data <- lasting(cl_data(list(a = "x/*.tif", b = matrix(0)), "/y.tif", group = c("g", "h")))
  expect_identical(data$images, list(a = file.path(getwd(), "x/*.tif"), b = matrix(0)))
  expect_identical(data$labels, "/y.tif")
  expect_identical(data$group, c("g", "h"))
})

test_that("tables, factors, mixed and partly named lists, and predictions are images", {
  need_python()
  find <- function(x) suppressWarnings(predict(tiny_model(), x, rescale = NULL, progress = FALSE))
  file <- list.files(file.path(test_folder(), "images"), full.names = TRUE)[1]
  plain <- find(file)
  pixels <- cl_read(file)
  table <- data.frame(path = factor(file), Well = "A1", object = TRUE)
  found <- find(table)
  expect_identical(found$files[names(table)[-1]], table[-1])
  expect_identical(found$objects[names(plain$objects)], plain$objects)
  expect_identical(unique(found$objects[c("Well", "object_given")])$object_given, TRUE)
  table$path <- list(a = pixels)
  # a tibble is told by its class alone
  found <- find(structure(table, class = c("tbl_df", "tbl", "data.frame")))
  expect_identical(found$files$image, "a")
  expect_identical(found$objects$area_px, plain$objects$area_px)
  expect_identical(find(found)$objects, found$objects)
  expect_identical(find(factor(file))$objects, plain$objects)
  stem <- sub("[.]tif$", "", basename(file))
  expect_identical(find(list(a = file, pixels))$files$image, c("a", "image_001"))
  expect_identical(find(list(b = pixels, factor(file)))$files$image, c("b", stem))
  expect_identical(find(list(pixels, file))$files$image, c("image_000", "image_001"))
})

test_that("what tables say of images comes along into scores, and tables hold arrays", {
  need_python()
  files <- list.files(file.path(test_folder(), "images"), full.names = TRUE)
  labels <- sub("images", "labels", files)
  table <- data.frame(donor = c("p", NA), dose = c(1.5, 2))
  table$image <- lapply(files, cl_read)
  table$label <- lapply(labels, cl_read, labels = TRUE)
  expect_output(print(cl_check(table, progress = FALSE)), "2 images checked: nothing wrong")
  scores <- evaluate(tiny_model(), table, progress = FALSE)
  expect_identical(scores$per_image[c("donor", "dose")], table[c("donor", "dose")])
  expect_false(any(c("donor", "dose") %in% scores$summary$metric))
  table$label[[1]] <- mean
  report <- cl_check(table, progress = FALSE)
  expect_match(report$text, "`labels of image_000`.* Received: a function.")
})

test_that("errors say of which argument they are, what was expected and what came", {
  need_python()
  fields <- function(code) {
    tryCatch(code, cytoloom_error = function(e) unlist(unclass(e)[c("argument", "received")]))
  }
  at <- function(...) c(argument = ..1, received = ..2)
  expect_identical(fields(predict(tiny_model(), mean)), at("images", "a function"))
  expect_identical(fields(cl_train(train_folder(), seed = "a")), at("seed", "\"a\""))
  expect_identical(fields(cl_train(train_folder(), validation = "nope")), at("validation", "nope"))
  expect_identical(fields(cl_unet(filters = 0)), at("filters", "0"))
  wide <- data.frame(image = I(list(matrix(0, 99, 99))), other = 1)
  refused <- fields(cl_train(train_folder(), task = wide))
  expect_identical(refused, at("task", "a data frame of 1 row (image, other)"))
})

test_that("paths that are none are refused by name", {
  need_python()
  expect_error(cl_load(c("a", "b")), "Expected one path. Received: c(\"a\", \"b\").", fixed = TRUE)
  expect_error(predict(tiny_model(), matrix("a", 4, 4)), "Received: an array of 4 x 4 texts.")
  expect_error(
    cl_check(data.frame(image = c("a.png", NA), label = "b.png")), "`image`.*NA in place 2"
  )
  expect_error(predict(tiny_model(), matrix(0, 8, 8), type = "prob", out = "x"), "`out`")
  expect_error(predict(tiny_model(), matrix(0, 8, 8), overlay = TRUE), "`overlay`")
})
