#' Simulate microscopy with exactly known truth
#'
#' With `folder`, writes `images/` and `labels/` as [cl_train()] takes them; without, returns one
#' image.
#'
#' @param folder New folder, or `NULL`.
#' @param kind `"nuclei"` (many touch), `"cells"` (two channels; classes cytoplasm and nucleus) or
#'   `"nuclei_3d"`; `"culture"` or `"embryo"`: movies, in 2-D and 3-D; with a folder also
#'   `"annotators"`: nuclei drawn by several people; without one also `"screen"`: plates of wells
#'   with treatments.
#' @param images How many images to write, of a movie its frames; with `folder` only.
#' @param seed The same seed gives the same images, another seed others.
#' @param people How many annotators there are, for `kind = "annotators"`; with `folder` only.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @param ... Without `folder`, in which case one image is made: its settings, such as
#'   `shape = c(128, 128)`, `count = 40`, `diameter_px = c(16, 30)` and `touching = 0.75`; `optics`,
#'   a list of `blur_px`, `photons` (120; fewer are noisier), `read_noise`, `background`, `haze` and
#'   `unevenness`. Of a screen: `effects`, a named list of treatments, each a list of phenotype
#'   (`"none"`, `"condensed"`, `"translocated"`, `"granular"`), strength and prevalence from 0 to 1,
#'   and wells; `plates`, `controls` (wells called DMSO), `count` (cells in a well), `plate_effect`,
#'   `edge_effect` and `well_effect` of the light. Of a movie: `frames`, `count`, `spacing_um` and
#'   `diameter_um`; `crowding` (0 to 1), `speed` (of a step, as a share of the distance to the
#'   nearest neighbour), `division_rate` and `death_rate` (shares of cells in a frame), `bleaching`
#'   (share of the light lost from frame to frame), and of an embryo `attenuation_per_um`.
#' @return The folder, invisibly; or a list of `image` and `labels`; of a screen of `images`,
#'   `labels`, `plate` (a row per well) and `affected` (numbers of nuclei), for [cl_cells()]; of a
#'   movie of `images` and `labels` (t, y, x or t, z, y, x; a cell keeps its label), data frames
#'   `positions`, `links` and `tracks`, `spacing_um` and `minutes_per_frame`. A folder gets of a
#'   movie `t000.tif`, `t001.tif`, ... and `labels/man_track.txt`: label, first and last frame,
#'   mother.
#' @export
#' @examplesIf cl_available()
#' nuclei <- cl_simulate(shape = c(96, 96), count = 8)
#' range(nuclei$labels)
cl_simulate <- function(folder = NULL, kind = "nuclei", images = 8, seed = 0, ..., people = 5,
                        progress = "auto") {
  if (is.null(folder)) {
    if (!missing(images)) refuse("images", "`folder` with it, where images are written", images)
    if (!missing(people)) refuse("people", "`folder` with it, where images are written", people)
    settings <- list(seed = seed, ...)
    pack_arguments(settings) # told of each by its name
    return(call_python("simulate", kind = kind, arguments = settings))
  }
  if (...length() > 0) {
    here <- sys.nframe()
    stop_clean(
      unused(as.list(substitute(list(...)))[-1], here),
      " Settings of an image, such as shape, are for one in memory, without `folder`."
    )
  }
  arguments <- list(
    folder = plain_path(folder, "folder"), kind = kind, images = images, seed = seed,
    people = people
  )
  invisible(run_events("simulate", arguments, progress))
}
