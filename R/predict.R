#' Find objects or classes in images
#'
#' @param object A `cl_model`.
#' @param images A folder, paths of files or a pattern such as `"plate/*_dapi.tif"`; an array
#'   `[y, x]`, `[y, x, channel]` or `[z, y, x]`, or a list of these, named or not; images of
#'   EBImage or imager; or [cl_data()] for arrays with axes and a pixel size.
#' @param ... Must be empty.
#' @param type `"labels"`, or `"prob"` for the probability of each class per pixel.
#' @param channels Channels to use, by number from 0 or by name; default as in training.
#' @param slices Take the slices of a stack as images of their own, for a 2-D model.
#' @param rescale Factor by which images are enlarged before the network sees them, `NULL` for
#'   none; `"auto"`: by pixel size, or for instances by the size of the objects found where it is
#'   more than 20 % off that in training, with a warning.
#' @param out Folder for label TIFFs, `objects.csv`, `files.csv` and overlays; `NULL`: labels are
#'   kept in a folder that goes with the session.
#' @param overlay Also write pictures of the outlines, of stacks the plane with most objects;
#'   needs `out`.
#' @param overwrite Replace the results that are in `out`.
#' @param axes What the axes of arrays are, such as `"yxc"`, `"zyx"` or `"tyx"`.
#' @param pixel_size_um Micrometres per pixel: one number, or one per axis.
#' @param progress `TRUE`, `FALSE` or `"auto"`.
#' @return For labels, a `cl_found`: a list of the data frames `files` (a row per image, also for
#'   one that could not be read, with its `status`) and `objects` (a row per object, keyed by
#'   `image` and `object`). `found[["name"]]` or `found[[1]]` reads the labels of one image, in
#'   the class of the images that went in. For probabilities, an array `[y, x, class]`, or a
#'   named list of these; the classes of bare arrays have names: `found[, , "object"]`.
#' @export
#' @examplesIf cl_available()
#' folder <- cl_simulate(tempfile("nuclei"), images = 3)
#' model <- cl_train(
#'   folder,
#'   network = cl_unet(filters = 4, depth = 2),
#'   trainer = cl_trainer(iterations = 2, batch_size = 1, patch_px = 32), # far too few
#'   progress = FALSE
#' )
#' found <- predict(model, file.path(folder, "images"), rescale = NULL, progress = FALSE)
#' found
#' dim(found[[1]])
#' prob <- predict(model, cl_simulate(seed = 2)$image, type = "prob")
#' range(prob[, , "object"])
predict.cl_model <- function(object, images, ..., type = c("labels", "prob"), channels = NULL,
                             slices = FALSE, rescale = "auto", out = NULL, overlay = FALSE,
                             overwrite = FALSE, axes = NULL, pixel_size_um = NULL,
                             progress = "auto") {
  no_dots(...)
  type <- match.arg(type)
  given <- plain_sources(images, axes, pixel_size_um)
  like <- image_class(first_image(images))
  path <- model_path(object)
  if (is.null(out) && overlay) stop_clean("Invalid `overlay`. Expected `out` with it.")
  if (type == "prob") {
    if (!is.null(out)) stop_clean("Invalid `out`. Probabilities are returned, not written.")
    found <- call_python("probabilities", model = path, images = given, channels = channels)
    maps <- lapply(found$maps, function(map) as_class(name_classes(map, found$classes), like))
    return(if (is_one_array(images)) maps[[1]] else maps)
  }
  folder <- if (is.null(out)) tempfile("labels") else plain_path(out, "out")
  found <- run_events(
    "predict",
    list(
      model = path, images = given, channels = channels, slices = slices, rescale = rescale,
      out = folder, overlay = overlay, overwrite = overwrite
    ),
    progress
  )
  done <- found$files$status == "ok"
  found$files$labels[done] <- lasting(found$files$labels[done])
  structure(
    found[c("files", "objects")],
    source = lasting(images), axes = axes, like = like, class = "cl_found"
  )
}

# What Python takes of images without labels.
plain_sources <- function(images, axes = NULL, pixel_size_um = NULL) {
  if (inherits(images, "cl_data")) {
    if (is.null(axes)) axes <- images$axes
    if (is.null(pixel_size_um)) pixel_size_um <- images$pixel_size_um
    images <- images$images
  }
  if (is.character(images)) {
    paths <- plain_paths(images, "images")
    source <- if (length(paths) == 1) paths else as.list(paths)
    return(list(source = source, axes = axes, pixel_size_um = pixel_size_um))
  }
  many <- if (is.list(images)) images else list(images)
  found <- plain_images(many, axes)
  source <- list(images = found$images)
  if (!is.null(names(many))) source$names <- as.list(names(many))
  list(source = source, axes = found$axes, pixel_size_um = pixel_size_um)
}

# Names of the classes on the last axis.
name_classes <- function(map, classes) {
  dimnames(map) <- c(rep(list(NULL), length(dim(map)) - 1), list(unlist(classes)))
  map
}

is_one_array <- function(images) !is.list(images) && !is.character(images)

first_image <- function(images) {
  if (inherits(images, "cl_data")) images <- images$images
  if (is.list(images) && length(images) > 0) images[[1]] else images
}
