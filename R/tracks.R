#' From a movie to lineages
#'
#' Links the cells of each frame to those of the next, with divisions, and says of each link how
#' likely it is wrong. It takes label images of any program, or a table of positions; nothing is
#' trained.
#'
#' @param model A model that outlines the cells of each frame of a movie of images; `NULL` where the
#'   movie is of label images or positions.
#' @param movie Label images: an array `[t, y, x]` or `[t, z, y, x]`, a list of matrices, a file with
#'   all frames, a folder of files in the order of their numbers; or positions: a data frame or CSV
#'   file with columns `frame`, `y`, `x`, in 3-D `z` (in px, or with `_um` behind their names), perhaps
#'   `object`, `recording` and `probability`; or what `cl_track()` returned. A named list of these, a
#'   folder of folders or a column `recording`: several recordings. For a model the same of images.
#' @param ... Must be empty.
#' @param max_step_um Cells move no further from one frame to the next, in micrometres, in pixels
#'   where their size is not known. Default: as the nearest neighbours say.
#' @param pixel_size_um Micrometres per pixel, one number or one for each of z, y, x; default as the
#'   files say.
#' @param minutes_per_frame Time between two frames; warnings of speed and of short cycles need it.
#' @param solver `"optimal"`: the cheapest solution of all frames together, with error rates;
#'   `"lap"`: pairs of frames one after the other; `"nearest"`: each other's nearest.
#' @param drift Whether whole frames may have moved; their drift is subtracted before linking.
#' @param divisions Whether cells divide.
#' @param gaps Whether a cell may be missed for one frame.
#' @param limits Of warnings, a named list: `max_error` (0.01), `shortest_cycle_h` (10),
#'   `fastest_um_per_min` (10), `grows` (1.5), `min_probability` (0.1), `shortest_track` (3).
#' @param time_limit_s Where the solution has to be searched, for so long at most.
#' @param corrections Links that somebody has looked at: a data frame or CSV file as [cl_flagged()]
#'   makes it, with yes or no in its column `right`.
#' @param out Folder for `positions.csv`, `links.csv`, `tracks.csv`, `lineages.csv` and
#'   `track_warnings.csv`.
#' @param overwrite Replace what an earlier call wrote to `out`.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return A list of class `cl_tracks`: the data frames `positions` (with the `track` of each, `NA`
#'   for what is taken for no cell), `links` (all candidates; of those that are `chosen`, `p_wrong`
#'   says how likely each is wrong), `tracks` (`parent`, `frame_begin`, `frame_end`, and how each
#'   ends), `lineages` and `warnings`. Frames are counted from 0, objects are called as their labels.
#'   `as.data.frame()` gives the positions.
#' @export
#' @examplesIf cl_available()
#' table <- data.frame(frame = rep(0:2, each = 2), y = c(5, 30, 6, 29, 7, 28),
#'   x = c(5, 30, 5, 31, 6, 31))
#' cl_track(NULL, table)$tracks[c("track", "frame_begin", "frame_end", "end")]
cl_track <- function(model, movie, ..., max_step_um = NULL, pixel_size_um = NULL,
                     minutes_per_frame = NULL, solver = "optimal", drift = TRUE, divisions = TRUE,
                     gaps = TRUE, limits = NULL, time_limit_s = NULL, corrections = NULL,
                     out = NULL, overwrite = FALSE, progress = "auto") {
  no_dots(...)
  found <- run_events(
    "track",
    list(
      model = model, movie = list(source = told_movie(movie, !is.null(model))),
      max_step_um = max_step_um, pixel_size_um = pixel_size_um,
      minutes_per_frame = minutes_per_frame, solver = solver, drift = drift,
      divisions = divisions, gaps = gaps,
      limits = if (is.null(limits)) NULL else as.list(limits), time_limit_s = time_limit_s,
      corrections = told_table(corrections),
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite
    ),
    progress
  )
  as_tracks(found)
}

# A movie as Python takes it, by its kind.
told_movie <- function(movie, images = FALSE) {
  movie <- unfactored(movie)
  one <- if (images) function(x) plain_image(x, "movie") else plain_label
  if (inherits(movie, "cl_tracks")) {
    return(list(kind = "tracks", value = plain_tracks(movie)))
  }
  if (is.data.frame(movie)) {
    return(list(kind = "table", value = as.data.frame(movie)))
  }
  if (is.character(movie) && is.null(dim(movie)) && length(movie) > 0) {
    paths <- plain_paths(movie, "movie")
    if (length(paths) == 1) {
      return(list(kind = "path", value = paths))
    }
    return(list(kind = "paths", value = as.list(paths)))
  }
  if (is_one_array(movie)) {
    return(list(kind = "array", value = said_of("movie", "labels", one(movie))))
  }
  if (is_plain_list(movie) && length(movie) > 0) {
    if (!is.null(names(movie))) {
      return(list(
        kind = "recordings", names = as.list(names(movie)),
        value = lapply(unname(movie), told_movie, images = images)
      ))
    }
    frames <- said_of("movie", "labels", lapply(movie, one))
    return(list(kind = "frames", value = frames))
  }
  refuse("movie", "label images, positions, or their paths", movie)
}

as_tracks <- function(found) {
  structure(found, class = "cl_tracks")
}

# Tracks as Python takes them.
plain_tracks <- function(tracks) {
  list(
    positions = as.data.frame(tracks$positions), links = as.data.frame(tracks$links),
    warnings = as.data.frame(tracks$warnings), spacing_um = as.list(unlist(tracks$spacing_um)),
    minutes_per_frame = tracks$minutes_per_frame, run = tracks$run
  )
}

# Tracks, or where some are: what cl_track() wrote, or a file of another program.
told_tracks <- function(tracks, what = "tracks") {
  if (inherits(tracks, "cl_tracks")) {
    return(list(kind = "tracks", value = plain_tracks(tracks)))
  }
  if (is.character(tracks) && length(tracks) == 1) {
    return(list(kind = "path", value = plain_path(tracks, what)))
  }
  if (is.data.frame(tracks)) {
    return(list(kind = "table", value = as.data.frame(tracks)))
  }
  refuse(what, "tracks of cl_track(), or a file or folder of some", tracks)
}

#' @export
print.cl_tracks <- function(x, ...) {
  cat(x$text, "\n", sep = "")
  invisible(x)
}

#' @export
as.data.frame.cl_tracks <- function(x, row.names = NULL, optional = FALSE, ...) {
  x$positions
}

#' What to do with tracks
#'
#' `cl_filtered()` leaves out links that may be wrong: tracks end there, and what follows begins
#' anew. `cl_flagged()` lists them, those that are likeliest wrong first, with a column `right` to be
#' filled with yes or no and given to [cl_track()] as `corrections`. `cl_tree()` gives the tracks of
#' one lineage. `cl_cell_cycles()` gives a row for each track, ready for `Surv()` of survival.
#'
#' @param tracks From [cl_track()] or [cl_read_tracks()].
#' @param max_error The largest probability of being wrong that links may have.
#' @param limit From which probability of being wrong on links are listed.
#' @param cell The number of any track of the lineage.
#' @param ... Must be empty.
#' @return `cl_filtered()` returns tracks; `cl_flagged()` a data frame of links; `cl_tree()` the rows
#'   of `tracks` with their `generation`, 0 for the first cell. `cl_cell_cycles()` returns the columns
#'   `recording`, `track`, `parent`, `begin` and `end` (frames since birth, or since the cell was
#'   first seen), `event` (1: it divided, 0: it was lost, left the image, or the movie ended) and `born`
#'   (whether its birth was seen: of others it is not known how old they are); `hours` where the
#'   tracks know their minutes per frame.
#' @export
#' @examplesIf cl_available()
#' table <- data.frame(frame = rep(0:2, each = 2), y = c(5, 30, 6, 29, 7, 28),
#'   x = c(5, 30, 5, 31, 6, 31))
#' found <- cl_track(NULL, table)
#' cl_filtered(found, 0.001)
#' cl_flagged(found, limit = 0)[c("frame_from", "object_from", "p_wrong", "right")]
#' cl_tree(found, 1)
#' cl_cell_cycles(found)
cl_filtered <- function(tracks, max_error = 0.01, ...) {
  no_dots(...)
  as_tracks(call_python("tracks_filtered", tracks = told_tracks(tracks), max_error = max_error))
}

#' @rdname cl_filtered
#' @export
cl_flagged <- function(tracks, limit = 0.01, ...) {
  no_dots(...)
  call_python("tracks_review", tracks = told_tracks(tracks), limit = limit)
}

#' @rdname cl_filtered
#' @export
cl_tree <- function(tracks, cell, ...) {
  no_dots(...)
  call_python("tracks_tree", tracks = told_tracks(tracks), cell = cell)
}

#' @rdname cl_filtered
#' @export
cl_cell_cycles <- function(tracks, ...) {
  no_dots(...)
  if (!inherits(tracks, "cl_tracks")) refuse("tracks", "tracks of cl_track()", tracks)
  own <- as.data.frame(tracks$tracks)
  length <- own$frame_end - own$frame_begin + 1
  found <- data.frame(
    recording = own$recording, track = own$track, parent = own$parent,
    begin = rep(0, nrow(own)), end = length, event = as.integer(own$end == "divided"),
    born = own$parent > 0
  )
  minutes <- tracks$minutes_per_frame
  if (!is.null(minutes)) found$hours <- length * minutes / 60
  found
}

#' Read and write tracks of other programs
#'
#' @param path A file or folder: GEFF; the masks and `man_track.txt` of the Cell Tracking Challenge;
#'   TrackMate's XML; OrganoidTracker's `.aut`, `.json` and `.autlist`; a CSV with columns `track`,
#'   `frame`, `y`, `x`, in 3-D `z`, and `parent`; what [cl_track()] wrote. Or a data frame like
#'   the CSV.
#' @param spacing_um Micrometres per pixel, one number or one for each axis; default as the file
#'   says.
#' @param minutes_per_frame Time between frames; default as the file says.
#' @param tracks From [cl_track()], or a file or folder that `cl_read_tracks()` reads.
#' @param out The file or folder to write.
#' @param format `"geff"`, `"ctc"`, `"trackmate"`, `"aut"` or `"csv"`; default as the name of `out`
#'   ends.
#' @param labels Of `"ctc"`, the label images that the tracks are of: a folder, a file or an array
#'   `[t, y, x]`; without them balls are drawn.
#' @param ... Must be empty.
#' @param overwrite Replace what is at `out`.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return `cl_read_tracks()` a list of class `cl_tracks`, as of [cl_track()]; `cl_export_tracks()`
#'   the path, invisibly. GEFF needs `cl_install(extras = "tracks")`.
#' @export
#' @examplesIf cl_available()
#' table <- data.frame(track = c(1, 1, 2, 3), parent = c(0, 0, 1, 1), frame = c(0, 1, 2, 2),
#'   y = c(5, 5, 3, 7), x = 5)
#' tracks <- cl_read_tracks(table)
#' tracks$tracks
#' cl_export_tracks(tracks, tempfile(fileext = ".xml"), progress = FALSE)
cl_read_tracks <- function(path, ..., spacing_um = NULL, minutes_per_frame = NULL) {
  no_dots(...)
  as_tracks(call_python(
    "read_tracks",
    path = told_tracks(path, "path"), spacing_um = spacing_um, minutes_per_frame = minutes_per_frame
  ))
}

#' @rdname cl_read_tracks
#' @export
cl_export_tracks <- function(tracks, out, ..., format = NULL, labels = NULL, overwrite = FALSE,
                             progress = "auto") {
  no_dots(...)
  invisible(run_events(
    "export_tracks",
    list(
      tracks = list(source = told_tracks(tracks)), out = plain_path(out, "out"), format = format,
      labels = if (!is.null(labels)) plain_label_images(in_frames(labels)), overwrite = overwrite
    ),
    progress
  ))
}

#' @rdname evaluate.cl_model
#' @param truth For tracks the true ones: from [cl_track()] or [cl_read_tracks()], or their file.
#' @param max_distance_um For tracks, how far a found position may be from the true one; default
#'   half the distance of true neighbours.
#' @export
evaluate.cl_tracks <- function(x, truth, ..., max_distance_um = NULL) {
  no_dots(...)
  found <- call_python(
    "tracks_evaluated",
    tracks = told_tracks(x), truth = told_tracks(truth, "truth"), max_distance_um = max_distance_um
  )
  structure(found, class = "cl_track_scores")
}

#' @export
print.cl_track_scores <- function(x, ...) {
  cat(x$text, "\n", sep = "")
  invisible(x)
}

#' @export
as.data.frame.cl_track_scores <- function(x, row.names = NULL, optional = FALSE, ...) {
  x$summary
}

# A movie in one array as a list of its frames.
in_frames <- function(movie) {
  size <- dim(movie)
  if (length(size) == 3) {
    return(lapply(seq_len(size[1]), function(t) array(movie[t, , ], size[-1])))
  }
  if (length(size) == 4) {
    return(lapply(seq_len(size[1]), function(t) array(movie[t, , , ], size[-1])))
  }
  movie
}

#' Pictures of tracks
#'
#' @param x From [cl_track()] or [cl_read_tracks()].
#' @param kind `"tree"`: lineages over time, a cross where a cell is lost, an arrow head where it
#'   leaves the image; `"paths"`: where cells went, from above; `"errors"`: how likely links are wrong.
#' @param ... Settings of [graphics::plot.default()] such as `main`, which replace ours.
#' @param cell For the tree, any track of the lineage that is shown; default those with most
#'   divisions.
#' @param n For the tree, how many lineages.
#' @param recording For paths, of which recording; default the first.
#' @return `x`, invisibly.
#' @export
#' @examplesIf cl_available()
#' table <- data.frame(track = c(1, 1, 2, 3), parent = c(0, 0, 1, 1), frame = c(0, 1, 2, 2),
#'   y = c(5, 5, 3, 7), x = 5)
#' plot(cl_read_tracks(table))
plot.cl_tracks <- function(x, kind = "tree", ..., cell = NULL, n = 8, recording = NULL) {
  switch(one_of(kind, c("tree", "paths", "errors"), "kind"),
    tree = draw_tree(x, cell, n, ...),
    paths = draw_paths(x, recording, ...),
    errors = draw_errors(x, ...)
  )
  invisible(x)
}

draw_tree <- function(x, cell, n, ...) {
  tracks <- as.data.frame(x$tracks)
  if (!is.null(cell)) {
    shown <- as.data.frame(cl_tree(x, cell))
  } else {
    lineages <- as.data.frame(x$lineages)
    order <- order(-lineages$divisions, -lineages$tracks)
    roots <- lineages$root[utils::head(order, n)]
    shown <- tracks[root_of(tracks) %in% roots, ]
  }
  at <- tree_places(shown)
  minutes <- x$minutes_per_frame
  scale <- if (is.null(minutes)) 1 else minutes / 60
  ends <- shown$frame_end[match(shown$parent, shown$track)]
  begin <- ifelse(is.na(ends), shown$frame_begin, ends) * scale
  end <- shown$frame_end * scale
  ours <- list(
    type = "n", xaxt = "n", xlab = "", ylab = if (scale == 1) "frame" else "hours", bty = "n",
    ylim = rev(range(begin, end)), xlim = range(at) + c(-0.5, 0.5)
  )
  plot_with(at, begin, ours, ...)
  graphics::segments(at, begin, at, end, col = "#22577a")
  mother <- at[match(shown$parent, shown$track)]
  own <- !is.na(mother)
  graphics::segments(mother[own], begin[own], at[own], begin[own], col = "#22577a")
  mark <- c(lost = 4, left = 62)[shown$end]
  seen <- !is.na(mark)
  graphics::points(at[seen], end[seen], pch = mark[seen], col = "#c1121f", cex = 0.8)
}

# The first track of the lineage of each.
root_of <- function(tracks) {
  root <- tracks$track
  repeat {
    above <- tracks$parent[match(root, tracks$track)]
    up <- !is.na(above) & above %in% tracks$track
    if (!any(up)) {
      return(root)
    }
    root[up] <- above[up]
  }
}

# Where tracks stand beside each other: daughters around their mother.
tree_places <- function(tracks) {
  at <- rep(NA_real_, nrow(tracks))
  free <- 0
  place <- function(k) {
    daughters <- which(tracks$parent == tracks$track[k])
    if (length(daughters) == 0) {
      at[k] <<- free
      free <<- free + 1
    } else {
      for (one in daughters) place(one)
      at[k] <<- mean(at[daughters])
    }
  }
  for (k in which(!tracks$parent %in% tracks$track)) {
    place(k)
    free <- free + 1
  }
  at
}

draw_paths <- function(x, recording, ...) {
  positions <- as.data.frame(x$positions)
  known <- unique(positions$recording)
  recording <- if (is.null(recording)) known[1] else one_of(recording, known, "recording")
  own <- positions[positions$recording == recording & !is.na(positions$track), ]
  own <- own[order(own$track, own$frame), ]
  unit <- if (length(unlist(x$spacing_um)) == 0) "px" else "um"
  y <- own[[paste0("y_", unit)]]
  xs <- own[[paste0("x_", unit)]]
  ours <- list(
    type = "n", asp = 1, ylim = rev(range(y)), xlab = sprintf("x (%s)", unit),
    ylab = sprintf("y (%s)", unit)
  )
  plot_with(xs, y, ours, ...)
  from <- which(utils::head(own$track, -1) == utils::tail(own$track, -1))
  colours <- rev(grDevices::hcl.colors(64, "viridis"))
  when <- own$frame[from] / max(1, max(own$frame))
  graphics::segments(xs[from], y[from], xs[from + 1], y[from + 1], col = colours[1 + 63 * when])
}

draw_errors <- function(x, ...) {
  links <- as.data.frame(x$links)
  links <- links[links$chosen, ]
  if (all(is.na(links$p_wrong))) {
    refuse("kind", "tracks of solver \"optimal\", for error rates", "none")
  }
  wrong <- pmin(1, pmax(1e-5, links$p_wrong))
  ours <- list(
    log = "y", pch = 19, cex = 0.5, xlab = "frame", ylab = "probability that a link is wrong",
    col = ifelse(links$p_wrong > 0.01, "#c1121f", "#b9bec1"), ylim = c(1e-5, 1)
  )
  plot_with(links$frame_from, wrong, ours, ...)
  graphics::abline(h = 0.01, lty = 2, col = "#22577a")
}
