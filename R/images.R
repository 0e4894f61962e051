# Images of other packages. Dispatch is by class name and documented structure alone, so that
# none of them is needed: EBImage's `Image` is an S4 array (x, y[, channel or frame]) with a slot
# `colormode` (0 grey, 2 colour); imager's `cimg` is an S3 array (x, y, z, channel).

# What Python takes of an image: its pixels, and what is known of their axes and size. Of an array
# of which nothing is known the pixels alone.
plain_image <- function(x, what = "images") {
  if (inherits(x, "Image")) {
    return(do.call(known_image, c(plain_ebimage(x), list(bare = TRUE))))
  }
  if (inherits(x, "cimg")) {
    return(do.call(known_image, c(plain_cimg(x), list(bare = TRUE))))
  }
  if (is.null(dim(x)) || is.data.frame(x)) {
    refuse(what, "paths or arrays", x)
  }
  axes <- attr(x, "axes", exact = TRUE)
  # what arithmetic kept and a change of dimensions did not
  if (!is.character(axes) || length(axes) != 1 || nchar(axes) != length(dim(x))) {
    return(pack_pixels(x, what))
  }
  size <- attr(x, "pixel_size_um", exact = TRUE)
  names <- attr(x, "channel_names", exact = TRUE)
  known_image(x, axes, size, names, bare = is.null(said_dtype(x)), what = what)
}

# Pictures that are no arrays of pixels, and what to give instead.
pictures <- c(
  "magick-image" = "Give the path of its file, of which magick hands on 8 bits.",
  bitmap = "Make an array of it, as.integer(x), or give the path of its file.",
  nativeRaster = "Read it with native = FALSE.",
  raster = "Give the array that it was made of."
)

refuse_pictures <- function(x, what) {
  kind <- intersect(class(x), names(pictures))
  if (length(kind) > 0) refuse(what, "paths or arrays", x, pictures[[kind[1]]])
}

known_image <- function(array, axes, size = NULL, names = NULL, bare, what = "images") {
  list(
    crosses_as = "image", array = pack_pixels(array, what), axes = axes,
    pixel_size_um = as.list(size), channel_names = as.list(names), bare = bare
  )
}

bare_array <- function(x) {
  array(as.vector(x), dim(x))
}

plain_ebimage <- function(x) {
  values <- bare_array(x)
  grey <- !identical(as.integer(attr(x, "colormode")), 2L)
  axes <- c("yx", if (grey) "yxt" else "yxc", "yxct")[length(dim(values)) - 1]
  list(array = swap_xy(values), axes = axes)
}

plain_cimg <- function(x) {
  values <- bare_array(x)
  size <- dim(values)
  if (size[3] == 1) {
    return(list(array = aperm(array(values, size[-3]), c(2, 1, 3)), axes = "yxc"))
  }
  list(array = aperm(values, c(3, 2, 1, 4)), axes = "zyxc")
}

swap_xy <- function(x) {
  if (length(dim(x)) == 2) t(x) else aperm(x, c(2, 1, seq_along(dim(x))[-(1:2)]))
}

# Labels as a matrix or stack in our index order.
plain_labels <- function(x, what = "labels") {
  if (inherits(x, "cl_labels")) x <- in_memory(x)
  if (inherits(x, "Image")) {
    x <- swap_xy(bare_array(x))
  } else if (inherits(x, "cimg")) {
    x <- plain_cimg(x)$array
    x <- array(x, dim(x)[-length(dim(x))])
  }
  if (is.null(dim(x)) || is.data.frame(x)) refuse(what, "a matrix or an array of labels", x)
  check_numbers(x, what)
  check_labels(x, what)
  x
}

check_labels <- function(x, what) {
  if (!is.double(x)) {
    return(invisible())
  }
  if (!all(is.finite(x))) refuse(what, "whole numbers", I(as.character(x[!is.finite(x)][1])))
  if (all_whole(x)) {
    return(invisible())
  }
  remedy <- if (min(x) >= 0 && max(x) <= 1) {
    "labels look rescaled; read them with readTIFF(as.is = TRUE) or cl_read(labels = TRUE)"
  } else {
    sprintf("%s, a fraction", format(x[x != trunc(x)][1]))
  }
  refuse(what, "whole numbers", I(remedy))
}

# What is needed to give an array the class of an image that came in: its attributes.
image_class <- function(x) {
  if (!(inherits(x, "Image") || inherits(x, "cimg"))) {
    return(NULL)
  }
  attributes(x)[setdiff(names(attributes(x)), c("dim", "dimnames"))]
}

# An array [y, x], [y, x, k] or [z, y, x] in the class and index order that `like` describes.
as_class <- function(x, like, stack = FALSE) {
  if (is.null(like)) {
    return(x)
  }
  if ("cimg" %in% like$class) {
    x <- if (stack) aperm(x, c(3, 2, 1)) else swap_xy(x)
    size <- dim(x)
    dim(x) <- if (stack) c(size, 1L) else c(size[1:2], 1L, size[-(1:2)], 1L)[1:4]
    attributes(x) <- c(list(dim = dim(x)), like)
    return(x)
  }
  x <- swap_xy(x)
  like$colormode <- 0L
  attributes(x) <- c(list(dim = dim(x)), like)
  asS4(x)
}
