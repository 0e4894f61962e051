#' Compare two label images
#'
#' The scores that [evaluate()][evaluate.cl_model] uses, on plain arrays: `cl_dice()` and
#' `cl_iou()` of two masks, or their mean over the classes where the numbers are classes (for
#' instances compare `truth > 0` with `found > 0`); `cl_average_precision()` and `cl_match()` of
#' instances, matched one to one, whatever their numbers. Empty against empty scores 1, empty
#' against something 0.
#'
#' @param truth,found Arrays of whole numbers of the same size, or logical masks; 0 is
#'   background.
#' @param ... Must be empty.
#' @param unknown Value of `truth` that counts nowhere.
#' @param iou Intersection over union that a pair needs, above 0 to 1; `cl_average_precision()`
#'   takes several.
#' @return One number (`cl_average_precision()`: one per `iou`). `cl_match()`: a list of the counts
#'   `tp`, `fp` and `fn`, the scores `precision`, `recall`, `f1`, `average_precision` and
#'   `panoptic_quality`, and a data frame `objects` of truth, found, iou and matched.
#' @export
#' @examplesIf cl_available()
#' truth <- matrix(c(1, 1, 0, 2), 1)
#' found <- matrix(c(1, 1, 0, 0), 1)
#' cl_dice(truth > 0, found > 0)
#' cl_average_precision(truth, found)
#' cl_match(truth, found)$objects
cl_dice <- function(truth, found, ..., unknown = NULL) {
  no_dots(...)
  compare("dice", truth, found, unknown)
}

#' @rdname cl_dice
#' @export
cl_iou <- function(truth, found, ..., unknown = NULL) {
  no_dots(...)
  compare("iou", truth, found, unknown)
}

#' @rdname cl_dice
#' @export
cl_average_precision <- function(truth, found, iou = 0.5, ..., unknown = NULL) {
  no_dots(...)
  compare("average_precision", truth, found, unknown, iou = iou)
}

#' @rdname cl_dice
#' @export
cl_match <- function(truth, found, iou = 0.5, ..., unknown = NULL) {
  no_dots(...)
  call_python(
    "match",
    truth = plain_labels(truth, "truth"), found = plain_labels(found, "found"), iou = iou,
    unknown = unknown
  )
}

#' Compare two label images by their objects or by their surfaces
#'
#' Scores on plain arrays beside those of [cl_dice()], as a data frame of one row, to be put
#' together with `rbind()`. `cl_partition_scores()` says how two divisions of an image into objects
#' differ, whatever the numbers of these: what was split, what was merged, how well objects and
#' their outlines fit. `cl_surface_scores()` says how far two masks are from each other: of labels,
#' all that is not 0.
#'
#' @param truth,found Arrays `[y, x]` or `[z, y, x]` of whole numbers of the same size, or logical
#'   masks; 0 is background.
#' @param ... Must be empty.
#' @param unknown Value of `truth` that counts nowhere.
#' @param background Whether the background of `truth` is one more object of the variation of
#'   information. By default its pixels do not count.
#' @param tolerance_px Pixels up to which two outlines are in the same place (`boundary_f`).
#' @param pixel_size_um Micrometres per pixel: one number, or one for each axis in the order of the
#'   axes, as `c(4, 1, 1)`. Distances are then micrometres, else pixels.
#' @param tolerance Distance from the other mask up to which a pixel is right, in micrometres where
#'   `pixel_size_um` is given, else in pixels.
#' @return A data frame of one row. `cl_partition_scores()`:
#'   * `voi_split`, `voi_merge`: variation of information, bits by which objects were split and by
#'     which they were merged; 0 is best (\doi{10.1016/j.jmva.2006.11.013}). What is found as
#'     background is one object.
#'   * `adapted_rand_error`: 1 minus the F-score of the pairs of pixels that are in one object; 0
#'     is best (\doi{10.3389/fnana.2015.00142}).
#'   * `seg`: SEG of the Cell Tracking Challenge, mean over true objects of the IoU with the found
#'     object that covers more than half of it (\doi{10.1093/bioinformatics/btu080}).
#'   * `aggregated_jaccard`: aggregated Jaccard index (\doi{10.1109/TMI.2017.2677499}).
#'   * `boundary_f`: F-score of the outlines of objects.
#'
#'   `cl_surface_scores()`, with names that end in `_um` or `_px`:
#'   * `hausdorff`, `hausdorff95`: the largest distance of a pixel of one outline to the other one,
#'     and that of 95 % of them; 0 is best. With one mask empty: `Inf`.
#'   * `mean_false_positive_distance`, `mean_false_negative_distance`: how far what is found lies
#'     from the truth on average, and what is true from what is found, pixels of both being at 0.
#'
#'   and `precision`, `recall` and `f1` of pixels, where those within the tolerance are not wrong.
#'
#'   Where neither has objects all are at their best. Finding nothing where there are some merges
#'   them all, which of a single one costs no bits, and is at no place that is false
#'   (`mean_false_positive_distance` is 0): look at the others, too.
#' @export
#' @examplesIf cl_available()
#' # an object that was cut into halves, and one that is three planes too high
#' cl_partition_scores(matrix(1, 4, 4), matrix(rep(5:6, each = 8), 4))
#' truth <- found <- array(FALSE, c(9, 5, 5))
#' truth[3:4, 2:4, 2:4] <- TRUE
#' found[6:7, 2:4, 2:4] <- TRUE
#' cl_surface_scores(truth, found, pixel_size_um = c(4, 1, 1))
cl_partition_scores <- function(truth, found, ..., unknown = NULL, background = FALSE,
                                tolerance_px = 2) {
  no_dots(...)
  call_python(
    "partition_scores",
    truth = plain_labels(truth, "truth"), found = plain_labels(found, "found"),
    unknown = unknown, background = background, tolerance_px = tolerance_px
  )
}

#' @rdname cl_partition_scores
#' @export
cl_surface_scores <- function(truth, found, ..., pixel_size_um = NULL, tolerance = 0,
                              unknown = NULL) {
  no_dots(...)
  call_python(
    "surface_scores",
    truth = plain_labels(truth, "truth"), found = plain_labels(found, "found"),
    pixel_size_um = pixel_size_um, tolerance = tolerance, unknown = unknown
  )
}

compare <- function(name, truth, found, unknown, ...) {
  call_python(
    "metric",
    name = name, truth = plain_labels(truth, "truth"), found = plain_labels(found, "found"),
    unknown = unknown, ...
  )
}
