#' Train a model that follows cells
#'
#' Movies with tracks go in; what comes out finds the cells of a movie, sees which of them divide,
#' and says which are the same in the next frame, for [cl_track()].
#'
#' Of three or more recordings some are held out, of fewer the last fifth of their frames. By these
#' the threshold of detection is fitted, and what makes probabilities of cells, links and divisions
#' honest; and they are scored, see `summary()`.
#'
#' @param data Images of movies with their tracks: `list(images = , tracks = )`; a named list of
#'   several such lists; what `cl_simulate(kind = "culture")` returns; a data frame or CSV file with
#'   columns images and tracks (paths); or a folder with movies and files of tracks beside them
#'   (`01` and `01_GT`, or `a.tif` and `a.aut`). Images: an array `[t, y, x]` or `[t, z, y, x]`, a
#'   list of matrices, a file or a folder of frames. Tracks: whatever [cl_read_tracks()] reads, or
#'   what it returns; clicked centres and links are enough.
#' @param ... Must be empty.
#' @param minutes How long the call may take; short for `trainer = cl_trainer(minutes = )`. `NULL`:
#'   10.
#' @param networks Which to train: `"centres"` (where cells are), `"link"` (which two are the
#'   same), `"division"` (which are about to divide; left out where fewer than 3 are annotated).
#' @param network A [cl_unet()], for centres; `NULL`: planned from the images.
#' @param trainer A [cl_trainer()]: how long and how, of all networks together; iterations are each
#'   network's.
#' @param normalize A [cl_normalize()]: scaling of each frame; `NULL`: percentiles 1 to 99.8.
#' @param channels Channels to learn from, by index from 0 or by name; `list(0, c(2, 3))`: two, the
#'   second a sum.
#' @param region Where everything is annotated: a named list from axes (`z`, `y`, `x`) and `frames`
#'   to the first and the last, in px from 0, such as `list(y = c(0, 99), frames = c(0, 20))`; a
#'   list of these where it changes over time; a named list by recordings where these differ.
#'   Outside nothing counts. `NULL`: the box of the annotated positions with a quarter of the usual
#'   distance of neighbours around it, in the frames that have some.
#' @param pixel_size_um Micrometres per pixel, one number or one per axis; `NULL`: as images say,
#'   else as tracks.
#' @param start Go on from this model of [cl_train_tracker()], or its folder, with the networks that
#'   it has.
#' @param out Folder to write, by custom `name.cytoloom`; `NULL`: one that goes with the session. A
#'   killed training goes on from there when the same call is made again.
#' @param overwrite Replace the model that `out` holds, once the new one is whole.
#' @param seed The same seed gives the same model on one machine.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return A `cl_model`, as of [cl_train()]. `summary()` says what each network is, and of the
#'   frames held out how many of 1000 links are wrong and missed, and how many divisions are right.
#' @seealso [cl_track()], [cl_detect()]
#' @export
#' @examplesIf cl_available()
#' movie <- cl_simulate(kind = "culture", frames = 8, shape = c(96, 96), count = 5, seed = 1)
#' model <- suppressWarnings(cl_train_tracker( # far too little to learn from
#'   movie,
#'   networks = "centres", network = cl_unet(filters = 4, depth = 2),
#'   trainer = cl_trainer(iterations = 2, batch_size = 1, patch_px = 32), progress = FALSE
#' ))
#' summary(model)
cl_train_tracker <- function(data, ..., minutes = NULL,
                             networks = c("centres", "link", "division"), network = NULL,
                             trainer = NULL, normalize = NULL, channels = NULL, region = NULL,
                             pixel_size_um = NULL, start = NULL, out = NULL, overwrite = FALSE,
                             seed = 0, progress = "auto") {
  no_dots(...)
  region <- plain_region(region)
  arguments <- list(
    data = list(source = list(movies = plain_training(data))), minutes = minutes,
    networks = unfactored(networks), network = network, trainer = trainer, normalize = normalize,
    channels = channels, region = region, pixel_size_um = pixel_size_um,
    start = if (!is.null(start)) model_path(start, "start"),
    out = if (is.null(out)) tempfile("tracker", fileext = ".cytoloom") else plain_path(out, "out"),
    overwrite = overwrite, seed = seed, keep_interrupted = keeps_interrupted()
  )
  model <- new_model(run_events("train_tracker", arguments, progress))
  if (is.null(out)) {
    message("The model goes with the session: pass `out` or use cl_save() to keep it.")
  }
  model
}

#' What is odd about movies and their tracks
#'
#' Before anything is trained on them: positions outside of the image (by the axis, and whether they
#' would fit in another order or unit), cells marked twice, links over more than one frame, three
#' daughters, merges, no pixel size, too little to learn from; each with its recording, frame and
#' position. One recording that cannot be read does not keep others from being looked at.
#'
#' @inheritParams cl_train_tracker
#' @return A list of class `cl_report`: `ok`, `text` and a data frame `table` with a row per
#'   recording: `recording`, `frames`, `size`, `pixel_size_um`, `minutes` (between frames),
#'   `positions`, `links`, `divisions`, `outside` (positions outside of the region) and `status`.
#' @seealso [cl_train_tracker()], [cl_check()] for images with labels
#' @export
#' @examplesIf cl_available()
#' movie <- cl_simulate(kind = "culture", frames = 6, shape = c(96, 96), count = 5, seed = 1)
#' cl_check_tracks(movie, progress = FALSE)
cl_check_tracks <- function(data, ..., channels = NULL, region = NULL, pixel_size_um = NULL,
                            progress = "auto") {
  no_dots(...)
  region <- plain_region(region)
  arguments <- list(
    data = list(source = list(movies = plain_training(data))), channels = channels,
    region = region, pixel_size_um = pixel_size_um
  )
  found <- run_events("check_tracks", arguments, progress)
  structure(found[c("ok", "text", "table")], class = "cl_report")
}

training_words <- paste(
  "movies with tracks: list(images = , tracks = ), a named list of these, a data frame with",
  "columns images and tracks, or a folder"
)

# Movies with tracks as Python takes them.
plain_training <- function(x) {
  x <- unfactored(x)
  if (is.data.frame(x)) {
    return(plain_training_table(x))
  }
  if (is.character(x) && length(x) == 1 && is.null(dim(x))) {
    return(plain_path(x, "data"))
  }
  if (!is_plain_list(x) || length(x) == 0) refuse("data", training_words, x)
  if ("images" %in% names(x)) plain_recording(x) else plain_recordings(x)
}

# Several movies with their tracks.
plain_recordings <- function(x) {
  lists <- all(vapply(x, function(one) is_plain_list(one) && "images" %in% names(one), NA))
  if (!lists) refuse("data", training_words, x)
  if (is.null(names(x))) {
    return(list(several = unname(lapply(x, plain_recording))))
  }
  if (!all(nzchar(names(x))) || anyDuplicated(names(x))) {
    refuse("data", "a name of its own for each recording", I(toString(names(x))))
  }
  list(recordings = lapply(x, plain_recording))
}

plain_training_table <- function(x) {
  missing <- setdiff(c("images", "tracks"), names(x))
  if (length(missing) > 0) {
    refuse("data", paste("columns images and tracks, also", missing[1]), I(toString(names(x))))
  }
  class(x) <- "data.frame"
  for (one in c("images", "tracks")) x[[one]] <- plain_paths(as.character(x[[one]]), one)
  pack_table(x, "data")
}

# One movie with its tracks, or what cl_simulate() made.
plain_recording <- function(x) {
  images <- plain_movie(x$images, "data", pixels = TRUE)
  if (all(c("positions", "links") %in% names(x))) {
    tables <- lapply(x[c("positions", "links")], plain_rows, "data")
    known <- x[c("spacing_um", "minutes_per_frame")]
    names(known) <- c("spacing_um", "minutes_per_frame")
    return(c(list(images = list(source = images)), tables, known))
  }
  if (!"tracks" %in% names(x)) refuse("data", training_words, x)
  list(images = list(source = images), tracks = plain_tracks_or_rows(x$tracks, "data"))
}

region_words <- "axes with their first and last px, such as list(y = c(0, 99), frames = c(0, 20))"

# Where everything is annotated: boxes, a list of these, or of each recording.
plain_region <- function(x) {
  if (is.null(x)) {
    return(NULL)
  }
  if (!is_plain_list(x) || length(x) == 0) refuse("region", region_words, x)
  if (!all(vapply(x, is.list, NA))) {
    return(plain_box(x))
  }
  lapply(x, function(one) if (all(vapply(one, is.list, NA))) plain_region(one) else plain_box(one))
}

plain_box <- function(x) {
  ends <- vapply(x, function(one) is.numeric(one) && length(one) == 2 && !anyNA(one), NA)
  named <- !is.null(names(x)) && all(names(x) %in% c("z", "y", "x", "frames"))
  if (!named || !all(ends) || anyDuplicated(names(x))) refuse("region", region_words, x)
  x
}

#' Find the cells of movies, and score which are the same, step by step
#'
#' The steps of [cl_track()], each alone: positions of cells, candidate links with probabilities,
#' and the solution of all frames together.
#'
#' @param model Of [cl_train_tracker()], or its folder; for `cl_detect()` also one that was trained
#'   with the task [cl_centres()].
#' @param movie Images: an array `[t, y, x]` or `[t, z, y, x]`, a list of matrices, a file, a folder
#'   of frames; a named list of these, or a folder of folders: several recordings.
#' @param positions From `cl_detect()`, or anybody's: a data frame or CSV file with columns frame
#'   (from 0), object, y, x, in 3-D z (in px, or with `_um` behind their names), perhaps recording
#'   and probability. For `cl_score_links()` also label images.
#' @param links From `cl_score_links()`, or anybody's: a data frame or CSV file with columns
#'   frame_from, object_from, frame_to, object_to and probability, perhaps recording and
#'   division_probability. Where there is a column evidence, as `cl_score_links()` makes it, links
#'   cost what movement and evidence say; else what their probability alone says.
#' @param ... Must be empty.
#' @param channels Channels to look at, as in training.
#' @param max_step_um,drift,divisions,gaps,minutes_per_frame,solver As for [cl_track()].
#' @param pixel_size_um Micrometres per pixel, one number or one per axis; `NULL`: as the files say.
#' @param temperature By which margins are divided before they become error rates; what
#'   [cl_train_tracker()] fitted is in `model$info$networks$link$task$temperature`.
#' @param size_px Of the images, `c(y, x)` or `c(z, y, x)`: at their borders cells come and go;
#'   `NULL`: as far as positions reach.
#' @param limits,time_limit_s,corrections As for [cl_track()].
#' @param out CSV file for the table; for `cl_solve()` a folder, as for [cl_track()].
#' @param overwrite Replace what is at `out`.
#' @param workers Processes of this machine that look at frames side by side; above 1 with
#'   `cl_install(extras = "cluster")`.
#' @param client Whose workers do that instead: the address of a scheduler of Dask,
#'   `"tcp://10.0.0.1:8786"`, or the file that it writes.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return `cl_detect()`: a data frame with recording, frame (from 0), object (from 1 in each
#'   frame), position with fractions, probability of being a cell, and by channel `mean_intensity`
#'   of a ball and `surrounding_intensity` around it. `cl_score_links()`: a data frame of all
#'   candidates with recording, frame_from, object_from, frame_to, object_to, probability (of being
#'   the same cell, or mother and daughter), evidence (by how much looks change its log odds) and
#'   division_probability (of the earlier one to divide before the next frame). `cl_solve()`: a
#'   [cl_tracks].
#' @export
#' @examplesIf cl_available()
#' positions <- data.frame(frame = c(0, 1, 1), object = c(1, 1, 2), y = c(5, 5, 9), x = c(5, 6, 5))
#' links <- data.frame(
#'   frame_from = 0, object_from = 1, frame_to = 1, object_to = 1:2, probability = c(0.9, 0.3)
#' )
#' cl_solve(positions, links, progress = FALSE)$links[c("object_to", "chosen")]
cl_detect <- function(model, movie, ..., channels = NULL, pixel_size_um = NULL, out = NULL,
                      overwrite = FALSE, workers = 1, client = NULL, progress = "auto") {
  no_dots(...)
  run_events(
    "detect",
    list(
      model = model_path(model), movie = list(source = plain_movie(movie, pixels = TRUE)),
      channels = channels, pixel_size_um = pixel_size_um,
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite, workers = workers,
      client = client
    ),
    progress
  )
}

#' @rdname cl_detect
#' @export
cl_score_links <- function(model, movie, positions, ..., max_step_um = NULL, channels = NULL,
                           pixel_size_um = NULL, drift = TRUE, divisions = TRUE, gaps = TRUE,
                           out = NULL, overwrite = FALSE, workers = 1, client = NULL,
                           progress = "auto") {
  no_dots(...)
  run_events(
    "score_links",
    list(
      model = model_path(model), movie = list(source = plain_movie(movie, pixels = TRUE)),
      positions = plain_positions(positions), max_step_um = max_step_um, channels = channels,
      pixel_size_um = pixel_size_um, drift = drift, divisions = divisions, gaps = gaps,
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite, workers = workers,
      client = client
    ),
    progress
  )
}

#' @rdname cl_detect
#' @export
cl_solve <- function(positions, links, ..., pixel_size_um = NULL, minutes_per_frame = NULL,
                     solver = "optimal", drift = TRUE, temperature = 1, size_px = NULL,
                     limits = NULL, time_limit_s = NULL, corrections = NULL, out = NULL,
                     overwrite = FALSE, progress = "auto") {
  no_dots(...)
  if (!is.null(limits)) limits <- plain_limits(limits)
  as_tracks(run_events(
    "solve",
    list(
      positions = plain_positions(positions), links = plain_needed_rows(links, "links"),
      pixel_size_um = pixel_size_um, minutes_per_frame = minutes_per_frame, solver = solver,
      drift = drift, temperature = temperature, size_px = size_px, limits = limits,
      time_limit_s = time_limit_s,
      corrections = plain_rows(corrections, "corrections"),
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite
    ),
    progress
  ))
}

plain_needed_rows <- function(x, what) {
  if (is.null(x)) refuse(what, "a data frame or a CSV file", x)
  plain_rows(x, what)
}
