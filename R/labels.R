# Labels that are too large to be kept in memory: where they are, read when they are used.

in_file <- function(path, like) structure(list(path = path, like = like), class = "cl_labels")

in_memory <- function(x) {
  x <- unclass(x)
  read_labels(x$path, x$like)
}

#' Labels in a file
#'
#' What `for` gives of a [cl_found] whose labels are too large to be kept in memory. They are
#' read when they are used: by `as.matrix()`, `as.array()`, indexing, comparisons and arithmetic.
#'
#' @param x,e1,e2 Labels in a file.
#' @param ... What the generic function takes.
#' @return What the same function gives of the matrix or stack.
#' @name cl_labels
#' @keywords internal
NULL

#' @rdname cl_labels
#' @export
as.matrix.cl_labels <- function(x, ...) as.matrix(in_memory(x))

#' @rdname cl_labels
#' @export
as.array.cl_labels <- function(x, ...) in_memory(x)

#' @rdname cl_labels
#' @export
dim.cl_labels <- function(x) dim(in_memory(x))

#' @rdname cl_labels
#' @export
`[.cl_labels` <- function(x, ...) in_memory(x)[...]

#' @rdname cl_labels
#' @export
unique.cl_labels <- function(x, ...) unique(as.vector(in_memory(x)))

#' @rdname cl_labels
#' @export
Ops.cl_labels <- function(e1, e2) {
  plain <- lapply(list(e1, if (!missing(e2)) e2), function(x) {
    if (inherits(x, "cl_labels")) in_memory(x) else x
  })
  f <- get(.Generic) # nolint: object_usage_linter.
  if (missing(e2)) f(plain[[1]]) else f(plain[[1]], plain[[2]])
}

#' @rdname cl_labels
#' @param na.rm Remove missing values, of which labels have none.
#' @export
Summary.cl_labels <- function(x, ..., na.rm = FALSE) {
  get(.Generic)(in_memory(x), ..., na.rm = na.rm) # nolint: object_usage_linter.
}

#' @rdname cl_labels
#' @export
format.cl_labels <- function(x, ...) paste0("<labels in ", unclass(x)$path, ">")

#' @rdname cl_labels
#' @export
print.cl_labels <- function(x, ...) {
  cat(format(x), "\n", sep = "")
  invisible(x)
}

#' @rdname cl_labels
#' @importFrom utils str
#' @export
str.cl_labels <- function(object, ...) cat(" ", format(object), "\n", sep = "")
