#' Say which images and labels to use
#'
#' For all that a folder alone does not say: arrays in memory, groups, channels, unknown pixels.
#' Wherever data are expected, a folder with `images/` and `masks/` or `labels/`, the path of a
#' CSV file or a data frame with columns image, label\[, group, split\], or
#' `list(images = , labels = )` do as well.
#'
#' @param images A folder, a CSV file, a data frame (in its columns paths or arrays); or paths, or a
#'   list of paths and arrays `[y, x]`, `[y, x, channel]` or `[z, y, x]`, named or not.
#'   Images of EBImage (`Image`) and imager (`cimg`) are taken as they are.
#' @param labels Paths or arrays of labels: by name where both lists have names, of which one may be
#'   files of these names, else in the same order; a folder goes with a folder of images, as does
#'   one file of COCO. What cannot be used is said by [cl_check()] of its image, such as labels
#'   with `NA`. `NULL` where `images` says where they are.
#' @param ... Must be empty.
#' @param names Names of the images; default those of the list `images`.
#' @param group One per image: plate, well, donor or recording. Images of one group are never on
#'   both sides of a split.
#' @param channels Channels to use, by number from 0 or by name; default all. `list(0, c(2, 3))`
#'   are two, of which the second is the sum of channels 2 and 3.
#' @param unknown Label value that counts nowhere: no loss, no score.
#' @param axes What the axes of the arrays are, such as `"yxc"`, `"zyx"` or `"czyx"`, where this
#'   is not plain.
#' @param pixel_size_um Micrometres per pixel: one number, or one per axis (y, x) or (z, y, x).
#' @param pattern How names of files tell which are one image, such as
#'   `"{well}_s{site}_w{channel}"`: files that differ in `{channel}`, `{z}` or `{t}` only are
#'   joined. Default: those with the usual names (`_w1`, `_ch1`, `_c1`, `_DAPI`, `_z01`), also in
#'   a folder per field or per channel (`A01/w1.tif`, `DAPI/A01.tif`);
#'   `"{name}"`: each file is an image.
#' @param class_ids Which ids of the labels are which class: `list(mito = 3:5, er = 7)` makes label
#'   values 1 (mito) and 2 (er), for tasks that learn classes; those that learn objects keep the ids
#'   that are named. Ids that are not named are background; where `background` is named itself they
#'   are unknown, as are those named `unknown`. (`group` is of images.)
#' @param object_classes Which class each object has, for [cl_instances()] with `classes`: a folder
#'   of maps called as the labels (the pixels of an object have the number of its class, from 1 on),
#'   or a data frame, CSV or Parquet file with columns image, object, class. `NULL`: `classes/` or
#'   `classes.csv` beside `labels/`, and the classes of outlines.
#' @param also More data sets: paths, or a list of paths and [cl_data()]. Patches are drawn from
#'   each set alike, or as `weights` say, however many images each has.
#' @param weights How often patches are drawn from each of the sets, the first one first.
#' @return A list of class `cl_data`, for [cl_train()], [evaluate()] and [cl_check()].
#' @export
#' @examples
#' cl_data("plate1", channels = "DAPI", unknown = 255)
#' image <- matrix(0:255, 16, 16)
#' cl_data(list(a = image), list(image > 100), pixel_size_um = 0.5)
cl_data <- function(images, labels = NULL, ..., names = NULL, group = NULL, channels = NULL,
                    unknown = NULL, axes = NULL, pixel_size_um = NULL, pattern = NULL,
                    class_ids = NULL, object_classes = NULL, also = NULL, weights = NULL) {
  no_dots(...)
  how <- list(
    names = names, group = group, channels = channels, unknown = unknown, axes = axes,
    pixel_size_um = pixel_size_um, pattern = pattern, class_ids = plain_class_ids(class_ids),
    weights = weights
  )
  # what is no text or number is told here, and not when the data are used
  pack_arguments(how)
  if (!is.null(also)) how$also <- each_also(also)
  if (!is.null(object_classes)) how$object_classes <- checked_classes(object_classes)
  # of one working directory, wherever R works when they are used
  new_data(lasting(images), lasting(labels), how)
}

# More data sets as a list of such data.
each_also <- function(also) {
  fits <- function(one) inherits(one, c("cl_data", "data.frame")) || is.character(one)
  several <- if (fits(also) && !is.character(also)) list(also) else also
  plain <- is.character(several) || is.list(several)
  # a name without a value is no value that a function may be given
  given <- plain && !any(vapply(seq_along(several), function(k) is.symbol(several[[k]]), NA))
  if (!given || length(several) == 0 || !all(vapply(several, fits, NA))) {
    refuse("also", "paths, or a list of paths and cl_data()", also)
  }
  lapply(as.list(several), as_cl_data, what = "also")
}

# Ids by class, as lists of numbers.
plain_class_ids <- function(class_ids) {
  if (is.null(class_ids)) {
    return(NULL)
  }
  fits <- function(ids) is.numeric(ids) && length(ids) > 0 && all(is.finite(ids))
  named <- !is.null(names(class_ids)) && all(nzchar(names(class_ids)))
  if (!named || !all(vapply(as.list(class_ids), fits, NA))) {
    refuse("class_ids", "names with ids each, such as list(mito = 3:5)", class_ids)
  }
  lapply(as.list(class_ids), as.numeric)
}

# A path, or a table of texts.
checked_classes <- function(x) {
  if (is.data.frame(x) && all(c("image", "object", "class") %in% tolower(names(x)))) {
    texts <- lapply(x, function(column) replace(as.character(column), is.na(column), ""))
    return(as.data.frame(texts, check.names = FALSE))
  }
  if (!is.character(x) || length(x) != 1) {
    refuse("object_classes", "a path, or a data frame with columns image, object, class", x)
  }
  lasting(plain_path(x, "object_classes"))
}

new_data <- function(images, labels = NULL, how = NULL) {
  structure(c(list(images = images, labels = labels), how), class = "cl_data")
}

#' @export
print.cl_data <- function(x, ...) {
  no_dots(...)
  cat("Images with labels: ", where_from(x), "\n", sep = "")
  given <- x[c("group", "channels", "unknown", "axes", "pixel_size_um", "pattern")]
  given$class_ids <- names(x$class_ids)
  if (!is.null(x$also)) given$also <- lapply(x$also, where_from)
  given$weights <- x$weights
  for (name in names(Filter(Negate(is.null), given))) {
    shown <- vapply(utils::head(given[[name]], 6), paste, "", collapse = "+")
    cat(sprintf("  %-15s%s\n", name, paste(shown, collapse = ", ")))
  }
  invisible(x)
}

where_from <- function(x) {
  if (is.character(x$images)) {
    toString(unique(shown_path(utils::head(x$images, 3))))
  } else if (is.data.frame(x$images)) {
    paste("a table of", counted(nrow(x$images), "image"))
  } else {
    paste(counted(length(as_list(x$images)), "image"), "in memory")
  }
}

#' Everything that is wrong with annotated images
#'
#' Missing partners, size mismatches, unreadable files, odd labels: all in one message, without
#' training. [cl_train()] does the same before it starts.
#'
#' @param data A folder, a table or [cl_data()]; or cells, from [cl_cells()].
#' @param task Also check that the labels suit this task: `"instances"`, `"binary"` or a
#'   component such as [cl_classes()].
#' @param training Whether they are for training, which background alone makes impossible; scoring
#'   it is not.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @param ... Must be empty.
#' @return A list of class `cl_report`: `ok`, `text` and a data frame `table` with a row per image:
#'   `image`, `file`, `shape`, `dtype`, `labels`, `values` (how many label values there are but 0,
#'   of instances objects; `NA` where they cannot be read), `foreground` (share of the pixels) and
#'   `status`. Of cells a row is a well: `plate`, `well`, `control`, `images`, `cells`, `at_border`
#'   (share of cells that a border cuts), `padded` (share whose crop reaches beyond its image),
#'   `length_px` (of the median cell), `intensity` and `focus` (of its images) and `status`.
#' @export
#' @examplesIf cl_available()
#' folder <- cl_simulate(tempfile("nuclei"), images = 2)
#' cl_check(folder, progress = FALSE)
cl_check <- function(data, task = NULL, training = TRUE, progress = "auto", ...) {
  no_dots(...)
  found <- if (inherits(data, "cl_cells")) {
    run_events("cells_check", list(cells = data$path), progress)
  } else {
    arguments <- list(data = plain_data(data), task = task, training = training)
    run_events("check", arguments, progress)
  }
  structure(found[c("ok", "text", "table")], class = "cl_report")
}

#' @export
print.cl_report <- function(x, ...) {
  no_dots(...)
  cat(x$text, "\n", sep = "")
  invisible(x)
}
