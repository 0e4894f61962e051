# Pictures in base graphics: an image in grey or colour, outlines of labels on it.

draw_overlay <- function(image, labels = list(), title = "", ...) {
  colours <- as_colours(image)
  for (colour in names(labels)) {
    colours[outlines(flat(labels[[colour]], 2))] <- colour
  }
  size <- dim(colours)
  graphics::plot.new()
  graphics::plot.window(c(0, size[2]), c(size[1], 0), asp = 1, xaxs = "i", yaxs = "i", ...)
  graphics::rasterImage(colours, 0, size[1], size[2], 0, interpolate = FALSE)
  graphics::title(main = title, cex.main = 0.9)
}

# The middle slice of a stack; `ndim` is what is left.
flat <- function(x, ndim) {
  if (length(dim(x)) <= ndim) {
    return(x)
  }
  middle <- (dim(x)[1] + 1) %/% 2
  if (ndim == 2) x[middle, , ] else array(x[middle, , , ], dim(x)[-1])
}

# [y, x, c] in colours: one channel grey, two magenta and green, the first three red, green, blue.
as_colours <- function(image) {
  if (length(dim(image)) == 2) dim(image) <- c(dim(image), 1L)
  image <- flat(image, 3)
  planes <- lapply(seq_len(min(dim(image)[3], 3)), function(k) stretched(image[, , k]))
  mix <- switch(length(planes), c(1, 1, 1), c(1, 2, 1), c(1, 2, 3))
  colours <- grDevices::rgb(planes[[mix[1]]], planes[[mix[2]]], planes[[mix[3]]])
  matrix(colours, dim(image)[1], dim(image)[2])
}

stretched <- function(plane) {
  some <- plane[seq(1, length(plane), length.out = min(length(plane), 1e5))]
  ends <- stats::quantile(some, c(0.01, 0.998), names = FALSE)
  pmin(pmax((plane - ends[1]) / max(ends[2] - ends[1], 1e-12), 0), 1)
}

# TRUE for pixels of an object with a neighbour above, below or beside that is not of it.
outlines <- function(labels) {
  rows <- nrow(labels)
  columns <- ncol(labels)
  up <- labels[c(1, seq_len(rows - 1)), , drop = FALSE]
  down <- labels[c(seq_len(rows)[-1], rows), , drop = FALSE]
  left <- labels[, c(1, seq_len(columns - 1)), drop = FALSE]
  right <- labels[, c(seq_len(columns)[-1], columns), drop = FALSE]
  labels > 0 & (labels != up | labels != down | labels != left | labels != right)
}
