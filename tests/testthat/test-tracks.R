# A cell that divides after two frames, and one that stays: [t, y, x].
dividing_labels <- function() {
  labels <- array(0L, c(4, 40, 60))
  for (t in 1:2) labels[t, 18:23, 10:15] <- 1L
  for (t in 3:4) {
    labels[t, 13:17, 10:14] <- 1L
    labels[t, 24:28, 10:14] <- 2L
  }
  for (t in 1:4) labels[t, 20:25, 45:50] <- 9L
  labels
}

# The same as true tracks.
dividing <- function(...) {
  cl_read_tracks(data.frame(
    track = c(1, 1, 2, 2, 3, 3), parent = c(0, 0, 1, 1, 1, 1), frame = c(0, 1, 2, 3, 2, 3),
    y = c(20, 20, 15, 15, 26, 26), x = 12
  ), ...)
}

test_that("label images are linked, in R's index order", {
  need_python()
  labels <- dividing_labels()
  found <- cl_track(NULL, labels, pixel_size_um = 0.5, minutes_per_frame = 30, progress = FALSE)
  expect_s3_class(found, "cl_tracks")
  expect_identical(nrow(found$positions), 10L)
  one <- found$positions[found$positions$frame == 0 & found$positions$object == 9, ]
  expect_equal(c(one$y_px, one$x_px), c(21.5, 46.5)) # rows 20 to 25 are 19 to 24 from 0
  expect_equal(c(one$y_um, one$x_um), c(10.75, 23.25))
  expect_equal(found$spacing_um, c(0.5, 0.5))
  long <- found$tracks[found$tracks$positions == 4, ]
  expect_true(nrow(long) >= 1 && all(long$end == "movie"))
  expect_type(found$run, "character")
  expect_output(print(found), "10 positions")
  frames <- lapply(1:4, function(t) labels[t, , ])
  again <- cl_track(NULL, frames, pixel_size_um = 0.5, minutes_per_frame = 30, progress = FALSE)
  expect_identical(again$links, found$links)
  two <- cl_track(NULL, list(a = labels, b = labels), drift = FALSE, progress = FALSE)
  expect_identical(summary(two)$recording, c("a", "b"))
  expect_identical(summary(two)$positions, c(10, 10))
  expect_identical(as.data.frame(two), two$positions)
})

test_that("positions are linked, kept, and linked again without a link that is wrong", {
  need_python()
  table <- data.frame(
    frame = rep(0:2, each = 2), y = c(5, 30, 6, 29, 7, 28), x = c(5, 30, 5, 31, 6, 31)
  )
  out <- tempfile("tracks")
  found <- cl_track(NULL, table, out = out, progress = FALSE)
  expect_identical(found$tracks$positions, c(3L, 3L))
  expect_true(file.exists(file.path(out, "track_warnings.csv")))
  expect_identical(cl_read_tracks(out)$tracks, found$tracks)
  expect_identical(cl_track(NULL, found, progress = FALSE)$tracks, found$tracks)
  look <- cl_links_to_review(found, 0)
  expect_true(all(look$right == ""))
  wrong <- subset(found$links, chosen)[1, 1:5]
  wrong$right <- "no"
  again <- cl_track(NULL, table, corrections = wrong, progress = FALSE)
  key <- function(links) do.call(paste, links[2:5])
  expect_false(key(wrong) %in% key(subset(again$links, chosen)))
})

test_that("links that are likely wrong are cut out", {
  need_python()
  found <- dividing()
  found$links$p_wrong <- ifelse(found$links$frame_from == 0, 0.2, 0.001)
  expect_identical(nrow(cl_filtered(found, 0.1)$tracks), 4L)
  expect_identical(nrow(cl_filtered(found, 0.5)$tracks), 3L)
  expect_error(cl_filtered(found, 2), "`max_error`. Expected a probability, 0 to 1. Received: 2.")
  expect_identical(cl_links_to_review(found)$p_wrong, 0.2)
})

test_that("cycles last from division to division, and the others are censored", {
  need_python()
  found <- cl_read_tracks(data.frame(
    track = c(1, 1, 2, 2, 2, 3, 4, 5), parent = c(0, 0, 1, 1, 1, 1, 2, 2),
    frame = c(0, 1, 2, 3, 4, 2, 5, 5), y = c(9, 9, 5, 5, 5, 13, 3, 7), x = 9
  ), minutes_per_frame = 30)
  cycles <- cl_cell_cycles(found)
  middle <- cycles[cycles$parent == 1 & cycles$event == 1, ]
  # from 1.5 to 4.5
  expect_identical(c(middle$begin, middle$end, middle$frames, middle$hours), c(1.5, 4.5, 3, 1.5))
  expect_identical(sum(cycles$event), 2L)
  expect_identical(cycles$born, cycles$parent > 0)
  lost <- cycles[cycles$parent == 1 & cycles$event == 0, ]
  expect_identical(c(lost$begin, lost$end), c(1.5, 2))
  tree <- cl_tree(found, 5)
  expect_identical(tree$generation, c(0L, 1L, 1L, 2L, 2L))
  expect_error(cl_tree(found, 6), "`cell`. Expected a track, 1 to 5. Received: 6.")
})

test_that("celltrackR's table has a row for each position, in minutes and micrometres", {
  need_python()
  table <- cl_celltrackr(dividing(spacing_um = 0.5, minutes_per_frame = 10))
  expect_named(table, c("id", "t", "x", "y"))
  expect_identical(table$t[table$id == 1], c(0, 10))
  expect_identical(table$y[table$id == 1], c(10, 10))
  expect_identical(cl_celltrackr(dividing())$t[1:2], c(0, 1))
})

test_that("tracks are written for other programs, and scored", {
  need_python()
  truth <- dividing()
  file <- cl_export_tracks(truth, tempfile(fileext = ".aut"), progress = FALSE)
  expect_identical(nrow(cl_read_tracks(file)$links), 5L)
  scores <- evaluate(truth, truth)
  value <- stats::setNames(scores$summary$value, scores$summary$metric)
  expect_identical(value[["LNK"]], 1)
  cut <- truth
  cut$links <- truth$links[truth$links$frame_from != 0, ]
  cut_scores <- evaluate(cut, truth)
  expect_identical(as.data.frame(cut_scores)$links_missed, 1)
  expect_output(print(cut_scores), "5 true links: 1 missed")
  out <- tempfile("scores")
  evaluate(cut, file, out = out)
  expect_identical(utils::read.csv(file.path(out, "scores_per_recording.csv"))$links_missed, 1)
  expect_error(evaluate(cut, file, out = out), "overwrite")
  expect_error(evaluate(truth, file.path(tempfile(), "no")), "`truth`")
  expect_identical(nrow(truth$warnings), 0L)
  expect_identical(nrow(cl_warned(truth)$warnings), 0L)
  cut <- cl_warned(cut, list(shortest_track = 1))
  expect_identical(as.character(cut$warnings$kind), c("track ends", "appears"))
  expect_error(cl_warned(truth, list(speed = 3)), "some of max_error")
})

test_that("trees, paths and errors are drawn", {
  need_python()
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  found <- dividing()
  at <- tree_places(found$tracks)
  expect_identical(at[["1"]], (at[["2"]] + at[["3"]]) / 2)
  expect_identical(plot(found, main = "a"), found)
  plot(found, cell = 2)
  plot(found, "paths")
  expect_error(plot(found, "errors"), "for error rates")
  expect_error(plot(found, "stars"), "`kind`")
  found$links$p_wrong <- 0.2
  expect_identical(plot(found, "errors"), found)
})

test_that("links are looked at on a page", {
  need_python()
  labels <- dividing_labels()
  found <- cl_track(NULL, labels, out = tempfile("tracks"), progress = FALSE)
  found$links$p_wrong[found$links$chosen] <- 0.25
  page <- tempfile(fileext = ".html")
  cl_report(found, page, images = labels * 20, progress = FALSE)
  text <- paste(readLines(page, warn = FALSE), collapse = "\n")
  expect_length(gregexpr("<article", text)[[1]], sum(found$links$chosen))
  expect_match(text, "data:image/jpeg")
  expect_error(
    cl_report(found, page, images = labels[1:3, , ], overwrite = TRUE, progress = FALSE),
    "`images`. Expected 4 frames or more of movie. Received: 3 frames"
  )
  file <- cl_export_tracks(dividing(), tempfile(fileext = ".aut"), progress = FALSE)
  cl_report(file, page, images = labels * 20, overwrite = TRUE, progress = FALSE)
  expect_match(paste(readLines(page, warn = FALSE), collapse = "\n"), "have no error rates")
})

test_that("what is no movie is said in a sentence", {
  need_python()
  expect_error(cl_track(NULL, matrix(1L, 3, 3)), "`movie`. Expected an array \\[t, y, x\\]")
  expect_error(cl_track(NULL, array(0.5, c(2, 3, 3))), "`movie`. Expected whole numbers")
  expect_error(cl_track(NULL, array(1L, c(1, 3, 3))), "2 frames or more. Received: 1 frame")
  expect_error(cl_track(NULL, data.frame(y = 1, x = 1)), "columns of positions: frame")
  expect_error(cl_filtered(3), "`x`. Expected tracks of cl_track")
  movie <- list(images = array(1L, c(2, 3, 3)), labels = array(1L, c(2, 3, 3)))
  expect_error(cl_track(NULL, movie), "That is x\\$labels")
})

# Far from trained; it knows where cells are and which are the same.
tiny_tracker <- function() {
  once("tracker", suppressWarnings(cl_train_tracker(
    culture(),
    networks = c("centres", "link"), network = cl_unet(filters = 4, depth = 2),
    trainer = cl_trainer(iterations = 2, batch_size = 1, patch_px = 32),
    region = list(y = c(0, 95), frames = c(0, 7)),
    out = file.path(tempfile("models"), "tracker.cytoloom"), progress = FALSE
  )))
}

culture <- function() {
  once("culture", cl_simulate(
    kind = "culture", frames = 8, shape = c(96, 96), count = 5, seed = 1
  ))
}

test_that("a tracker is trained, and says what its networks are", {
  need_python()
  model <- tiny_tracker()
  expect_s3_class(model, "cl_model")
  expect_output(print(model), "cells over time: centres, link")
  facts <- summary(cl_load(model$path))
  expect_match(facts[["centres"]], "finds cells: cl_centres\\(.*cl_unet")
  expect_match(facts[["validation"]], "of 1000 links .* wrong, .* missed")
  expect_false("counts" %in% names(facts))
  expect_setequal(as.data.frame(model)$network, c("centres", "link"))
  expect_identical(model$info$networks$link$task$name, "Link")
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_identical(plot(model), model)
})

test_that("steps alone, and all of them, find the same tracks of the same positions", {
  need_python()
  model <- tiny_tracker()
  movie <- culture()
  # of one that has hardly learned, what it finds may lie otherwise than in training
  found <- suppressWarnings(
    cl_detect(model, movie$images, pixel_size_um = 0.5, progress = FALSE)
  )
  columns <- c("recording", "frame", "object", "y_px", "x_px", "probability", "mean_intensity")
  expect_true(all(columns %in% names(found)))
  given <- cl_track(NULL, movie$labels, progress = FALSE)$positions
  given <- given[c("frame", "object", "y_px", "x_px")]
  out <- tempfile(fileext = ".csv")
  links <- cl_score_links(
    model, movie$images, given,
    pixel_size_um = 0.5, drift = FALSE, channels = 0, out = out, progress = FALSE
  )
  expect_true(all(links$probability >= 0 & links$probability <= 1))
  expect_identical(nrow(utils::read.csv(out)), nrow(links))
  solved <- cl_solve(given, links, pixel_size_um = 0.5, drift = FALSE, progress = FALSE)
  expect_s3_class(solved, "cl_tracks")
  whole <- cl_track(
    model, movie$images,
    positions = given, pixel_size_um = 0.5, drift = FALSE, progress = FALSE
  )
  key <- function(x) sort(do.call(paste, subset(x$links, chosen)[2:5]))
  expect_identical(key(solved), key(whole))
  expect_identical(key(cl_solve(given, out, pixel_size_um = 0.5, drift = FALSE)), key(whole))
})

test_that("movies with tracks cross in each form", {
  need_python()
  movie <- culture()
  tracks <- dividing()
  one <- list(images = movie$images, tracks = tracks)
  several <- plain_training(list(a = one, b = one))
  expect_named(several$recordings, c("a", "b"))
  expect_identical(several$recordings$a$tracks$kind, "cl_tracks")
  expect_named(plain_training(list(one, one)), "several")
  expect_named(plain_training(movie)$images, "source")
  table <- plain_training(data.frame(images = "~/a", tracks = factor("b.aut")))
  expect_identical(unpack(table)$images, path.expand("~/a"))
  train <- function(data, ...) cl_train_tracker(data, ..., progress = FALSE)
  expect_error(train(data.frame(images = "a")), "columns images and tracks, also tracks")
  expect_error(train(list(images = movie$images)), "`data`. Expected movies with tracks")
  expect_error(train(movie$images), "`data`. Expected movies with tracks")
  expect_error(train(one, region = list(y = 3)), "`region`. Expected axes with their first and")
  expect_error(cl_solve(data.frame(frame = 0:1, y = 1, x = 1), NULL), "`links`. Expected a data fr")
  expect_error(cl_score_links(tiny_model(), movie$images, movie$positions), "network for links")
})

test_that("what is odd about movies with tracks is told before training", {
  movie <- cl_simulate(kind = "culture", frames = 6, shape = c(96, 96), count = 5, seed = 1)
  good <- cl_check_tracks(movie, progress = FALSE)
  expect_s3_class(good, "cl_report")
  expect_true(good$ok)
  expect_identical(good$table$frames, 6L)
  table <- movie$positions
  table$track <- table$object
  table$x_px[1] <- 200
  bad <- cl_check_tracks(list(images = movie$images, tracks = table), progress = FALSE)
  expect_false(bad$ok)
  expect_match(bad$text, "along x, 0 to 95 px")
})
