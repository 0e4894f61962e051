#' cytoloom: U-Nets on microscopy images
#'
#' Train a model on a folder of annotated images with [cl_train()], score it on other images
#' with [evaluate()], and apply it with [predict()][predict.cl_model]. What comes back are plain
#' lists, data frames and arrays; nothing of Python lives in them.
#'
#' The computing is done by the Python package of the same name, which this package carries.
#' [cl_install()] sets up the Python that it needs, [cl_doctor()] says what is there and what is
#' missing. Loading the package does not start Python; the first call that computes does.
#'
#' @section Conventions:
#' Arrays are indexed as matrices are, row first: an image is `[y, x]` or `[y, x, channel]`, a
#' stack `[z, y, x]` or `[z, y, x, channel]`. Labels are whole numbers `[y, x]` or `[z, y, x]`,
#' 0 is background. Objects of the classes `Image` (EBImage) and `cimg` (imager) are taken as
#' they are, x first, and labels come back in the same class. Positions in tables (centroids,
#' boxes) are pixels counted from 0 at the image's corner, the same as from Python: add 1 to use
#' them as R indices.
#'
#' @section Progress:
#' How far long work is goes to progressr within `progressr::with_progress()` or after
#' `progressr::handlers(global = TRUE)`; else to a bar where cli is installed and the terminal can
#' draw one; else into lines. `progress = FALSE` is silent; documents of knitr show notes alone.
#'
#' @section Options:
#' `options(cytoloom.debug = TRUE)` shows Python's traceback beside an error.
#'
#' @keywords internal
#' @importFrom stats predict
"_PACKAGE"

#' @importFrom generics evaluate
#' @export
generics::evaluate
