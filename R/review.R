#' Correct labels in a browser, or draw the first ones
#'
#' Serves a page to the browser of this machine alone, on which objects are deleted, added and drawn
#' anew, the worst images first. Each step is kept at once and can be undone, also after the browser
#' or R was closed or killed: the same call goes on. Nothing of the results is replaced.
#'
#' @param results What [predict()][predict.cl_model] or [cl_consensus()] returned, or the folder
#'   that one of these wrote. Or images, as [predict()][predict.cl_model] takes them: labels that
#'   they have ([cl_data()], or a folder with both) are corrected, others are drawn from nothing.
#' @param ... Must be empty.
#' @param images The images of results, where these were no files or are elsewhere now.
#' @param model Finds what there is to begin with, where images are given. A training that is begun
#'   on the page goes on from it; without one it starts anew.
#' @param out Folder for what is corrected; `NULL`: `corrected` in the folder of the results, or
#'   beside the images.
#' @param port Port of this machine at which the page is served; `NULL`: one that is free.
#' @param browser Open the page, where there is a desktop; its address is told in any case.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return The path of `corrected.csv`, invisibly: the table of the images that were accepted, which
#'   [cl_train()] takes. It takes Jinja2: `cl_install(extras = "report")`.
#'
#'   The call returns when *Finish* is pressed on the page, or with Esc or Ctrl-C; to go on with R
#'   meanwhile, run `cytoloom review results/` in a terminal. Labels are images, not lines: an
#'   object that was not touched keeps its pixels. What is drawn is filled where the middle of a
#'   pixel is inside, and takes free pixels only. In `out` there are label images of every image
#'   that was edited or accepted in `labels/`, and every step in `steps.jsonl`. Masks become
#'   objects; labels that are classes, stacks and images of more than 33 million pixels cannot be
#'   edited here.
#' @export
#' @examples
#' \dontrun{
#' corrected <- cl_review("results/")
#' better <- cl_train(corrected, start = model, out = "better.cytoloom")
#' }
cl_review <- function(results, ..., images = NULL, model = NULL, out = NULL, port = NULL,
                      browser = TRUE, progress = "auto") {
  no_dots(...)
  kind <- class(results)[class(results) %in% c("cl_found", "cl_scores", "cl_consensus")]
  if (is.null(out) && identical(kind, "cl_found")) out <- beside_labels(results)
  invisible(run_events(
    "review",
    list(
      results = if (length(kind)) plain_results(results) else reviewed_images(results),
      images = if (length(kind)) shown_images(results, images) else reviewed_images(images),
      model = if (!is.null(model)) model_path(model),
      out = if (!is.null(out)) plain_path(out, "out"), port = port, browser = browser
    ),
    progress
  ))
}

# A folder as such, which may be one of results; else images, with their labels where it has them.
reviewed_images <- function(x) {
  if (is.null(x)) {
    return(NULL)
  }
  if (is_one_path(x)) {
    return(plain_path(x, "results"))
  }
  if (inherits(x, "cl_data") && !is.null(x$labels)) {
    return(c(plain_data(x, "results"), list(data = TRUE)))
  }
  c(plain_sources(x, what = "results"), list(read = TRUE))
}

# Where what is corrected goes: into the folder of the results, unless that is one of R's own.
beside_labels <- function(found) {
  labels <- found$files$labels
  folder <- unique(dirname(dirname(labels[!is.na(labels) & nzchar(labels)])))
  own <- normalizePath(c(tempdir(), tools::R_user_dir("cytoloom", "data")), mustWork = FALSE)
  if (length(folder) == 1 && !any(startsWith(normalizePath(folder), own))) {
    file.path(folder, "corrected")
  }
}
