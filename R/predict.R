#' Find objects or classes in images
#'
#' @param object A `cl_model`.
#' @param images A folder, paths of files or a pattern such as `"plate/*_dapi.tif"`; an array
#'   `[y, x]`, `[y, x, channel]` or `[z, y, x]`; a list of paths and arrays, named or not; images
#'   of EBImage or imager; a data frame or tibble with a column `image` or `path` of paths or
#'   arrays; a `cl_found`, for its images; or [cl_data()] for arrays with axes and a pixel size. See
#'   below for the columns of a table. Arrays without names are called `image`, or `image_000`,
#'   `image_001` ... where there are several: as in Python, whose tables and files these are. Of
#'   colours that are all equal (a grey PNG saved as RGB) a model of one channel takes one, and
#'   says so.
#' @param ... Must be empty.
#' @param type `"labels"`, or `"prob"` for the probability of each class per pixel, which is
#'   returned and not written: `out` and what goes with it are refused.
#' @param channels Channels to use, by name or by number, which starts at 0 as in Python
#'   (`channels = 0` is the first); `list(c(2, 3))` is one, the sum of channels 2 and 3. Default as
#'   in training.
#' @param slices Take the slices of a stack as images of their own, for a 2-D model.
#' @param rescale Factor by which images are enlarged before the network sees them, `NULL` for
#'   none; `"auto"`: one factor for all images of a folder, or of a group of a table, by pixel
#'   sizes, or for instances the one at which objects fit what the network sees clearly better, in
#'   most of the images looked at; said in a warning, and kept in `files$scale`.
#' @param views In how many views the network sees each tile: 1, as it is; 4, with its mirror
#'   images; 8, these turned by a right angle as well. Their mean is what is found, and it takes as
#'   many times as long. Of a network trained with the default augmentation it changes little.
#' @param out Folder for label TIFFs, `objects.csv`, `files.csv` and overlays; `NULL`: labels are
#'   kept in the object, see [cl_found]. Or the place of a label image in OME-Zarr,
#'   `"big.zarr/labels/cells"` or `"cells.zarr"`: one image is then predicted block by block,
#'   whatever its size, with the tables in that folder. A prediction that was killed goes on when
#'   the same call is made again.
#' @param overlay Also write pictures of the outlines, of stacks the plane with most objects;
#'   needs `out`.
#' @param maps Also write the probability of each class in each pixel, `maps/<name>.tif` (float16,
#'   background first; [cl_read()] reads them); needs `out`. In a store the image `maps` within the
#'   label image, with a channel for each class.
#' @param uncertainty Also write how unsure each pixel is, `uncertainty/<name>.tif` (float16;
#'   [cl_read()] reads them): three planes, the entropy of the probabilities of classes (bits, 0 to
#'   1 of two classes), the mutual information of members, which is how far they disagree (bits; 0
#'   of a single network), and the variance over the largest there is, of two classes
#'   `p * (1 - p) / 0.25`; needs `out`. In a store the image `uncertainty` within the label image.
#' @param objects How objects are written: `"csv"`, or `"parquet"`, for many millions of them: a
#'   folder `objects/` with the table of each image, for `arrow::open_dataset()`; needs `out` and
#'   `cl_install(extras = "parquet")`. `objects` of the result is then without rows.
#' @param overwrite Replace the results that are in `out` once the new ones are whole, and give up a
#'   prediction that was begun there with other settings, model or images. Files that no prediction
#'   wrote, or that were changed since, are never touched.
#' @param block_px Edges of the blocks of an image that goes to OME-Zarr, one number or one per
#'   axis; `NULL`: as large as memory allows. Labels do not depend on it where objects are smaller
#'   than what is seen around a block; those that are larger are counted and named.
#' @param workers Processes of this machine that work on blocks, or on the images of a folder, side
#'   by side; needs `out`, and above 1 `cl_install(extras = "cluster")`. At most as many as there
#'   are cores.
#' @param client Whose workers do that instead: the address of a scheduler of Dask,
#'   `"tcp://10.0.0.1:8786"`, or the file that it writes. Of a cluster, whatever its kind.
#' @param part Which part of the blocks, or of the images of a folder, to work on, `"3/40"`: for
#'   jobs of a queue, one each, in any order and at the same time; needs `out`. When all have ended,
#'   the same call without it puts them together, and does what none has done.
#' @param axes What the axes of arrays are, such as `"yxc"` or `"zyx"`; of time points give one
#'   array each.
#' @param pixel_size_um Micrometres per pixel: one number, or one per axis.
#' @param pattern How names of files tell which are one image, as in [cl_data()].
#' @param progress `TRUE`, `FALSE` or `"auto"`.
#' @return For labels, a [cl_found]: a list of label images by name, in the class of the images that
#'   went in, with the data frames `$files` (a row per image, also for one that cannot be used, such
#'   as an array with `NA`, with what is wrong as its `status`; where there is no other, that is an
#'   error) and `$objects` (a row per object, keyed by `image` and `object`). For probabilities, an
#'   array `[y, x, class]` of one array, else (and of `slices`) a named list of these; the classes
#'   of bare arrays have names: `found[, , "object"]`.
#' @section Columns of a table of images:
#' Each row gives a result, those of the same file as well, which are told apart (`A01`, `A01_2`)
#' and said. `image`, or else the first of `path`, `file`, `filename` and `filepath`, is the image;
#' a column `name` what it is called, a column `group` which images belong together where `rescale =
#' "auto"` decides. All columns but image and name come along into `files` and `objects`, `label`,
#' `split` and `weight` among them, as what they are: factors, dates, `NA`. One that is called as a
#' column of these tables gets `_given` behind its name, and lists stay behind, both with a
#' warning; columns of the same name, and names that are there twice, are refused.
#' @section Columns of `objects` (objects.csv):
#' Positions are in pixels and, like channels, counted **from 0**, as in Python: the box of an
#' object is `labels[(bbox_y_min + 1):bbox_y_max, (bbox_x_min + 1):bbox_x_max]`.
#' * `image`: name of the image, as in `files`.
#' * `object`: number of the object, from 1; for `"instances"` that in the label image. For other
#'   tasks the label image holds classes and objects are their connected pieces.
#' * `class`: name of its class; `NA` for `"instances"`.
#' * `area_px`: number of its pixels, in 3-D of its voxels.
#' * `area_um2`, in 3-D `volume_um3`: the same in micrometres; `NA` where the size of a pixel is not
#'   known.
#' * `centroid_y`, `centroid_x`, in 3-D also `centroid_z`: mean position of its pixels.
#' * `bbox_y_min`, `bbox_x_min`, in 3-D also `bbox_z_min`: first row and column of the box
#'   around it.
#' * `bbox_y_max`, `bbox_x_max`, in 3-D also `bbox_z_max`: one past its last row and column.
#' * `perimeter_px`, `perimeter_um`: length of its outline, with those of its holes; 2-D only, and
#'   micrometres only where pixels are square to 1 %.
#' * `surface_um2`, 3-D only: area of its surface, with that of its holes; of boxes along the axes a
#'   tenth too small.
#' * `major_axis_px`, `minor_axis_px`, `major_axis_um`, `minor_axis_um`: axes of the ellipse of its
#'   second moments; in 3-D of the ellipsoid, with `middle_axis_px` and `middle_axis_um`.
#' * `eccentricity`: of that ellipse, 0 for a disc, towards 1 for a line; 2-D only.
#' * `orientation`: angle in radians from the y axis (downwards) to the major axis, from -pi/2 to
#'   pi/2; pi/4 is from upper left to lower right; `NA` where both axes are equally long; 2-D only.
#' * `solidity`: its pixels over those of its convex hull.
#' * `mean_intensity_<channel>`: mean of each channel in the units of the file or, of an array, of
#'   its values as they were given, whatever the network is shown; pixels that are `NaN` or infinite
#'   are left out. `<channel>` is the channel's name where the model knows it, else its number among
#'   the channels used, from 0.
#' * `sd_intensity_<channel>`: their standard deviation (over the number of pixels, not one less).
#' * `min_intensity_<channel>`, `max_intensity_<channel>`: its darkest and brightest pixel.
#' * `mean_foreground`: mean probability of its pixels not to be background.
#' * `probability`: that it is real: that a true object overlaps it at an IoU of 0.5 or more. Fitted
#'   to images that the network had not seen; `NA` where the model had too few of them.
#' * `touches_border`: whether it touches the border of the image, where objects are cut.
#'
#' @section Columns of `files` (files.csv):
#' * `image`: name of the image, with `_t000` for a time point and `_z000` for a slice.
#' * `status`: `"ok"`, or what is wrong.
#' * `objects`: number of objects found; `NA` where the image failed, so that sums over images that
#'   were read take `na.rm = TRUE`.
#' * `scale`: factor by which the image was enlarged for the network (in 3-D that of x). Labels and
#'   tables are in pixels of the image as it was given.
#' * `low`, `high`: pixel values that became 0 and 1 for the network, in the units of intensities; a
#'   matrix with a column per channel where there are several, in the file with spaces between.
#' * `labels`: path of the label image; in the file it starts at the folder of files.csv.
#'
#' @section Columns of `summary` (summary.csv):
#' A row per image; `NA` where the model cannot tell, as its training held out too few images.
#' Intervals are those between which the truth lies in 90 of 100 images.
#' * `image`; `count`: number of objects found; `count_low`, `count_high`: interval of the
#'   true number.
#' * `mean_area_px`, `mean_area_px_low`, `mean_area_px_high`: mean area of the true objects, those
#'   missed among them and false ones not, with its interval.
#' * `predicted_ap50`, `predicted_dice`, each with `_low` and `_high`: scores that the result would
#'   have, were there a truth to hold it against; those that a task is known by.
#' * `uncertainty`: with `uncertainty = TRUE` only, the mean of the variance over the pixels found.
#' * `unlikeness`: how far the image looks from those of the training. Beyond 1 lies one in twenty
#'   images like these: look at what was found there.
#' * `flags`: `"unlike"` (`unlikeness` is above 1), `"faint"` (its contrast was held down).
#' @export
#' @examplesIf cl_available()
#' model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
#' folder <- cl_simulate(tempfile("nuclei"), images = 2, seed = 7)
#' found <- predict(model, file.path(folder, "images"), progress = FALSE)
#' found
#' dim(found[[1]])
#' plot(found, 1)
#' prob <- predict(model, cl_simulate(seed = 2)$image, type = "prob")
#' range(prob[, , "object"])
predict.cl_model <- function(object, images, ..., type = c("labels", "prob"), channels = NULL,
                             slices = FALSE, rescale = "auto", views = 1, out = NULL,
                             overlay = FALSE, maps = FALSE, uncertainty = FALSE, objects = "csv",
                             overwrite = FALSE, block_px = NULL, workers = 1, client = NULL,
                             part = NULL, axes = NULL, pixel_size_um = NULL, pattern = NULL,
                             progress = "auto") {
  no_dots(...)
  type <- one_of(type, c("labels", "prob"), "type")
  given <- plain_sources(images, axes, pixel_size_um, pattern)
  if (is.null(channels) && inherits(images, "cl_data")) channels <- images$channels
  like <- image_class(first_image(images))
  path <- model_path(object)
  if (is.null(out)) refuse_files(overlay, maps, uncertainty, objects, workers, client, part)
  if (type == "prob") {
    if (!is.null(out)) stop_clean("Invalid `out`. Probabilities are returned, not written.")
    found <- call_python(
      "probabilities",
      model = path, images = given, channels = channels, slices = slices, rescale = rescale,
      views = views
    )
    prob <- lapply(found$maps, function(map) as_class(name_classes(map, found$classes), like))
    return(if (is_one_array(images) && !isTRUE(slices)) prob[[1]] else prob)
  }
  folder <- if (is.null(out)) tempfile("labels") else plain_path(out, "out")
  found <- run_events(
    "predict",
    list(
      model = path, images = given, channels = channels, slices = slices,
      rescale = rescale, views = views, out = folder, overlay = overlay, maps = maps,
      uncertainty = uncertainty, objects = objects, overwrite = overwrite,
      block_px = block_px, workers = workers, client = client, part = part,
      axes = given$axes, pixel_size_um = given$pixel_size_um, pattern = given$pattern
    ),
    progress
  )
  found[c("files", "objects")] <- lapply(found[c("files", "objects")], as_given, images)
  source <- remembered(images, axes, pixel_size_um, pattern, found$files$image, found$run)
  new_found(found, source, like, temporary = if (is.null(out)) folder)
}

# What is written to files needs a folder for them.
refuse_files <- function(overlay, maps, uncertainty, objects, workers, client, part) {
  written <- c(
    overlay = isTRUE(overlay), maps = isTRUE(maps), uncertainty = isTRUE(uncertainty),
    objects = list(objects) %in% "parquet", workers = !list(workers) %in% list(1, 1L),
    client = !is.null(client), part = !is.null(part)
  )
  if (any(written)) {
    stop_clean("Invalid `", names(which(written))[1], "`. Expected `out` with it.")
  }
}

# Names of the classes on the last axis.
name_classes <- function(map, classes) {
  dimnames(map) <- c(rep(list(NULL), length(dim(map)) - 1), list(unlist(classes)))
  map
}
