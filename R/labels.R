# Labels that are too large to be kept in memory: where they are, read when they are used.

# A call that gives them where it is evaluated, as in do.call(): a type for which what knows no
# method stops, where a list or a vector of another length would be taken for labels.
in_file <- function(path, like, sha256 = NULL) {
  read <- call("labels_in_file", path = path, like = like, sha256 = sha256)
  structure(read, class = "cl_labels")
}

in_files <- function(paths, like, sha256 = NULL) {
  lapply(seq_along(paths), function(k) in_file(paths[k], like, sha256[k]))
}

# nolint start: object_usage_linter. It is what the call above is of.
labels_in_file <- function(path, like, sha256 = NULL) read_labels(path, like, sha256)
# nolint end

in_memory <- function(x) {
  # pmax() and its like give numbers the attributes of what they were made of
  if (is.call(x)) eval(unclass(x), environment(in_memory)) else unclass(x)
}

file_of <- function(x) unclass(x)$path

#' Labels in a file
#'
#' What `for` gives of a [cl_found] whose labels are too large to be kept in memory. They are read
#' when they are used, as the matrix or stack that `found[[i]]` is: by indexing, arithmetic,
#' comparisons, `apply()`, `table()`, `mean()`, `unique()`, `range()`, `t()`, `image()` and their
#' like. An assignment, `x[x == 1] <- 0L`, makes a matrix of it that is kept in memory. Functions
#' without methods, such as `%in%`, stop: give them `x[]`, which is the matrix, and so is
#' `as.matrix(x)`. What is used again and again is best read once, so.
#'
#' @param x,e1,e2 Labels in a file.
#' @param ... What the generic function takes.
#' @return What the same function gives of the matrix or stack.
#' @name cl_labels
#' @keywords internal
NULL

#' @rdname cl_labels
#' @export
`[.cl_labels` <- function(x, ...) in_memory(x)[...]

#' @rdname cl_labels
#' @param value Numbers of objects.
#' @export
`[<-.cl_labels` <- function(x, ..., value) {
  x <- in_memory(x)
  x[...] <- value
  x
}

#' @export
`[[<-.cl_labels` <- `[<-.cl_labels`

# What stands for a matrix: all that dispatches, and is used on one.
label_methods <- list(
  base = c(
    "[[", "all.equal", "anyDuplicated", "aperm", "as.array", "as.character", "as.data.frame",
    "as.double", "as.integer", "as.list", "as.logical", "as.matrix", "as.vector", "c", "cbind",
    "cut", "diff", "dim", "dimnames", "duplicated", "is.na", "is.numeric", "length", "mean",
    "mtfrm", "names", "rbind", "rep", "rev", "sort", "split", "summary", "t", "unique", "xtfrm"
  ),
  stats = c("median", "quantile"),
  graphics = c("hist", "image"),
  grDevices = "as.raster",
  utils = c("head", "tail")
)

register_labels <- function() {
  for (package in names(label_methods)) {
    space <- asNamespace(package)
    for (name in intersect(label_methods[[package]], ls(space, all.names = TRUE))) {
      registerS3method(name, "cl_labels", of_labels(get(name, space)), envir = space)
    }
  }
}

of_labels <- function(generic) {
  force(generic)
  function(x, ...) {
    rest <- lapply(list(...), function(one) if (inherits(one, "cl_labels")) in_memory(one) else one)
    do.call(generic, c(list(in_memory(x)), rest))
  }
}

#' @export
is.matrix.cl_labels <- function(x) length(dim(x)) == 2

#' @export
is.array.cl_labels <- function(x) TRUE

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
#' @export
Math.cl_labels <- function(x, ...) {
  get(.Generic)(in_memory(x), ...) # nolint: object_usage_linter.
}

#' @rdname cl_labels
#' @param na.rm Remove missing values, of which labels have none.
#' @export
Summary.cl_labels <- function(x, ..., na.rm = FALSE) {
  get(.Generic)(in_memory(x), ..., na.rm = na.rm) # nolint: object_usage_linter.
}

#' @rdname cl_labels
#' @export
format.cl_labels <- function(x, ...) paste0("<labels in ", file_of(x), ">")

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
