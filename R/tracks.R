#' Follow cells through a movie
#'
#' Links the cells of label images or positions, of any program, with divisions and with an error
#' rate for every link.
#'
#' @param model Of [cl_train_tracker()], which finds the cells, sees which divide and which are the
#'   same; or a model that outlines the cells of each frame; or the folder of one; `NULL` where the
#'   movie is of label images or positions.
#' @param movie Label images: an array `[t, y, x]` or `[t, z, y, x]`, a list of matrices, a file, a
#'   folder of files in the order of their numbers; or positions: a data frame or CSV file with
#'   columns frame (from 0), y, x, in 3-D z (in px, or with `_um` behind their names), perhaps
#'   object, recording, probability; or a `cl_tracks`, whose positions are linked anew. A named list
#'   of these, a folder of folders or a column recording: several recordings. For a model the same
#'   of images.
#' @param ... Must be empty.
#' @param max_step_um Cells move no further from one frame to the next, in micrometres, in pixels
#'   where the size of pixels is not known. Default: as the nearest neighbours say.
#' @param pixel_size_um Micrometres per pixel, one number or one per axis; default as the files say.
#' @param minutes_per_frame Time between two frames; warnings of speed and of short cycles need it.
#' @param solver `"optimal"`: the cheapest solution of all frames together, with error rates;
#'   `"lap"`: pairs of frames one after the other, as most programs do; `"nearest"`: each other's
#'   nearest.
#' @param drift Whether whole frames may have moved; their drift is subtracted before linking.
#' @param divisions Whether cells divide.
#' @param gaps Whether a cell may be missed for one frame.
#' @param limits Of warnings, a named list: `max_error` (0.01), `shortest_cycle_h` (10),
#'   `fastest_um_per_min` (10), `grows` (1.5), `min_probability` (0.1), `shortest_track` (3),
#'   `min_link` (0.1), `likely_link` (0.5), `min_division` (0.1), `likely_division` (0.5).
#' @param time_limit_s Where the solution has to be searched, for so long at most; how far it may be
#'   from the best is then said.
#' @param corrections Links that somebody has looked at: a data frame or CSV file that
#'   `cl_links_to_review()` made, with yes or no in its column `right`. Right links are kept, wrong
#'   ones never chosen, and all else is solved anew.
#' @param positions For a model of [cl_train_tracker()]: where cells are, from anybody, instead of
#'   what it finds; a data frame, a CSV file or label images.
#' @param channels For such a model: channels to look at, as in training.
#' @param out Folder for `positions.csv`, `links.csv`, `tracks.csv`, `lineages.csv` and
#'   `track_warnings.csv`. Of a call that was killed, the same call goes on from the frames that
#'   networks had looked at.
#' @param overwrite Replace what an earlier call wrote to `out`.
#' @param workers For such a model: processes of this machine that look at frames side by side;
#'   above 1 with `cl_install(extras = "cluster")`.
#' @param client Whose workers do that instead: the address of a scheduler of Dask,
#'   `"tcp://10.0.0.1:8786"`, or the file that it writes.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return A list of class `cl_tracks` of data frames: `positions` (a row per detection: frame,
#'   object, track, position), `links` (all candidates: those that were `chosen`, and of these
#'   `p_wrong`, the probability that it is wrong), `tracks` (a row per cell from division to
#'   division: `parent`, 0 for none, `frame_begin`, `frame_end`, and how it ends, `"divided"`,
#'   `"left"` the image, `"lost"`, or the `"movie"` ended), `lineages` and `warnings`; and
#'   `spacing_um`, `minutes_per_frame` and `run`. Frames count from 0. See [cl_tracks].
#' @export
#' @examplesIf cl_available()
#' movie <- cl_simulate(kind = "culture", frames = 6, shape = c(96, 96), count = 4)
#' found <- cl_track(NULL, movie$labels, pixel_size_um = 0.5, minutes_per_frame = 10)
#' found
#' head(found$tracks)
cl_track <- function(model, movie, ..., max_step_um = NULL, pixel_size_um = NULL,
                     minutes_per_frame = NULL, solver = "optimal", drift = TRUE, divisions = TRUE,
                     gaps = TRUE, limits = NULL, time_limit_s = NULL, corrections = NULL,
                     positions = NULL, channels = NULL, out = NULL, overwrite = FALSE,
                     workers = 1, client = NULL, progress = "auto") {
  no_dots(...)
  if (!is.null(limits)) limits <- plain_limits(limits)
  found <- run_events(
    "track",
    list(
      model = if (!is.null(model)) model_path(model),
      movie = list(source = plain_movie(movie, pixels = !is.null(model))),
      max_step_um = max_step_um, pixel_size_um = pixel_size_um,
      minutes_per_frame = minutes_per_frame, solver = solver, drift = drift,
      divisions = divisions, gaps = gaps, limits = limits, time_limit_s = time_limit_s,
      corrections = plain_rows(corrections, "corrections"),
      positions = if (!is.null(positions)) plain_positions(positions), channels = channels,
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite, workers = workers,
      client = client
    ),
    progress
  )
  as_tracks(found)
}

# Where cells are: a table, tracks or label images.
plain_positions <- function(x) list(source = plain_movie(x, "positions"))

# Limits of warnings by their names.
plain_limits <- function(limits) {
  plain <- is.numeric(limits) || is_plain_list(limits)
  numbers <- plain && all(vapply(limits, function(x) is.numeric(x) && length(x) == 1, NA))
  if (!numbers || anyNA(unlist(limits)) || is.null(names(limits)) || !is.null(dim(limits))) {
    refuse("limits", "numbers with names, such as list(max_error = 0.01)", limits)
  }
  as.list(limits)
}

# A table, or the path of one.
plain_rows <- function(x, what) {
  if (is.null(x)) {
    return(NULL)
  }
  if (!is.data.frame(x)) {
    return(plain_path(x, what))
  }
  class(x) <- "data.frame"
  pack_table(x, what)
}

plain_movie <- function(x, what = "movie", pixels = FALSE) {
  x <- unfactored(x)
  if (inherits(x, "cl_tracks")) {
    return(plain_tracks(x))
  }
  if (is.data.frame(x)) {
    return(plain_rows(x, what))
  }
  if (is.character(x) && is.null(dim(x))) {
    return(plain_movie_paths(x, what))
  }
  many <- is_plain_list(x) && length(x) > 0
  (if (many) plain_movies else plain_movie_array)(x, what, pixels)
}

plain_movie_paths <- function(x, what) {
  if (length(x) > 1) as.list(plain_paths(x, what)) else plain_path(x, what)
}

plain_movie_array <- function(x, what, pixels) {
  # colours have an axis of their own
  axes <- if (pixels) 3:5 else 3:4
  frames <- plain_frames(x, what, pixels)
  if (!length(frames$dim) %in% axes) refuse(what, movie_words, x)
  frames
}

movie_words <- "an array [t, y, x] or [t, z, y, x], a list of matrices, a path or a data frame"

# Frames, or recordings by their names.
plain_movies <- function(x, what, pixels) {
  if (is_pair(x)) {
    refuse(what, "labels alone", I("a list of images and labels"), "That is x$labels.")
  }
  matrices <- all(vapply(x, function(one) length(dim(one)) == 2 && !is.data.frame(one), NA))
  named <- !is.null(names(x)) && all(nzchar(names(x))) && !anyDuplicated(names(x))
  if (named && !matrices) {
    return(list(recordings = lapply(x, plain_movie, what, pixels)))
  }
  paths <- all(vapply(x, function(one) is.character(one) && length(one) == 1, NA))
  if (paths) {
    return(as.list(plain_paths(unlist(x, use.names = FALSE), what)))
  }
  unname(lapply(x, plain_frames, what, pixels))
}

# An array in our index order: movies of EBImage and imager have time last.
plain_frames <- function(x, what, pixels) {
  if (is.null(dim(x)) || is.data.frame(x)) refuse(what, movie_words, x)
  if (inherits(x, "Image") && length(dim(x)) == 3) {
    x <- aperm(bare_array(x), c(3, 2, 1))
  } else if (inherits(x, c("Image", "cimg"))) {
    x <- plain_labels(x, what)
  }
  if (pixels) pack_pixels(x, what) else pack_array(plain_labels(x, what), what)
}

# What Python returned, of the class that has methods.
as_tracks <- function(found) {
  found$spacing_um <- unlist(found$spacing_um)
  kept <- c(
    "positions", "links", "tracks", "lineages", "warnings", "spacing_um", "minutes_per_frame",
    "run", "out", "text"
  )
  structure(found[intersect(kept, names(found))], class = "cl_tracks")
}

# Tracks as Python takes them.
plain_tracks <- function(x, what = "x") {
  need_tracks(x, what)
  tables <- c("positions", "links", "warnings")
  told <- unclass(x)[c("spacing_um", "minutes_per_frame", "run")]
  c(list(kind = "cl_tracks"), lapply(unclass(x)[tables], plain_rows, what), told)
}

need_tracks <- function(x, what = "x") {
  if (!inherits(x, "cl_tracks")) refuse(what, "tracks of cl_track() or cl_read_tracks()", x)
}

#' Tracks
#'
#' What [cl_track()] found: as tables, as pictures, and without what is likely wrong.
#'
#' @param x,object From [cl_track()] or [cl_read_tracks()].
#' @param max_error Links that are wrong with a larger probability are left out: the track ends
#'   there, and what follows begins anew.
#' @param cell Number of a track, whose lineage is meant; for the picture default those with most
#'   divisions.
#' @param limit From which probability of being wrong on.
#' @param limits As for [cl_track()].
#' @param kind `"tree"`, lineage trees; `"paths"`, the paths of cells, from above; `"errors"`, how
#'   likely links are wrong, over time.
#' @param n How many lineages.
#' @param recording For the paths, which recording; default the first.
#' @param row.names,optional Not used.
#' @param ... Settings of [graphics::plot.default()] such as `main`, which replace ours.
#' @return `cl_filtered()`: a `cl_tracks`. `cl_tree()`: the rows of `x$tracks` of the lineage, with
#'   `generation`, 0 for the first cell. `cl_links_to_review()`: the links that are worth a look,
#'   those that are likeliest wrong first, with a column `right` to be filled with yes or no and
#'   given to [cl_track()] as `corrections`. `cl_warned()`: a `cl_tracks` whose `warnings` are
#'   listed anew, with these limits; those of tracks that were read, too. `summary()`: a data frame,
#'   a row per recording. `as.data.frame()`: the positions. `plot()`: `x`, invisibly.
#' @name cl_tracks
#' @examplesIf cl_available()
#' movie <- cl_simulate(kind = "culture", frames = 8, shape = c(96, 96), count = 4, seed = 2)
#' found <- cl_track(NULL, movie$labels)
#' summary(cl_filtered(found, 0.05))
#' plot(found, "tree")
NULL

#' @export
print.cl_tracks <- function(x, ...) {
  cat(x$text, "\n", sep = "")
  invisible(x)
}

#' @rdname cl_tracks
#' @export
summary.cl_tracks <- function(object, ...) {
  of <- unique(as.character(object$positions$recording))
  count <- function(table, chosen = TRUE) {
    unname(vapply(of, function(one) sum(table$recording == one & chosen), 0))
  }
  wrong <- object$links$p_wrong
  frames <- tapply(object$positions$frame, object$positions$recording, function(f) diff(range(f)))
  data.frame(
    recording = of, frames = as.vector(frames[of]) + 1, positions = count(object$positions),
    links = count(object$links, object$links$chosen), tracks = count(object$tracks),
    divisions = count(object$tracks, object$tracks$end == "divided"),
    flagged = count(object$links, object$links$chosen & !is.na(wrong) & wrong > 0.01),
    expected_wrong = unname(vapply(of, function(one) {
      sum(wrong[object$links$recording == one & object$links$chosen], na.rm = TRUE)
    }, 0))
  )
}

#' @rdname cl_tracks
#' @export
as.data.frame.cl_tracks <- function(x, row.names = NULL, optional = FALSE, ...) {
  x$positions
}

#' @rdname cl_tracks
#' @export
cl_filtered <- function(x, max_error = 0.01, ...) {
  no_dots(...)
  need_probability(max_error, "max_error")
  as_tracks(call_python("tracks_filtered", tracks = plain_tracks(x), max_error = max_error))
}

#' @rdname cl_tracks
#' @export
cl_links_to_review <- function(x, limit = 0.01, ...) {
  no_dots(...)
  need_probability(limit, "limit")
  found <- call_python("tracks_to_review", tracks = plain_tracks(x), limit = limit)
  found$right <- as.character(found$right)
  found
}

#' @rdname cl_tracks
#' @export
cl_warned <- function(x, limits = NULL, ...) {
  no_dots(...)
  if (!is.null(limits)) limits <- plain_limits(limits)
  as_tracks(call_python("tracks_warned", tracks = plain_tracks(x), limits = limits))
}

need_probability <- function(value, argument) {
  good <- is.numeric(value) && length(value) == 1 && isTRUE(value >= 0 & value <= 1)
  if (!good) refuse(argument, "a probability, 0 to 1", value)
}

#' @rdname cl_tracks
#' @export
cl_tree <- function(x, cell, ...) {
  no_dots(...)
  need_tracks(x)
  tracks <- x$tracks
  known <- is.numeric(cell) && length(cell) == 1 && cell %in% tracks$track
  if (!known) refuse("cell", paste("a track, 1 to", nrow(tracks)), cell)
  root <- cell
  while (tracks$parent[tracks$track == root] > 0) root <- tracks$parent[tracks$track == root]
  generation <- rep(NA_integer_, nrow(tracks))
  now <- root
  depth <- 0L
  while (length(now) > 0) {
    generation[tracks$track %in% now] <- depth
    now <- tracks$track[tracks$parent %in% now]
    depth <- depth + 1L
  }
  found <- cbind(tracks, generation = generation)[!is.na(generation), ]
  row.names(found) <- NULL
  found
}

#' @rdname cl_tracks
#' @export
plot.cl_tracks <- function(x, kind = "tree", ..., cell = NULL, n = 8, recording = NULL) {
  switch(one_of(kind, c("tree", "paths", "errors"), "kind"),
    tree = draw_tree(x, cell, n, ...),
    paths = draw_paths(x, recording, ...),
    errors = draw_errors(x, ...)
  )
  invisible(x)
}

# Where tracks stand beside each other: daughters around their mothers.
tree_places <- function(tracks) {
  at <- stats::setNames(rep(NA_real_, nrow(tracks)), tracks$track)
  free <- 0
  for (root in tracks$track[!tracks$parent %in% tracks$track]) {
    waiting <- root
    while (length(waiting) > 0) {
      track <- waiting[1]
      own <- tracks$track[tracks$parent == track]
      placed <- at[as.character(own)]
      if (length(own) > 0 && anyNA(placed)) {
        waiting <- c(own, waiting)
        next
      }
      if (length(own) == 0) {
        at[as.character(track)] <- free
        free <- free + 1
      } else {
        at[as.character(track)] <- mean(placed)
      }
      waiting <- waiting[-1]
    }
    free <- free + 1
  }
  at
}

draw_tree <- function(x, cell, n, ...) {
  if (is.null(cell)) {
    whole_from(1, n, "n")
    order <- order(-x$lineages$divisions, -x$lineages$tracks)
    roots <- utils::head(x$lineages$root[order], n)
    shown <- do.call(rbind, lapply(roots, function(root) cl_tree(x, root)))
  } else {
    shown <- cl_tree(x, cell)
  }
  at <- tree_places(shown)
  scale <- if (is.null(x$minutes_per_frame)) 1 else x$minutes_per_frame / 60
  mother <- match(shown$parent, shown$track)
  begin <- ifelse(is.na(mother), shown$frame_begin, shown$frame_end[mother]) * scale
  end <- shown$frame_end * scale
  ours <- list(
    type = "n", xlim = range(at) + c(-0.5, 0.5), ylim = c(max(end), min(begin)), xaxt = "n",
    bty = "n", xlab = "", ylab = if (scale == 1) "frame" else "hours"
  )
  plot_with(0, 0, ours, ...)
  graphics::segments(at, begin, at, end, col = "#22577a", lwd = 1.5)
  born <- !is.na(mother)
  graphics::segments(at[mother[born]], begin[born], at[born], begin[born], col = "#22577a")
  gone <- shown$end %in% c("lost", "left")
  sign <- ifelse(shown$end[gone] == "lost", 4, 2)
  graphics::points(at[gone], end[gone], pch = sign, col = "#c1121f", cex = 0.7)
}

draw_paths <- function(x, recording, ...) {
  known <- unique(as.character(x$positions$recording))
  recording <- if (is.null(recording)) known[1] else one_of(recording, known, "recording")
  unit <- if (is.null(x$spacing_um)) "px" else "um"
  own <- x$positions[x$positions$recording == recording & !is.na(x$positions$track), ]
  own <- own[order(own$track, own$frame), ]
  across <- own[[paste0("x_", unit)]]
  down <- own[[paste0("y_", unit)]]
  ours <- list(
    type = "n", asp = 1, ylim = rev(range(down)), xlab = paste0("x (", unit, ")"),
    ylab = paste0("y (", unit, ")")
  )
  plot_with(across, down, ours, ...)
  first <- which(own$track[-1] == own$track[-nrow(own)])
  shades <- rev(grDevices::hcl.colors(64, "viridis"))
  when <- own$frame[first] / max(1, own$frame)
  graphics::segments(
    across[first], down[first], across[first + 1], down[first + 1],
    col = shades[1 + round(63 * when)]
  )
}

draw_errors <- function(x, ...) {
  links <- x$links[x$links$chosen & !is.na(x$links$p_wrong), ]
  if (nrow(links) == 0) refuse("kind", 'tracks of solver "optimal", for error rates', "none")
  flagged <- links$p_wrong > 0.01
  ours <- list(
    log = "y", ylim = c(1e-5, 1), pch = 19, cex = ifelse(flagged, 0.7, 0.4), xlab = "frame",
    col = ifelse(flagged, "#c1121f", "#b9bec1"), ylab = "probability that a link is wrong"
  )
  plot_with(links$frame_from, pmax(links$p_wrong, 1e-5), ours, ...)
  graphics::abline(h = 0.01, lty = 2, col = "#22577a")
}

#' Cell cycles, for curves of survival
#'
#' @param x From [cl_track()] or [cl_read_tracks()].
#' @param ... Must be empty.
#' @return A data frame, a row per track: recording, track, parent; begin and end in frames, halfway
#'   between the last frame of the mother and the first of a daughter; frames, the time between
#'   these, and hours, where the time between frames is known; event, 1 where the cell divided, 0
#'   where it was lost from view before (censored); born, whether it was born in the movie: of all
#'   others the age is not known. It is as `survival::Surv(hours, event)` takes it, of rows that
#'   were born.
#' @export
#' @examplesIf cl_available()
#' movie <- cl_simulate(kind = "culture", frames = 8, shape = c(96, 96), count = 4, seed = 2)
#' cl_cell_cycles(cl_track(NULL, movie$labels, minutes_per_frame = 10))
cl_cell_cycles <- function(x, ...) {
  no_dots(...)
  need_tracks(x)
  tracks <- x$tracks
  mother <- match(tracks$parent, tracks$track)
  born <- !is.na(mother)
  begin <- ifelse(born, (tracks$frame_begin + tracks$frame_end[mother]) / 2, tracks$frame_begin)
  daughter <- match(tracks$track, tracks$parent[order(tracks$frame_begin)])
  first <- sort(tracks$frame_begin)[daughter]
  divided <- tracks$end == "divided"
  end <- ifelse(divided, (tracks$frame_end + first) / 2, tracks$frame_end)
  hours <- if (is.null(x$minutes_per_frame)) NA_real_ else x$minutes_per_frame / 60
  data.frame(
    recording = as.character(tracks$recording), track = tracks$track, parent = tracks$parent,
    begin = as.double(begin), end = as.double(end), frames = as.double(end - begin),
    hours = as.double(end - begin) * hours, event = as.integer(divided), born = born
  )
}

#' Tracks as celltrackR takes them
#'
#' @param x From [cl_track()] or [cl_read_tracks()].
#' @param ... Must be empty.
#' @return A data frame with columns id (the track), t (minutes, or frames where the time between
#'   them is not known), x, y and in 3-D z (in micrometres, or pixels where their size is not
#'   known), sorted by id and t: `celltrackR::as.tracks(cl_celltrackr(x))`.
#' @export
#' @examplesIf cl_available()
#' table <- data.frame(frame = c(0, 1), y = c(5, 6), x = c(5, 7))
#' cl_celltrackr(cl_track(NULL, table))
cl_celltrackr <- function(x, ...) {
  no_dots(...)
  need_tracks(x)
  own <- x$positions[!is.na(x$positions$track), ]
  own <- own[order(own$track, own$frame), ]
  unit <- if (is.null(x$spacing_um)) "px" else "um"
  minutes <- if (is.null(x$minutes_per_frame)) 1 else x$minutes_per_frame
  table <- data.frame(
    id = own$track, t = own$frame * minutes, x = own[[paste0("x_", unit)]],
    y = own[[paste0("y_", unit)]]
  )
  if ("z_px" %in% names(own)) table$z <- own[[paste0("z_", unit)]]
  table
}

#' Read the tracks that any program wrote
#'
#' @param path A file or folder: GEFF (takes `cl_install(extras = "tracks")`); the Cell Tracking
#'   Challenge (`man_track.txt` or `res_track.txt` with masks beside it, or their folder);
#'   TrackMate's XML; OrganoidTracker's `.aut`, `.json` and `.autlist`; a table (columns track,
#'   frame, y, x, in 3-D z, parent); what [cl_track()] wrote; a folder of several of these, a
#'   recording each; or a data frame like such a table.
#' @param ... Must be empty.
#' @param spacing_um Micrometres per pixel, one or one for each axis; default as the file says.
#' @param minutes_per_frame Time between frames; default as the file says.
#' @return A `cl_tracks`, as [cl_track()] returns it. Tracks are numbered anew, from division to
#'   division.
#' @export
#' @examplesIf cl_available()
#' table <- data.frame(
#'   track = c(1, 1, 2, 3), parent = c(0, 0, 1, 1), frame = c(0, 1, 2, 2), y = c(5, 5, 3, 7), x = 5
#' )
#' cl_read_tracks(table)$tracks
cl_read_tracks <- function(path, ..., spacing_um = NULL, minutes_per_frame = NULL) {
  no_dots(...)
  as_tracks(call_python(
    "read_tracks",
    path = plain_tracks_or_rows(path, "path"), spacing_um = spacing_um,
    minutes_per_frame = minutes_per_frame
  ))
}

plain_tracks_or_rows <- function(x, what) {
  if (is.null(x)) refuse(what, "tracks, a path or a data frame", x)
  if (inherits(x, "cl_tracks")) plain_tracks(x, what) else plain_rows(x, what)
}

#' Write tracks for other programs
#'
#' @param tracks From [cl_track()] or [cl_read_tracks()], or whatever the latter reads.
#' @param out The file, or of GEFF and CTC the folder. Its ending says the format: `.geff`, `.xml`
#'   (TrackMate), `.aut` (OrganoidTracker), `.csv`, or a folder that ends in `_RES` (CTC).
#' @param ... Must be empty.
#' @param format `"geff"`, `"ctc"`, `"trackmate"`, `"aut"` or `"csv"`, where the ending does not say
#'   it.
#' @param labels Of `"ctc"`: the label images whose objects were tracked, as [cl_track()] takes
#'   them. Default: balls around the positions.
#' @param overwrite Replace an earlier export that is at `out`.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return The path, invisibly.
#' @export
#' @examplesIf cl_available()
#' table <- data.frame(track = 1, frame = c(0, 1), y = c(5, 6), x = 5)
#' file <- cl_export_tracks(table, tempfile(fileext = ".aut"))
#' nrow(cl_read_tracks(file)$links)
cl_export_tracks <- function(tracks, out, ..., format = NULL, labels = NULL, overwrite = FALSE,
                             progress = "auto") {
  no_dots(...)
  invisible(run_events(
    "export_tracks",
    list(
      tracks = list(source = plain_tracks_or_rows(tracks, "tracks")), out = plain_path(out, "out"),
      format = format, labels = if (!is.null(labels)) list(source = plain_movie(labels, "labels")),
      overwrite = overwrite
    ),
    progress
  ))
}

#' Score tracks against true ones
#'
#' @param x From [cl_track()] or [cl_read_tracks()].
#' @param truth What is true: tracks, or whatever [cl_read_tracks()] reads.
#' @param ... Must be empty.
#' @param max_distance_um How far a found position may be from a true one that it is taken for, in
#'   pixels where their size is not known. Default: half the median distance from a true position to
#'   the nearest other one of its frame.
#' @param labels,truth_labels Label images of both, as [cl_track()] takes them: then scores are
#'   those of py-ctcmetrics.
#' @param out Folder for the tables as CSV files.
#' @param overwrite Replace the scores that are in `out`.
#' @return A list of class `cl_track_scores` of data frames: `summary` (metric, value, and low and
#'   high of the 95 % interval of the mean over recordings, n) and `per_recording`.
#'   `as.data.frame()` gives the latter.
#' @method evaluate cl_tracks
#' @export
#' @examplesIf cl_available()
#' truth <- cl_read_tracks(data.frame(track = 1, frame = 0:3, y = 5, x = 5))
#' evaluate(truth, truth)$summary
evaluate.cl_tracks <- function(x, truth, ..., max_distance_um = NULL, labels = NULL,
                               truth_labels = NULL, out = NULL, overwrite = FALSE) {
  no_dots(...)
  movie <- function(labels, what) if (!is.null(labels)) list(source = plain_movie(labels, what))
  found <- call_python(
    "tracks_scored",
    tracks = plain_tracks(x), truth = plain_tracks_or_rows(truth, "truth"),
    max_distance_um = max_distance_um, labels = movie(labels, "labels"),
    truth_labels = movie(truth_labels, "truth_labels"),
    out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite
  )
  structure(found[c("summary", "per_recording", "run", "text")], class = "cl_track_scores")
}

#' @export
print.cl_track_scores <- function(x, ...) {
  cat(x$text, "\n", sep = "")
  invisible(x)
}

#' @export
as.data.frame.cl_track_scores <- function(x, row.names = NULL, optional = FALSE, ...) {
  x$per_recording
}
