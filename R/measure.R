#' Measure the objects of label images
#'
#' The table of objects for anybody's labels, with the columns that [predict()][predict.cl_model]
#' gives (but `mean_foreground`, which takes a model).
#'
#' @param labels Label images: what [predict()][predict.cl_model] returned or the folder that it
#'   wrote; a folder, paths or a pattern; a matrix `[y, x]` or stack `[z, y, x]` of whole numbers,
#'   an `Image` of EBImage, or a list of these, named or not. 0 is background and a number one
#'   object, in however many pieces; of a mask (0 and 1 or 255, or logical) each piece is an object.
#'   Files of more than 134 million pixels are read box by box.
#' @param image The images of the labels, for intensities, as [predict()][predict.cl_model] takes
#'   them. Folders, named lists and predictions are paired by name, lists without names by their
#'   order. Columns of a table of images do not come along.
#' @param pixel_size_um Micrometres per pixel: one number, or one per axis. Default: as the image,
#'   or else the label file, says.
#' @param around_um Also measure the ring of this width around each object: background whose middle
#'   is so near to one of the object's pixels, and to no other object nearer.
#' @param ... Must be empty.
#' @param channels Channels of the images to measure, by number from 0 or by name; default all.
#' @param axes What the axes of the images are, such as `"yxc"` or `"zyx"`.
#' @param pattern How names of files tell which are one image, as in [cl_data()].
#' @param out CSV file for the table.
#' @param overwrite Replace the table that is at `out`.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return A data frame with a row per object: `image`, `object` and the columns that
#'   [predict()][predict.cl_model] describes; shapes as scikit-image's `regionprops` measures them.
#'   `class` is there for predictions of classes, intensities where there is an `image`, in the
#'   units of its values and without pixels that are `NaN` or infinite; in 3-D there is no
#'   perimeter, eccentricity and orientation, but `surface_um2`. With `around_um` also
#'   `area_px_around`, `area_um2_around` (3-D: `volume_um3_around`) and for each channel
#'   `mean_intensity_<channel>_around`, `sd_`, `min_` and `max_`; a ring without a pixel, as between
#'   objects that enclose one, has area 0 and `NA`.
#' @export
#' @examplesIf cl_available()
#' nuclei <- cl_simulate(shape = c(96, 96), count = 8)
#' table <- cl_measure(nuclei$labels, nuclei$image, pixel_size_um = 0.5, around_um = 2)
#' head(table[c("object", "area_um2", "eccentricity", "solidity")])
#' with(table, mean_intensity_0 / mean_intensity_0_around)
cl_measure <- function(labels, image = NULL, pixel_size_um = NULL, around_um = NULL, ...,
                       channels = NULL, axes = NULL, pattern = NULL, out = NULL,
                       overwrite = FALSE, progress = "auto") {
  no_dots(...)
  given <- if (!is.null(image)) plain_sources(image, axes, pixel_size_um, pattern, "image")
  if (is.null(channels) && inherits(image, "cl_data")) channels <- image$channels
  run_events(
    "measure",
    list(
      labels = plain_label_images(labels), image = given,
      pixel_size_um = if (is.null(given)) pixel_size_um else given$pixel_size_um,
      around_um = around_um, channels = channels, axes = given$axes, pattern = given$pattern,
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite
    ),
    progress
  )
}

# Label images as Python takes them: paths, or arrays by name; of a prediction with its tables.
plain_label_images <- function(labels, what = "labels") {
  if (inherits(labels, "cl_found")) {
    return(found_labels(labels))
  }
  if (is.character(labels) && is.null(dim(labels))) {
    paths <- plain_paths(labels, what)
    return(list(source = if (length(paths) == 1) paths else as.list(paths)))
  }
  if (is.data.frame(labels)) refuse(what, "label images", labels)
  refuse_pair(labels, what, "labels")
  many <- if (is.list(labels)) labels else list(labels)
  source <- list(images = said_of(what, "labels", each_or_refused(many, plain_label)))
  if (!is.null(names(many))) source$names <- as.list(all_names(many))
  list(source = source)
}

# Lets errors speak of the argument that something was given for.
said_of <- function(argument, usual, code) {
  tryCatch(code, cytoloom_error = function(error) {
    text <- sub(
      paste0("`", usual, "`"), paste0("`", argument, "`"), conditionMessage(error),
      fixed = TRUE
    )
    error$argument <- argument
    stop_clean(text, fields = error[c("argument", "expected", "received")])
  })
}

found_labels <- function(found) {
  files <- found$files[found$files$status == "ok", ]
  labels <- lapply(seq_len(nrow(files)), function(i) {
    held <- unclass(found)[[files$image[i]]]
    if (is_held(held, files$labels[i])) files$labels[i] else plain_labels(held)
  })
  folder <- parquet_folder(found, files)
  # what the object holds itself is of its run, whatever has become of the files
  in_files <- vapply(unclass(found), inherits, NA, "cl_labels") | !is.null(folder)
  files$sha256 <- ifelse(in_files, of_origin(found, files$image, "sha256"), "")
  files$pixel_size_um <- of_origin(found, files$image, "pixel_size_um")
  list(
    source = list(images = labels, names = as.list(files$image)),
    files = files[c("image", "status", "labels", "sha256", "pixel_size_um")],
    objects = classes_of(found), folder = folder
  )
}

# What is known of images from when they were predicted; "" where nothing is.
of_origin <- function(found, images, column) {
  origin <- attr(found, "origin")
  c(origin[[column]], "")[match(images, origin$image, nomatch = NROW(origin$image) + 1L)]
}

# Which class each object has, and how sure it is; without rows where they are in Parquet files.
classes_of <- function(found) {
  objects <- found$objects
  if (nrow(objects) > 0) {
    return(objects[intersect(c("image", "object", "class", "probability"), names(objects))])
  }
  data.frame(image = character(), object = integer(), class = character())
}

# The folder with the objects of a prediction in Parquet files, which know their classes.
parquet_folder <- function(found, files) {
  with_rows <- files$image %in% found$objects$image
  if (all(with_rows | files$objects %in% c(0L, NA))) {
    return(NULL)
  }
  folder <- unique(dirname(dirname(files$labels)))
  if (length(folder) > 1) {
    refuse("labels", "one prediction whose objects are in Parquet files", I("several"))
  }
  folder
}

# Whether a file has the labels that the object holds; those in files alone are as they are there.
is_held <- function(held, path) {
  if (inherits(held, "cl_labels")) {
    return(TRUE)
  }
  if (is.na(path) || !file.exists(path)) {
    return(FALSE)
  }
  held <- plain_labels(held)
  there <- read_labels(path, NULL)
  same <- identical(dim(held), dim(there)) && all(held == there)
  if (!same) warning(path, " has other labels now: those of the object are used.", call. = FALSE)
  same
}
