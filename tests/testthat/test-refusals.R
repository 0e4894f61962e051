# What nobody means to give, of every kind that R has.
odd_values <- function() {
  odd <- methods::setClass("Odd", slots = c(x = "numeric"), where = environment())
  list(
    NULL, NA, NaN, Inf, "", character(0), list(), mean, quote(x), quote(f(x)), y ~ x, 1i, as.raw(1),
    Sys.Date(), data.frame(a = 1, b = "x"), matrix(list(), 0, 0), new.env(),
    odd(x = 1), factor("a"), -1, 2^70, TRUE, strrep("x", 5000), "nope", c(1, 2), c("a", NA), 0.5,
    matrix(0, 2, 2), list(list(1)), list(a = 1), list(NULL)
  )
}

# Words of Python, and of R where it stumbles.
foreign <- paste(
  c(
    "<class", "[A-Za-z]+Error\\b", "0-based", "\\bcl\\.", "\\b(None|NoneType|True|False)\\b",
    "\\b(dict|tuple|str|int|float64|ndarray|DataFrame|Traceback|Errno)\\b", "cytoloom.debug",
    "subscript", "argument", "coerce", "missing value where", "subsettable", "not found"
  ),
  collapse = "|"
)

# A call of each function that a value is put into; nothing is trained or written by it.
usual_calls <- function() {
  nowhere <- file.path(tempfile(), "nowhere")
  # a file is where the folder would be
  taken <- file.path(tiny_model()$path, "model.json")
  image <- matrix(1:64 * 10L, 8)
  saved <- file.path(tempfile(), "saved")
  page <- tempfile(fileext = ".html")
  pair <- list(truth = image, found = image)
  data <- list(data = nowhere, progress = FALSE)
  two <- cl_track(NULL, data.frame(frame = c(0, 1), y = 1, x = c(1, 2)), progress = FALSE)
  made <- c(
    "cl_affinities", "cl_augment", "cl_binary", "cl_boundary", "cl_classes", "cl_distance",
    "cl_hot_distance", "cl_inner_distance", "cl_instances", "cl_normalize", "cl_trainer",
    "cl_autoencoder", "cl_reconstruction", "cl_centres"
  )
  c(
    stats::setNames(rep(list(list()), length(made)), made),
    list(
      cl_unet = list(), cl_loss = list(name = "dice"), cl_data = list(images = nowhere),
      cl_train = data, cl_plan = data, cl_check = data,
      evaluate.cl_model = c(list(x = tiny_model()), data),
      cl_rank = list(models = list(tiny_model(), tiny_model()), images = nowhere, progress = FALSE),
      cl_compare = c(list(model_a = tiny_model(), model_b = bundled_model()), data),
      predict.cl_model = list(object = tiny_model(), images = nowhere, progress = FALSE),
      cl_trainer_from_deepflash2 = list(path = nowhere),
      cl_load = list(path = nowhere), cl_save = list(model = tiny_model(), path = saved),
      cl_info = list(model = tiny_model(), progress = FALSE), cl_read = list(path = nowhere),
      cl_results = list(folder = nowhere), cl_write_labels = list(labels = image, path = nowhere),
      cl_simulate = list(folder = taken, progress = FALSE),
      cl_dice = pair, cl_iou = pair, cl_average_precision = pair, cl_match = pair,
      cl_partition_scores = pair, cl_surface_scores = pair,
      cl_measure = list(labels = image, progress = FALSE), cl_outlines = list(labels = image),
      cl_export = list(labels = image, out = nowhere, format = "geojson", progress = FALSE),
      cl_export_model = list(model = tiny_model(), path = taken, progress = FALSE),
      cl_convert = list(image = nowhere, out = nowhere, progress = FALSE),
      cl_report = list(results = nowhere, path = page, progress = FALSE),
      cl_review = list(results = nowhere, progress = FALSE),
      cl_relate = list(nuclei = image, cells = image),
      cl_data_split = list(train = nowhere), cl_grid = list(data = nowhere),
      cl_run_start = list(runs = nowhere, progress = FALSE), cl_runs = list(progress = FALSE),
      cl_run_show = list(name = "a", progress = FALSE), cl_run_compare = list(progress = FALSE),
      cl_rerun = c(list(model = tiny_model()), data),
      cl_cells = list(images = nowhere, labels = nowhere, progress = FALSE),
      cl_features = list(cells = nowhere, progress = FALSE),
      cl_encode = list(model = tiny_model(), cells = nowhere, progress = FALSE),
      cl_novelty = list(features = nowhere, controls = "DMSO", progress = FALSE),
      cl_wells = list(features = nowhere, controls = "DMSO", progress = FALSE),
      cl_compare_features = list(features = nowhere, controls = "DMSO", progress = FALSE),
      cl_similar = list(features = nowhere, to = "a:1", progress = FALSE),
      cl_cells_demo = list(out = taken, progress = FALSE),
      cl_track = list(model = NULL, movie = nowhere, progress = FALSE),
      cl_train_tracker = data,
      cl_check_tracks = data,
      cl_detect = list(model = tiny_model(), movie = nowhere, progress = FALSE),
      cl_score_links = list(
        model = tiny_model(), movie = nowhere, positions = two$positions, progress = FALSE
      ),
      cl_solve = list(positions = two$positions, links = nowhere, progress = FALSE),
      cl_filtered = list(x = two), cl_warned = list(x = two), cl_tree = list(x = two, cell = 1),
      cl_cell_cycles = list(x = two),
      cl_links_to_review = list(x = two), cl_celltrackr = list(x = two),
      cl_read_tracks = list(path = nowhere),
      cl_export_tracks = list(tracks = two, out = taken, progress = FALSE),
      cl_run_resume = list(progress = FALSE), cl_run_remove = list(names = "a", progress = FALSE),
      cl_consensus = list(experts = list(image > 0, image > 20), progress = FALSE)
    )
  )
}

# The error of a call; of what is made without Python that of using it. NULL where there is none.
refusal <- function(fun, given) {
  tryCatch(
    {
      made <- suppressMessages(suppressWarnings(do.call(fun, given, quote = TRUE)))
      if (inherits(made, "cl_component")) call_python("plain", value = made)
      if (inherits(made, "cl_data")) cl_check(made, progress = FALSE)
      NULL
    },
    error = identity
  )
}

# What a refusal says that no user of R should read; NULL where there is none, or a good one.
odd_words <- function(error) {
  if (is.null(error)) {
    return(NULL)
  }
  text <- gsub("x{9,}", "xxx", conditionMessage(error))
  clean <- inherits(error, "cytoloom_error") && !grepl(foreign, text) && nchar(text) < 1000
  if (!clean) text
}

test_that("whatever is given for whatever argument, R's words say what is wrong with it", {
  need_python()
  calls <- usual_calls()
  # these look at the machine, and install
  apart <- c("cl_available", "cl_doctor", "cl_install", "evaluate")
  methods <- c("evaluate.cl_model", "predict.cl_model")
  expect_setequal(names(calls), c(setdiff(getNamespaceExports("cytoloom"), apart), methods))
  # what a name of a file writes lands in a folder that goes
  dir.create(scratch <- tempfile("scratch"))
  home <- setwd(scratch)
  on.exit(setwd(home))
  odd <- odd_values()
  for (name in names(calls)) {
    fun <- get(name, asNamespace("cytoloom"))
    # elsewhere a picture is made, or a network written, which costs time
    costly <- c(cl_simulate = "folder", cl_export_model = "path")
    apart <- c("...", stats::na.omit(costly[name]))
    for (argument in setdiff(names(formals(fun)), apart)) {
      said <- lapply(odd, function(value) {
        given <- calls[[name]]
        given[argument] <- list(value)
        odd_words(refusal(fun, given))
      })
      expect_identical(paste(unlist(said), collapse = "\n"), "", label = paste(name, argument))
    }
  }
})

test_that("a fault is one of the argument that has it", {
  need_python()
  blamed <- function(code) tryCatch(code, cytoloom_error = function(error) error$argument)
  data <- cl_data(plate()$images, plate()$labels)
  nowhere <- file.path(tempfile(), "nowhere")
  image <- plate()$images$A01
  expect_identical(blamed(cl_train(data, validation = nowhere)), "validation")
  expect_identical(blamed(cl_plan(data, validation = list(1))), "validation")
  expect_identical(blamed(cl_train(data, start = nowhere)), "start")
  expect_identical(blamed(predict(bundled_model(), image, pixel_size_um = NA)), "pixel_size_um")
  expect_identical(blamed(predict(bundled_model(), image, axes = NA)), "axes")
  expect_identical(blamed(cl_measure(plate()$labels, nowhere)), "image")
  expect_identical(blamed(cl_relate(plate()$labels, nowhere)), "cells")
})

test_that("NaN, NA, infinite and no values are called what they are", {
  need_python()
  received <- function(code) tryCatch(code, cytoloom_error = function(error) error$received)
  for (value in list(NaN, NA, Inf, -Inf)) {
    expect_identical(received(cl_plan(train_folder(), minutes = value)), format(value))
    expect_identical(received(cl_measure(matrix(1, 2, 2), around_um = value)), format(value))
  }
  expect_identical(received(cl_iou(NULL, NULL)), "NULL")
  image <- plate()$images$A01 + 0
  image[1:2] <- c(NaN, Inf)
  expect_warning(
    found <- predict(bundled_model(), image, progress = FALSE), "NaN or infinite values in 0.02%"
  )
  expect_identical(found$files$objects, 6L)
  image[1] <- NA
  expect_error(predict(bundled_model(), image), "Received: 1 NA")
  text <- matrix("a", 2, 2)
  told <- "Received: an array of 2 x 2 texts"
  expect_error(predict(bundled_model(), text), told)
  expect_error(cl_measure(text), told)
})

test_that("what cannot be used among others is said of its image, and alone of the argument", {
  need_python()
  images <- plate()$images
  labels <- plate()$labels
  images$A02[1] <- NA
  labels$B01[1] <- NA
  report <- cl_check(cl_data(images, labels), progress = FALSE)
  expect_identical(report$table$status[1], "ok")
  expect_match(report$table$status[2], "^Invalid `A02`. .* missing values. Received: 1 NA.$")
  expect_match(report$table$status[3], "^Invalid `labels of B01`. [^.]*. Received: 1 NA.$")
  images$B01 <- matrix("a", 2, 2)
  given <- list(images, data.frame(name = names(images), image = I(images)))
  for (some in given) {
    found <- suppressWarnings(predict(bundled_model(), some, progress = FALSE))
    expect_identical(found$files$status == "ok", c(TRUE, FALSE, FALSE))
  }
  expect_warning(table <- cl_measure(labels, progress = FALSE), "labels of B01.*1 NA")
  expect_identical(unique(table$image), c("A01", "A02"))
  first <- unname(lapply(plate()$labels, function(one) one > 0))
  other <- replace(first, 2, list(replace(first[[2]], 1, NA)))
  agreed <- suppressWarnings(cl_consensus(list(first, other), progress = FALSE))
  expect_identical(agreed$per_image$status == "ok", c(TRUE, FALSE, TRUE))
  expect_error(predict(bundled_model(), images$A02), "Invalid `images`. Expected no missing values")
  expect_error(cl_check(cl_data(images$A01, labels$B01)), "Invalid `labels`. Expected no missing")
})

test_that("labels in a folder go with images in a folder", {
  need_python()
  folder <- file.path(train_folder(), "labels")
  for (labels in list(folder, list(folder))) {
    expect_error(cl_check(cl_data(plate()$images["A01"], labels)), "a folder")
  }
})

test_that("metrics that pictures do not have are refused in one sentence", {
  need_python()
  for (metric in list("lss", 1, NA, character())) {
    expect_error(plot(bundled_model(), metric = metric), "Expected one or more of loss, score")
    expect_error(plot(evaluate_plate(), metric = metric), "Expected one of ap50, ")
    skip_if_not_installed("ggplot2")
    expect_error(ggplot2::autoplot(evaluate_plate(), metric = metric), "one or more of ap50, ")
  }
  expect_error(plot(bundled_model(), metric = "lss"), "Received: \"lss\"")
  expect_error(plot(evaluate_plate(), metric = c("dice", "ap50")), "Expected one of")
  expect_error(plot(evaluate_plate(), n = 0), "a whole number, 1 or more. Received: 0")
})

test_that("reports of images in tibbles are short", {
  need_python()
  skip_if_not_installed("tibble")
  table <- tibble::tibble(image = plate()$images, label = plate()$labels)
  report <- cl_check(table, progress = FALSE)
  expect_output(print(report), "^3 images checked: nothing wrong.$")
  shown <- capture.output(str(report), print(cl_data(table)), str(cl_data(table)))
  expect_lt(sum(nchar(shown)), 2000)
  one <- cl_check(cl_data(plate()$images[1], plate()$labels[1]), progress = FALSE)
  expect_output(print(one), "^1 image checked")
})

test_that("what lacks is told of the function that was called", {
  told <- function(code) tryCatch(code, cytoloom_error = conditionMessage)
  expect_identical(told(cl_dice(matrix(0, 1))), "Missing argument: `found` of cl_dice().")
  expect_identical(told(cytoloom::cl_iou()), "Missing argument: `truth`, `found` of cl_iou().")
  wrapped <- function(path) cl_load(path)
  expect_identical(told(wrapped()), "Missing argument: `path` of cl_load().")
  model <- structure(list(path = "x", info = list()), class = "cl_model")
  expect_identical(told(predict(model)), "Missing argument: `images` of predict().")
  expect_identical(told(do.call(cl_read, list())), "Missing argument: `path`.")
  for (name in setdiff(getNamespaceExports("cytoloom"), "evaluate")) {
    formals <- as.list(formals(get(name, asNamespace("cytoloom"))))
    needed <- names(Filter(is_nothing, formals))
    if (length(setdiff(needed, "...")) == 0) next
    expect_error(do.call(name, list()), paste0("^Missing argument: .* of ", name, "\\(\\)[.]$"))
  }
})

test_that("what has no name where it needs one is told its names", {
  image <- matrix(0, 2, 2)
  expect_error(
    cl_outlines(image, "sf"),
    'Unused argument: "sf" (without a name). Give it by its name: `as`.',
    fixed = TRUE
  )
  expect_error(cl_match(image, image, 0.5, 1, iuo = 2), "1 \\(without a name\\), `iuo`. Give it")
})

test_that("settings of a simulation go with a folder or with an image in memory", {
  folder <- tempfile("there")
  dir.create(folder)
  expect_error(cl_simulate(images = "a"), "Invalid `images`. Expected `folder` with it")
  expect_error(cl_simulate(people = 3), "Invalid `people`. Expected `folder` with it")
  expect_error(cl_simulate(seed = NA), "Invalid `seed`. Expected no missing values. Received: NA.")
  expect_error(cl_simulate(folder, shape = c(64, 64)), "`shape`. Settings of an image, .* memory")
  need_python()
  expect_error(cl_simulate(kind = "annotators"), "written to files: pass `folder`.")
  expect_error(cl_simulate(folder, images = "a", progress = FALSE), "a whole number. Rec.*: \"a\"")
  expect_identical(list.files(folder), character())
})

test_that("digits that print() cannot show are refused", {
  scores <- structure(
    list(summary = data.frame(value = 1, low = NA, n = 0), per_image = data.frame(image = "a")),
    class = "cl_scores"
  )
  expect_output(print(scores, digits = 2), "Scores of 1 image")
  for (digits in list("x", NA, -1, 1.5, 100, c(1, 2))) {
    expect_error(print(scores, digits = digits), "`digits`. Expected a whole number from 0 to 22")
  }
})

test_that("columns that are matrices or have no name come along, or are refused by their name", {
  need_python()
  files <- list.files(file.path(test_folder(), "images"), full.names = TRUE)
  table <- data.frame(image = files, 1:2)
  names(table)[2] <- ""
  table$m <- matrix(1:4, 2)
  table$z <- scale(c(1, 3))
  found <- predict(tiny_model(), table, rescale = NULL, progress = FALSE)
  expect_identical(found$files$m.2, 3:4)
  expect_equal(found$files$z, c(-1, 1) / sqrt(2))
  table$image <- matrix(files, 2, 2)
  expect_error(predict(tiny_model(), table), "Invalid `image`. Expected one image in each row.")
})

test_that("faults of files, shapes and numbers are told in words that R has, too", {
  need_python()
  file <- tempfile(fileext = ".tif")
  writeLines("x", file)
  expect_error(cl_read(file), 'Received: a file that starts with "x". Copy')
  expect_error(cl_outlines(array(1, c(2, 3, 4))), "`labels`. .* of shape c\\(2, 3, 4\\)")
  file <- tempfile(fileext = ".tif")
  expect_error(cl_write_labels(matrix(2^33), file), "to 4294967295. Received: 8589934592 to")
  expect_error(cl_write_labels(matrix(-1), file), "Received: -1 to -1.")
  cl_write_labels(matrix(2^32 - 1), file)
  expect_identical(c(cl_read(file, labels = TRUE)), 2^32 - 1)
  expect_error(cl_measure(matrix(-1)), "Expected labels from 0 to 2147483647. Received: label -1")
  expect_error(cl_relate(matrix(1), matrix(-1)), "Invalid `cells`. Expected labels from 0")
  expect_error(cl_match(matrix(1), matrix(1), iou = NaN), "Expected a finite number. Received: NaN")
  expect_error(cl_relate(matrix(2^31), matrix(1)), "`nuclei`. Expected labels from 0 to 2147483647")
  expect_error(cl_relate(matrix(1, 2, 2), matrix(1)), "`cells`. Expected the shape of the nuclei")
  expect_error(cl_simulate(diameter = 3), "Invalid `diameter`. Expected a setting of nuclei: shape")
  expect_error(cl_simulate(diameter_px = c(9, 5)), "Invalid `diameter_px`. Expected the smallest")
  expect_error(cl_simulate(count = 1e6), "`count`. Expected 0 to 1000, for more find no room in")
  expect_error(cl_simulate(count = 1e300), "Expected a whole number. Received: 1e\\+300.")
  image <- plate()$images$A01
  expect_error(predict(bundled_model(), image, channels = TRUE), "indices from 0 or names of chan")
  expect_error(predict(bundled_model(), image - 500L), "attr\\(image, \"dtype\"\\) <- \"int16\"")
  dir.create(folder <- tempfile("broken"))
  writeLines(c("{", "x}"), file.path(folder, "model.json"))
  expect_error(cl_load(folder), "text that is no JSON from line 2, column 1 on, in ")
  text <- readLines(file.path(bundled_model()$path, "model.json"), warn = FALSE)
  file.copy(list.files(bundled_model()$path, full.names = TRUE), folder, recursive = TRUE)
  writeLines(sub("\"residual\": false", "\"residual\": 3", text), file.path(folder, "model.json"))
  told <- "Invalid `residual`. Expected TRUE or FALSE. Received: 3. It is in .*model.json."
  expect_error(cl_load(folder), told)
})

test_that("components of the wrong kind are called as they are made", {
  need_python()
  plan <- function(...) cl_plan(train_folder(), ..., progress = FALSE)
  expect_error(plan(network = 3), "Expected a cl_unet() or NULL. Received: 3.", fixed = TRUE)
  expect_error(plan(task = cl_loss("dice")), 'Received: cl_loss("dice").', fixed = TRUE)
})

test_that("no image at all, and an image twice, are one sentence", {
  need_python()
  found <- predict(bundled_model(), some_images()[1], progress = FALSE)
  table <- data.frame(name = "a")
  table$image <- some_images()[1]
  for (none in list(found[0], table[0, ], list(), character())) {
    expect_error(predict(bundled_model(), none), "one image|0 rows", class = "cytoloom_error")
  }
  expect_error(found[c(1, 1)], "`i`. Expected each image once")
  expect_error(plot(found[0]), "Expected a prediction of at least one image")
  none <- data.frame(image = character(), label = character())
  expect_error(predict(bundled_model(), none["image"]), "`images`. Expected at least one image")
  expect_error(cl_check(none, progress = FALSE), "`data`. Expected at least one image")
})

test_that("an image with its labels is no list of two images", {
  need_python()
  pair <- cl_simulate(shape = c(48, 48), count = 3)
  told <- "a list of an image and its labels. That is x\\$"
  for (verb in list(
    cl_measure, cl_outlines, cl_consensus, function(x) cl_export(x, tempfile()),
    function(x) cl_relate(x, x), function(x) cl_consensus(list(x, x))
  )) {
    expect_error(verb(pair), paste0("Expected the labels alone. Received: ", told, "labels"))
  }
  expect_error(predict(bundled_model(), pair), paste0("the image alone. Received: ", told, "image"))
  expect_error(cl_measure(pair$labels, pair), "Invalid `image`. Expected the image alone")
  # where it may be both it is what it is
  expect_true(cl_check(pair, progress = FALSE)$ok)
  expect_identical(
    cl_check(pair, progress = FALSE)$table,
    cl_check(list(images = pair$image, labels = pair$labels), progress = FALSE)$table
  )
})

test_that("what is no model, no array or no argument is called as it was given", {
  need_python()
  for (verb in list(cl_save, cl_export_model)) {
    expect_error(verb(3, tempfile()), "Expected a model, as cl_load\\(\\) returns it, or its fold")
  }
  scores <- list(cl_partition_scores, cl_surface_scores)
  for (verb in c(cl_dice, cl_iou, cl_match, cl_average_precision, scores)) {
    expect_error(verb(c(1, 0), c(1, 1)), "`truth`. Expected a matrix or an array of labels. Rec")
  }
  expect_error(
    predict(bundled_model(), newdata = plate()$images),
    "Missing argument: `images` of predict(). Unused argument: `newdata`.",
    fixed = TRUE
  )
  expect_error(cl_export(matrix(1), tempfile(), "svg"), 'one of "roi", "geojson", "coco". Received')
  expect_error(cl_consensus(list(factor("none"), "none2")), "none, which is no folder")
})
