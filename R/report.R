#' Results as a page to look at
#'
#' Writes results as one page for a browser: every image with its outlines, the tables, how it was
#' made, and a paragraph for the methods. The page needs no network and can be sent to others.
#'
#' @param results What [predict()][predict.cl_model], [evaluate()][evaluate.cl_model],
#'   [cl_consensus()], [cl_novelty()] or [cl_track()] returned, or the folder that one of these
#'   wrote; tracks of any program that [cl_read_tracks()] reads.
#' @param path The page, a file whose name ends in `.html`.
#' @param ... Must be empty.
#' @param images The images, as [predict()][predict.cl_model] takes them, or [cl_data()] with labels
#'   for scores; `NULL`: those of the results, or where they were. An image that is not found has a
#'   row without its picture, which is said. For tracks the images of their movie, as [cl_track()]
#'   takes those.
#' @param labels For scores what was found, as [cl_measure()] takes it, so that false objects are
#'   shown beside the missed ones.
#' @param cells For what [cl_novelty()] found the cells, from [cl_cells()] or their folder; without
#'   them the page has no pictures of cells.
#' @param overwrite Replace the page that is there, with its pictures where these are beside it.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return The path of the page, invisibly. It takes Jinja2: `cl_install(extras = "report")`.
#'
#'   Pictures are in the page, up to some 60 MB; those of very many images are in a folder beside
#'   it, which is said. They are made smaller the more there are; what is measured is not measured
#'   in them. Of a stack there are three planes at right angles, and the brightest value along z.
#'   Images are in the order in which they are worth a look: those that failed, then those with
#'   flags, then by the lowest score or mean probability of the foreground. The page has that list
#'   as CSV.
#'
#'   The page of what [cl_novelty()] found has the hit list, a heat map of each plate whose wells
#'   show their cells, the most novel and typical cells of each treatment, outliers alike, and a
#'   map of the cells.
#'
#'   The page of tracks has the links that are more than 1 % likely to be wrong, at most the 200
#'   likeliest, each with the frames around it, a box to tick for right or wrong, and a file of what
#'   was ticked that [cl_track()] takes as `corrections`; warnings, lineage trees, and numbers.
#' @export
#' @examplesIf cl_available()
#' model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
#' found <- predict(model, list(a = cl_simulate(seed = 1)$image), progress = FALSE)
#' \dontrun{
#' browseURL(cl_report(found, "report.html"))
#' }
cl_report <- function(results, path, ..., images = NULL, labels = NULL, cells = NULL,
                      overwrite = FALSE, progress = "auto") {
  no_dots(...)
  invisible(run_events(
    "report",
    list(
      results = plain_results(results), path = plain_path(path),
      images = shown_images(results, images),
      labels = if (!is.null(labels)) plain_label_images(labels),
      cells = if (!is.null(cells)) told_cells(cells), overwrite = overwrite
    ),
    progress
  ))
}

# Results as Python takes them: a folder, or tables and labels.
plain_results <- function(results) {
  if (is.character(results)) {
    return(plain_path(results, "results"))
  }
  if (inherits(results, "cl_novelty")) {
    return(list(source = plain_novelty(results)))
  }
  if (inherits(results, "cl_tracks")) {
    return(list(source = plain_tracks(results)))
  }
  kind <- intersect(class(results), c("cl_found", "cl_scores", "cl_consensus"))
  if (length(kind) != 1) {
    refuse("results", "predictions, scores, a consensus, hits, tracks, or their folder", results)
  }
  tables <- switch(kind,
    cl_found = list(
      files = results$files[setdiff(names(results$files), c("low", "high", "labels"))],
      objects = results$objects, summary = results$summary
    ),
    unclass(results)[intersect(
      c("summary", "per_image", "per_object", "per_expert", "per_label", "pairs", "objects"),
      names(results)
    )]
  )
  given <- switch(kind,
    cl_found = plain_label_images(results),
    cl_consensus = plain_label_images(as.list(results$labels))
  )
  list(source = list(kind = kind, tables = tables, labels = given, run = run_of(results)))
}

# What made results, as JSON; nothing of results that are of several predictions.
run_of <- function(results) {
  parts <- if (inherits(results, "cl_found")) attr(results, "source") else list(attributes(results))
  runs <- unique(unlist(lapply(parts, `[[`, "run")))
  if (length(runs) == 1) runs else ""
}

# The images of results, where these know them and no others are given.
shown_images <- function(results, images) {
  if (is.null(images)) {
    if (inherits(results, "cl_found") && length(attr(results, "source")) > 0) images <- results
    if (inherits(results, "cl_scores")) images <- attr(results, "data")
  }
  if (is.null(images)) {
    return(NULL)
  }
  if (are_tracks(results)) {
    return(list(source = plain_movie(images, "images", pixels = TRUE), movie = TRUE))
  }
  if (inherits(images, "cl_data") && inherits(results, "cl_scores")) {
    return(c(plain_data(images, "images"), list(data = TRUE)))
  }
  c(plain_sources(images), list(read = TRUE))
}

# Tracks, or a path at which they are: their images are a movie.
are_tracks <- function(results) {
  if (!is.character(results) || length(results) != 1) {
    return(inherits(results, "cl_tracks"))
  }
  file.exists(file.path(results, "tracks.csv")) ||
    grepl("[.](xml|aut|autlist|geff|csv|json|txt)$|_(RES|GT)/?$", results, ignore.case = TRUE)
}
