#' Models in order, without truth
#'
#' Ranks models for images without labels by how consistent they are: a model that suits the images
#' finds the same in them after gentle changes (turned, with a little more noise, darker or
#' brighter, smaller or larger). Where some images have labels, [cl_compare()] says more.
#'
#' @param models A list of two `cl_model`s or more, or of their folders; its names are those in the
#'   tables.
#' @param images As for [predict()][predict.cl_model]. Of many images 50 are looked at, of large
#'   ones the middle 2048 px.
#' @param channels,slices,rescale,axes,pixel_size_um,pattern As for
#'   [predict()][predict.cl_model].
#' @param seed Decides the changes, which are the same for all models.
#' @param out Folder for the tables as CSV files.
#' @param overwrite Replace the ranking that is in `out`.
#' @param progress `TRUE`, `FALSE` or `"auto"`.
#' @param ... Must be empty.
#' @return A list of class `cl_ranking`: the data frames
#'   * `ranking`: `rank`, `model`, `consistency` (mean over images of the agreement between what is
#'     found in an image and in changed versions of it, from 0 to 1), `low` and `high` (its 95 %
#'     interval), `objects` (found in the images), `words`. Models that find nothing, nearly
#'     everything or one blob are last; their consistency says nothing, and is `NA`;
#'   * `per_image`: `image`, `model`, `consistency`, `objects`.
#'
#'   and `words`, a sentence, and `metric`, by which agreement is measured: average precision of
#'   objects at an IoU of 0.5, or Dice. That consistency follows quality is a finding (Talks and
#'   Kreshuk, \doi{10.48550/arXiv.2503.00450}), no law: a model that makes the same mistake each
#'   time is not found out.
#' @export
#' @examplesIf cl_available()
#' model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
#' cl_rank(list(one = model, same = model), cl_simulate(seed = 2)$image, progress = FALSE)
cl_rank <- function(models, images, ..., channels = NULL, slices = FALSE, rescale = "auto",
                    seed = 0, out = NULL, overwrite = FALSE, axes = NULL, pixel_size_um = NULL,
                    pattern = NULL, progress = "auto") {
  no_dots(...)
  given <- plain_sources(images, axes, pixel_size_um, pattern)
  if (is.null(channels) && inherits(images, "cl_data")) channels <- images$channels
  found <- run_events(
    "rank",
    list(
      models = plain_models(models), images = given, channels = channels, slices = slices,
      rescale = rescale, seed = seed, out = if (!is.null(out)) plain_path(out, "out"),
      overwrite = overwrite, axes = given$axes, pixel_size_um = given$pixel_size_um,
      pattern = given$pattern
    ),
    progress
  )
  new_verdict(found, "cl_ranking", "ranking")
}

plain_models <- function(models) {
  models <- unfactored(models)
  many <- if (is.character(models)) as.list(models) else models
  if (!is_plain_list(many) || length(many) < 2) {
    refuse("models", "a list of two models or more", models)
  }
  names <- if (!is.null(names(many))) as.list(all_names(many))
  paths <- lapply(unname(many), model_path, "models")
  list(paths = paths, names = names)
}
