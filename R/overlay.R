# Pictures in base graphics: an image in grey or colour, outlines of labels on it.

# Colours of the pixels [y, x], outlines of labels on them in the colours that are their names.
outlined <- function(image, labels = list()) {
  colours <- as_colours(image)
  for (colour in names(labels)) {
    colours[outlines(flat(labels[[colour]], 2))] <- colour
  }
  colours
}

# `col` of the user is no short form of a name of ours.
draw_picture <- function(pixels, title = "", ...) {
  size <- dim(pixels)
  # the middle of the first pixel is 0, as in the tables
  edges <- c(-0.5, size[1] - 0.5, size[2] - 0.5, -0.5)
  ours <- list(
    xlim = edges[c(1, 3)], ylim = edges[c(2, 4)], asp = 1, xaxs = "i", yaxs = "i", axes = FALSE,
    xlab = "", ylab = "", main = NULL
  )
  plot_with(edges[c(1, 3)], edges[c(2, 4)], c(ours, type = "n"), ...)
  graphics::rasterImage(pixels, edges[1], edges[2], edges[3], edges[4], interpolate = FALSE)
  if (!"main" %in% ...names()) {
    lines <- vapply(title, fit_figure, "", cex = 0.9)
    # right above the picture, which may be lower than its place
    ends <- graphics::par("usr")
    text <- paste(lines, collapse = "\n")
    top <- max(ends[4], edges[4])
    graphics::text(mean(ends[1:2]), top, text, pos = 3, font = 2, cex = 0.9, xpd = NA)
  }
}

# A plot with settings of ours, of which the user's take the place.
plot_with <- function(x, y, ours, ...) {
  given <- list(...)
  do.call(graphics::plot.default, c(list(x, y), ours[!names(ours) %in% names(given)], given))
}

# A name no wider than the figure: cut in the middle, for names differ at both ends.
fit_figure <- function(text, cex) {
  fits <- function(shown) {
    graphics::strwidth(shown, "inches", cex = cex, font = 2) <= graphics::par("fin")[1] * 0.98
  }
  n <- nchar(text)
  keep <- n %/% 2
  shown <- text
  while (!fits(shown) && keep > 1) {
    keep <- keep - 1
    shown <- paste0(substr(text, 1, keep), "...", substr(text, n - keep + 1, n))
  }
  shown
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
