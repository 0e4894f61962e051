#' What was found
#'
#' Methods for what [predict()][predict.cl_model] returns.
#'
#' @param x,object A `cl_found`.
#' @param i Name or number of an image (a row of `x$files`).
#' @param exact Ignored; it belongs to the generic function.
#' @param ... Must be empty; for `plot()`, passed to [graphics::plot.window()].
#' @param row.names,optional Ignored; they belong to the generic function.
#' @return `x[[i]]`: labels, read when asked for; an integer matrix `[y, x]` or stack
#'   `[z, y, x]`, or the class of the images that went in. `as.data.frame()`: the objects.
#'   `as.list()`: the labels of all images by name. `summary()`: objects and their median area
#'   per image.
#' @name cl_found
NULL

#' @rdname cl_found
#' @export
print.cl_found <- function(x, ...) {
  no_dots(...)
  files <- x$files
  failed <- files[files$status != "ok", ]
  cat(sum(files$objects), "objects in", nrow(files) - nrow(failed), "images\n")
  folder <- dirname(dirname(files$labels[files$status == "ok"][1]))
  cat("Label images in ", folder, "; found[[1]] reads the first\n", sep = "")
  if (nrow(failed) > 0) cat(sprintf("failed: %s: %s\n", failed$image, failed$status), sep = "")
  invisible(x)
}

#' @rdname cl_found
#' @export
summary.cl_found <- function(object, ...) {
  no_dots(...)
  files <- object$files
  per_image <- split(object$objects$area_px, factor(object$objects$image, files$image))
  data.frame(
    image = files$image, status = files$status, objects = lengths(per_image),
    median_area_px = vapply(per_image, stats::median, 0), row.names = NULL
  )
}

#' @rdname cl_found
#' @export
as.data.frame.cl_found <- function(x, row.names = NULL, optional = FALSE, ...) {
  no_dots(...)
  x$objects
}

#' @rdname cl_found
#' @export
as.list.cl_found <- function(x, ...) {
  no_dots(...)
  names <- x$files$image[x$files$status == "ok"]
  stats::setNames(lapply(names, function(name) x[[name]]), names)
}

#' @rdname cl_found
#' @export
`[[.cl_found` <- function(x, i, exact = TRUE) {
  plain <- unclass(x)
  if (is.character(i) && i %in% names(plain) && !i %in% plain$files$image) {
    return(plain[[i]])
  }
  row <- found_row(plain$files, i)
  labels <- call_python("read", path = row$labels, labels = TRUE)$array
  as_class(labels, attr(x, "like"), stack = length(dim(labels)) == 3)
}

found_row <- function(files, i) {
  row <- if (is.character(i)) match(i, files$image) else i
  if (length(row) != 1 || is.na(row) || row < 1 || row > nrow(files)) {
    stop_clean(
      "Invalid image. Expected a number up to ", nrow(files), " or one of ",
      toString(utils::head(files$image, 5)), ". Received: ", toString(i), "."
    )
  }
  row <- files[row, ]
  if (row$status != "ok") stop_clean(row$image, " has no labels: ", row$status)
  if (!file.exists(row$labels)) {
    stop_clean("The labels in ", row$labels, " are gone. Predict again with `out` to keep them.")
  }
  row
}

#' @rdname cl_found
#' @export
plot.cl_found <- function(x, i = 1, ...) {
  row <- found_row(x$files, i)
  labels <- call_python("read", path = row$labels, labels = TRUE)$array
  image <- call_python(
    "image",
    images = plain_sources(attr(x, "source"), attr(x, "axes"), pattern = attr(x, "pattern")),
    name = row$image
  )
  draw_overlay(image, list(`#FFB000` = labels), row$image, ...)
  invisible(x)
}
