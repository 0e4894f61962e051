test_that("tables come back as they went, with zero, one and more rows", {
  need_python()
  table <- data.frame(
    text = c("a", "\u00b5m", ""), whole = c(1L, -2L, 3L), real = c(0.1, Inf, -0),
    truth = c(TRUE, FALSE, TRUE)
  )
  for (n in 0:3) {
    expect_identical(echo(table[seq_len(n), ]), table[seq_len(n), ])
  }
  expect_identical(echo(table[2, "text", drop = FALSE])$text, "\u00b5m")
})

test_that("NA crosses in each type", {
  need_python()
  table <- data.frame(
    text = c("NA", NA), whole = c(NA, 7L), real = c(NA, 1.5), truth = c(TRUE, NA)
  )
  expect_identical(echo(table), table)
})

test_that("factors arrive as text and counts above 2^31 as doubles", {
  need_python()
  table <- data.frame(class = factor(c("b", "a", NA)), count = c(2^31, 2^53, 1))
  back <- echo(table)
  expect_identical(back$class, c("b", "a", NA))
  expect_identical(back$count, table$count)
})

test_that("doubles keep every bit", {
  need_python()
  set.seed(1)
  table <- data.frame(x = stats::rnorm(2000) * 10^stats::runif(2000, -300, 300))
  expect_identical(echo(table), table)
})

test_that("columns of other classes arrive as text", {
  need_python()
  table <- data.frame(day = as.Date("2026-01-31") + 0:1, time = as.POSIXct(c("1970-01-01", NA)))
  expect_identical(echo(table)$day, c("2026-01-31", "2026-02-01"))
  expect_identical(echo(table)$time, c("1970-01-01", NA))
})

test_that("arrays keep values and index order in every type", {
  need_python()
  whole <- array(0:23, c(2, 3, 4))
  expect_identical(echo(whole), whole)
  expect_identical(echo(whole + 0), whole)
  expect_identical(echo(whole / 7), whole / 7)
  expect_identical(echo(whole - 5L), whole - 5L)
  expect_identical(echo(array(as.raw(0:3), c(2, 2))), matrix(0:3, 2))
  expect_identical(echo(whole > 3), array(as.integer(whole > 3), dim(whole)))
  expect_identical(dim(echo(matrix(0, 0, 3))), c(0L, 3L))
})

test_that("numbers take as few bytes as they allow", {
  dtype <- function(...) pack(matrix(c(...), 1))$dtype
  expect_identical(dtype(0, 255), "uint8")
  expect_identical(dtype(0, 256), "uint16")
  expect_identical(dtype(0L, 65535L), "uint16")
  expect_identical(dtype(0, 70000), "int32")
  expect_identical(dtype(-1, 0), "int32")
  expect_identical(dtype(0, 2^31), "float64")
  expect_identical(dtype(0, 0.5), "float64")
  expect_identical(dtype(FALSE, TRUE), "uint8")
  expect_length(pack(matrix(1000, 10, 10))$raw, 200)
})

test_that("pixels cross as R has them, or as their file is said to be", {
  crossing <- function(x) unlist(pack_pixels(x)[c("dtype", "stored")])
  expect_identical(crossing(matrix(0:3, 2)), c(dtype = "int32"))
  expect_identical(crossing(matrix(c(0, 255), 1)), c(dtype = "int32"))
  expect_identical(crossing(matrix(c(0, 0.5), 1)), c(dtype = "float64"))
  expect_identical(crossing(matrix(c(0, 2^40), 1)), c(dtype = "float64"))
  typed <- function(x, dtype) structure(x, dtype = dtype)
  expect_identical(crossing(typed(matrix(0:3, 2), "uint16")), c(dtype = "uint16"))
  expect_identical(crossing(typed(matrix(-1:2, 2), "int16")), c(dtype = "int32", stored = "int16"))
  expect_identical(crossing(typed(matrix(c(0, 0.1), 1), "float32")), c(dtype = "float32"))
  # what arithmetic kept no longer holds
  for (x in list(matrix(c(0, 0.5), 1), matrix(c(0, 70000), 1), matrix(c(-1, 0), 1))) {
    expect_null(said_dtype(typed(x, "uint16")))
  }
  expect_null(said_dtype(typed(matrix(0, 1), "pixels")))
  need_python()
  expect_identical(echo(pack_pixels(typed(matrix(-1:2, 2), "int16"))), matrix(-1:2, 2))
})

test_that("large arrays cross in parts without a seam", {
  n <- 2 * part_length + 3
  x <- matrix(as.double(seq_len(n) %% 65536), ncol = 1)
  packed <- pack(x)
  expect_identical(packed$raw, writeBin(as.integer(x), raw(), size = 2, endian = "little"))
  expect_identical(unpack(packed), matrix(as.integer(x), ncol = 1))
})

test_that("missing values in arrays are refused", {
  expect_error(pack(matrix(c(1, NA), 1)), "Expected no missing values. Received: 1 NA")
  expect_error(pack(NA), "missing")
})

test_that("fractional labels are refused and say why", {
  rescaled <- matrix(c(0, 1 / 255), 1)
  expect_error(cl_dice(rescaled, rescaled), "labels look rescaled; read them with readTIFF")
  expect_error(cl_dice(rescaled * 300, rescaled), "Expected whole numbers. Received: 1.176")
})

test_that("what is not plain is refused", {
  expect_error(pack_arguments(list(a = mean)), "Invalid `a`. Expected .* Received: a function.")
  expect_error(pack_arguments(list(b = list(1i))), "Invalid `b`. .* Received: 0\\+1i.")
  expect_error(pack_arguments(list(n = NA)), "`n`. Expected no missing values. Received: NA.")
})

test_that("plain values keep their shape", {
  need_python()
  value <- list(a = 1, b = "x", c = TRUE, d = NULL, e = list(f = 2))
  expect_identical(echo(value), value)
  expect_identical(echo(c(1, 2.5)), c(1, 2.5))
  expect_identical(echo(c(a = 1)), 1)
})

makers <- list(
  Trainer = cl_trainer, UNet = cl_unet, Augment = cl_augment, Normalize = cl_normalize,
  Binary = cl_binary, Classes = cl_classes, Instances = cl_instances, Boundary = cl_boundary,
  Affinities = cl_affinities, Distance = cl_distance, InnerDistance = cl_inner_distance,
  HotDistance = cl_hot_distance, Centres = cl_centres, Autoencoder = cl_autoencoder,
  Reconstruction = cl_reconstruction,
  CrossEntropyDice = function(class_weights = NULL, smooth = 1) {
    cl_loss("ce_dice", class_weights, smooth)
  },
  Dice = function(class_weights = NULL, smooth = 1) cl_loss("dice", class_weights, smooth),
  Focal = function(class_weights = NULL, gamma = 2) cl_loss("focal", class_weights, gamma = gamma),
  CrossEntropy = function(class_weights = NULL) cl_loss("ce", class_weights),
  AbsoluteError = function(class_weights = NULL) cl_loss("l1", class_weights),
  SquaredError = function(class_weights = NULL) cl_loss("mse", class_weights),
  Tversky = function(class_weights = NULL, smooth = 1, alpha = 0.3, beta = 0.7) {
    cl_loss("tversky", class_weights, smooth, alpha, beta)
  }
)

test_that("a setting out of its range is told where it is made, without Python", {
  expect_error(cl_unet(filters = 0), "Expected a whole number, 1 or more. Received: 0.")
  expect_error(cl_trainer(minutes = -1), "`minutes`. Expected a finite number above 0.")
  expect_error(cl_trainer(patch_px = c(64, 0)), "Received: c(64, 0)", fixed = TRUE)
  expect_error(cl_trainer(minutes = NA), "Received: NA.")
  expect_error(cl_trainer(minutes = Inf), "Received: Inf.")
  expect_error(cl_trainer(iterations = c(1, 2)), "a whole number, 1 or more.*c\\(1, 2\\)")
  expect_error(cl_trainer(optimizer = "adm"), '"adamw", "sgd", "adagrad". Received: "adm".')
  expect_error(cl_trainer(minutes = 1, epochs = 2), "one of minutes, iterations, epochs")
  expect_error(cl_trainer(augment = "foo"), 'Expected a cl_augment\\(\\), NULL, "none".*"foo"')
  expect_error(cl_trainer(knots = 3), "rows of three numbers: .* Received: 3.")
  expect_error(cl_normalize(low = 99, high = 1), "low < high <= 100. Received: low = 99, high = 1.")
  expect_error(cl_augment(scale_range = c(2, 1)), "in order. Received: c\\(2, 1\\)")
  for (made in list(
    quote(cl_trainer(balance = 3)), quote(cl_trainer(balance = NA)), quote(cl_unet(residual = "a")),
    quote(cl_unet(stem_stride = c(2, 2, 2))), quote(cl_unet(stem_stride = 1.5)),
    quote(cl_unet(pooling = 3)), quote(cl_unet(pooling = list(c(2, 2)))),
    quote(cl_unet(depth = 1, pooling = list(c(0, 2)))), quote(cl_classes(NULL)),
    quote(cl_classes("a")), quote(cl_classes(c("a", "a"))), quote(cl_classes(c("a", NA))),
    quote(cl_classes(class_weights = NA)), quote(cl_classes(class_weights = c(1, NA))),
    quote(cl_classes(class_weights = 1:3)), quote(cl_classes(loss = cl_unet())),
    quote(cl_binary(loss = NULL)), quote(cl_binary(loss = "x")), quote(cl_binary(loss = NA)),
    quote(cl_distance(scale_px = 0)), quote(cl_hot_distance(distance_loss = NULL)),
    quote(cl_affinities(ndim = 4)), quote(cl_affinities(neighbourhood = 3)),
    quote(cl_boundary(boundary_threshold = 1)), quote(cl_inner_distance(scale_um = -1)),
    quote(cl_instances(distance_loss = 1)), quote(cl_instances(fill_holes = "yes")),
    quote(cl_loss("dice", class_weights = c(0, 0))), quote(cl_normalize(floor = -1)),
    quote(cl_normalize(floor = Inf)), quote(cl_normalize(floor_dtype = 1)),
    quote(cl_normalize(range = c(5, 5))), quote(cl_normalize(range = c(0, NA))),
    quote(cl_normalize(range = 3)), quote(cl_normalize(range = "type"))
  )) {
    setting <- utils::tail(names(made), 1)
    if (is.null(setting)) setting <- "names"
    expect_error(eval(made), paste0("^Invalid `", setting, "`"), label = deparse(made))
  }
  expect_s3_class(cl_classes(factor(c("a", "b")), c(1, 2), cl_loss("dice")), "cl_classes")
  expect_identical(cl_normalize(range = c(0, 4095))$range, c(0, 4095))
  expect_identical(cl_normalize(range = "dtype")$range, "dtype")
  expect_error(cl_normalize(floor = 1, range = "dtype"), "one of floor, range")
  expect_s3_class(cl_unet(depth = 1, stem_stride = 1:2, pooling = list(c(1, 2))), "cl_unet")
  expect_s3_class(cl_trainer(augment = cl_augment(), knots = list(c(1, 0, 2))), "cl_trainer")
})

test_that("rules are those of the Python classes", {
  need_python()
  refused <- function(code) inherits(try(code, silent = TRUE), "try-error")
  expect_alike <- function(component, setting, value) {
    maker <- makers[[component]]
    plain <- unclass(maker())
    plain[setting] <- list(value)
    class(plain) <- class(maker()) # which R would not have made so
    ours <- refused(do.call(maker, stats::setNames(list(value), setting)))
    theirs <- refused(call_python("plain", value = plain))
    expect_identical(ours, theirs, label = paste(setting, deparse(value)))
  }
  numbers <- list(-1, 0, 0.5, 1, 1.5, 2, 9, 61, 200, c(0, 1), c(0.5, 2), c(2, 1))
  single <- rules()[rules()$test == "value", ]
  for (rule in split(single, seq_len(nrow(single)))) {
    words <- as.list(strsplit(rule$words, " ")[[1]])
    values <- if (length(words) > 0) c(words, "other") else numbers
    if (rule$texts > 0) values <- list("a", c("a", "b"), c("a", "a"), 1)
    for (value in values) expect_alike(rule$component, rule$fields, value)
  }
})

test_that("the formals of verbs are what Python declares", {
  need_python()
  verbs <- list(
    train = cl_train, plan = cl_plan, check = cl_check, simulate = cl_simulate, info = cl_info,
    evaluate = evaluate.cl_model, predict = predict.cl_model, measure = cl_measure,
    consensus = cl_consensus, export = cl_export, export_model = cl_export_model,
    report = cl_report, review = cl_review, compare = cl_compare, rank = cl_rank,
    convert = cl_convert,
    run_start = cl_run_start, run_list = cl_runs, run_show = cl_run_show,
    run_compare = cl_run_compare, run_resume = cl_run_resume, run_remove = cl_run_remove,
    rerun = cl_rerun, cells_gather = cl_cells, cells_features = cl_features,
    cells_encode = cl_encode, cells_novelty = cl_novelty, cells_wells = cl_wells,
    cells_compare = cl_compare_features, cells_similar = cl_similar,
    cells_demo = cl_cells_demo, track = cl_track, export_tracks = cl_export_tracks,
    check_tracks = cl_check_tracks, train_tracker = cl_train_tracker, detect = cl_detect,
    score_links = cl_score_links, solve = cl_solve
  )
  # cl_check() takes cells, too
  expect_setequal(c(names(verbs), "cells_check"), unlist(call_python("verbs")))
  for (name in names(verbs)) {
    declared <- call_python("verb_parameters", name = name)
    if (name == "evaluate") { # what is of tracks alone is of their method
      of_tracks <- c("max_distance_um", "labels", "truth_labels")
      expect_true(all(of_tracks %in% names(formals(evaluate.cl_tracks))))
      declared$names <- setdiff(unlist(declared$names), of_tracks)
      declared$defaults <- declared$defaults[setdiff(names(declared$defaults), of_tracks)]
    }
    ours <- formals(verbs[[name]])
    ours <- ours[!names(ours) %in% c("...", "type")]
    names <- sub("^(x|object)$", "model", names(ours))
    expect_identical(names, unlist(declared$names), label = name)
    names(ours) <- names
    for (one in names(declared$defaults)) {
      expect_equal(eval(ours[[one]]), declared$defaults[[one]], label = paste(name, one))
    }
  }
})

test_that("formals of components are the defaults of the Python classes", {
  need_python()
  for (name in names(makers)) {
    ours <- lapply(formals(makers[[name]]), eval)
    theirs <- call_python("component_fields", name = name)
    expect_identical(names(ours), names(theirs), label = name)
    for (field in names(theirs)) {
      expect_equal(ours[[field]], unlist(theirs[[field]]), label = paste(name, field))
    }
  }
})

test_that("a component built in R is the one built in Python", {
  need_python()
  trainer <- cl_trainer(iterations = 10, patch_px = c(64, 32), augment = cl_augment(flip_p = 0))
  told <- call_python("plain", value = trainer)
  expect_equal(told$iterations, 10)
  expect_equal(unlist(told$patch_px), c(64, 32))
  expect_equal(told$augment$flip_p, 0)
})

test_that("settings of the wrong kind are refused by name", {
  need_python()
  expect_error(
    cl_check(train_folder(), task = cl_classes(names = 10.5)),
    "Invalid `names`. Expected 2 to 255 different names. Received: 10.5."
  )
})

test_that("paths are expanded by R", {
  need_python()
  expect_identical(plain_path("~/a"), path.expand("~/a"))
  expect_error(cl_load("~/no-such-model"), path.expand("~/no-such-model"), fixed = TRUE)
  expect_error(plain_path(1), "Expected a path. Received: 1.", fixed = TRUE)
  expect_error(plain_path(""), "Received: \"\".")
  expect_error(plain_path(c("a", NA)), "Expected one path")
})

test_that("a path beyond ASCII works in UTF-8 and stops elsewhere", {
  need_python()
  folder <- file.path(tempfile("m"), "\u00fcber")
  dir.create(folder, recursive = TRUE)
  file <- file.path(folder, "\u00b5.tif")
  cl_write_labels(matrix(0:3, 2), file)
  expect_identical(cl_read(file, labels = TRUE), matrix(0:3, 2))
  out <- fresh_r("cytoloom::cl_read('a\\u00b5.tif')", c(LC_ALL = "C"))
  expect_match(paste(out, collapse = " "), "set LANG=C.UTF-8")
})

test_that("a loss has the settings of its class, and no others", {
  expect_error(cl_loss("hinge"), 'Expected one of ce, ce_dice.*Received: "hinge"')
  expect_error(cl_loss("dice", alpha = 0.2), "Expected settings of dice. Received: alpha")
  expect_error(cl_loss("tversky", alpha = -1), "`alpha`. Expected a finite number, 0 or more.")
  need_python()
  for (name in names(loss_settings)) {
    theirs <- call_python("component_fields", name = loss_settings[[name]][[1]])
    expect_setequal(names(theirs), c("class_weights", loss_settings[[name]][-1]))
  }
  told <- call_python("plain", value = cl_binary(loss = cl_loss("tversky", alpha = 0.2)))
  expect_equal(told$loss$name, "Tversky")
  expect_equal(told$loss$alpha, 0.2)
})

test_that("whether a file holds labels is judged without the value that counts nowhere", {
  need_python()
  mask <- matrix(0L, 40, 40)
  mask[10:30, 10:30] <- 255L
  rim <- rep(c(60L, 160L, 90L, 150L), length.out = 21)
  mask[9, 10:30] <- mask[31, 10:30] <- mask[10:30, 9] <- mask[10:30, 31] <- rim
  file <- tempfile(fileext = ".tif")
  cl_write_labels(mask, file)
  expect_error(cl_read(file, labels = TRUE), "between those beside them")
  expect_identical(cl_read(file, labels = TRUE, unknown = 255), mask)
})

test_that("weights of classes go by their names", {
  classes <- c("bg", "cyt", "nuc")
  named <- cl_classes(classes, class_weights = c(nuc = 9, cyt = 1, bg = 2))
  expect_identical(unlist(named$class_weights), c(2, 1, 9))
  odd <- c(nuc = 9, cyt = 1, b = 2)
  expect_error(cl_classes(classes, class_weights = odd), "each of bg, cyt, nuc")
  expect_error(cl_loss("dice", class_weights = c(nuc = 9, bg = 1)), "in the order of the classes")
})

test_that("settings of a component are changed to what they may be, and there are no others", {
  trainer <- cl_trainer(minutes = 5)
  trainer$minutes <- NULL
  trainer[["iterations"]] <- 100
  trainer[c("batch_size", "patience")] <- list(2, NULL)
  expect_identical(trainer, cl_trainer(iterations = 100, batch_size = 2))
  expect_identical(modifyList(trainer, list(epochs = NULL, warmup = 0.1))$warmup, 0.1)
  expect_error(trainer$foo <- 1, "Invalid `cl_trainer`. Expected settings that it has, minutes, .*")
  expect_error(trainer$name <- "UNet", "Received: \"name\"")
  expect_error(trainer$warmup <- 2, "Invalid `warmup`.")
  expect_error(trainer$epochs <- 2, "Expected one of minutes, iterations, epochs")
  expect_identical(as.list(trainer)[1:2], list(minutes = NULL, iterations = 100))
  loss <- cl_loss("tversky", alpha = 0.2)
  loss$beta <- 0.8
  expect_identical(loss, cl_loss("tversky", alpha = 0.2, beta = 0.8))
  expect_error(loss$gamma <- 2, "alpha, beta. Received: \"gamma\"|Received: \"gamma\"")
  expect_identical(cl_classes(factor(c("b", "a"))), cl_classes(c("b", "a")))
  expect_identical(cl_trainer(optimizer = factor("sgd")), cl_trainer(optimizer = "sgd"))
})
