#' Outlines of objects
#'
#' Traced along the edges of pixels, for figures and for spatial analysis.
#'
#' @param labels Label images `[y, x]`, as [cl_measure()] takes them: what
#'   [predict()][predict.cl_model] returned or wrote, paths, matrices, a list of these.
#' @param ... Must be empty.
#' @param as `"data.frame"`, or `"sf"` for simple features, where the package sf is installed.
#' @return A data frame `image`, `object`, `part`, `ring`, `x`, `y`: a row per corner, in the order
#'   in which a line connects them, the first of each ring again as its last. A part is a piece of
#'   the object whose pixels touch by their edges; its ring 1 is its outside, further rings are its
#'   holes. As sf: `image`, `object` and a multipolygon each.
#'
#'   Coordinates are in pixels, `x` to the right and `y` **downwards**, and the middle of the first
#'   pixel is 0, as in the centroids of [cl_measure()]: the corner of the image is -0.5. What the
#'   rings of an object enclose, less its holes, is exactly its `area_px`.
#' @section In figures:
#' With ggplot2, holes are `subgroup`, and the y axis is turned:
#' ```r
#' ggplot(cl_outlines(found), aes(x, y, group = interaction(object, part), subgroup = ring)) +
#'   geom_polygon(fill = NA, colour = "black") +
#'   facet_wrap(~image) +
#'   scale_y_reverse() +
#'   coord_equal()
#' ```
#' `geom_sf()` heeds no `scale_y_reverse()`; turn the features:
#' ```r
#' shapes <- cl_outlines(found, as = "sf")
#' sf::st_geometry(shapes) <- sf::st_geometry(shapes) * matrix(c(1, 0, 0, -1), 2)
#' ```
#' @export
#' @examplesIf cl_available()
#' nuclei <- cl_simulate(shape = c(96, 96), count = 8)
#' outlines <- cl_outlines(nuclei$labels)
#' head(outlines)
#' plot(y ~ x, outlines, type = "n", asp = 1, ylim = c(96, 0))
#' for (one in split(outlines, outlines[c("object", "part", "ring")], drop = TRUE)) {
#'   lines(y ~ x, one)
#' }
cl_outlines <- function(labels, ..., as = c("data.frame", "sf")) {
  no_dots(...)
  as <- one_of(as, c("data.frame", "sf"), "as")
  makers <- c(shape = "st_multipolygon", column = "st_sfc", table = "st_sf")
  make <- if (as == "sf") lapply(makers, optional, "sf")
  found <- call_python("outlines", labels = plain_label_images(labels))
  if (as == "sf") as_features(found, make) else found
}

# A multipolygon for each object: its rings by part, and its parts.
as_features <- function(outlines, make) {
  ring <- numbered(outlines[c("image", "object", "part", "ring")])
  part <- numbered(outlines[c("image", "object", "part")])
  object <- numbered(outlines[c("image", "object")])
  first <- function(id) which(!duplicated(id))
  corners <- as.matrix(outlines[c("x", "y")])
  dimnames(corners) <- NULL
  rings <- lapply(split(seq_along(ring), ring), function(rows) corners[rows, ])
  parts <- split(unname(rings), part[first(ring)])
  objects <- split(unname(parts), object[first(part)])
  shapes <- lapply(unname(objects), make$shape)
  table <- outlines[first(object), c("image", "object")]
  row.names(table) <- NULL
  make$table(table, geometry = make$column(shapes))
}

# Rows that are alike follow each other: a number for each such run.
numbered <- function(keys) {
  n <- nrow(keys)
  fresh <- lapply(keys, function(key) key[-1] != key[-n])
  cumsum(c(if (n > 0) TRUE, Reduce(`|`, fresh)))
}

# A function of a package that need not be installed.
optional <- function(name, package) {
  if (!requireNamespace(package, quietly = TRUE)) {
    stop_clean("This needs the package ", package, ". Run: install.packages(\"", package, "\")")
  }
  getExportedValue(package, name)
}
