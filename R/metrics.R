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

compare <- function(name, truth, found, unknown, ...) {
  call_python(
    "metric",
    name = name, truth = plain_labels(truth, "truth"), found = plain_labels(found, "found"),
    unknown = unknown, ...
  )
}
