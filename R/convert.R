#' Convert an image to OME-Zarr
#'
#' From any format that is read, with smaller copies for viewers, to be read by region. Where a
#' conversion was stopped, however, the same call goes on from there.
#'
#' @param image An image file, or a folder that is one image, in any format that [cl_read()] takes.
#' @param out A folder `NAME.zarr`, `NAME.zarr/labels/CELLS` for labels of the image in `NAME.zarr`,
#'   or a place in a store that is no image, `NAME.zarr/train/crop1/raw`. It appears when it is
#'   complete; until then its files are in a hidden folder beside it.
#' @param ... Must be empty.
#' @param axes What the stored axes are, overriding the file, for example `"tyx"`.
#' @param pixel_size_um Micrometres per pixel, overriding the file: one number, or one for each of
#'   z, y, x.
#' @param scene One of the images of a file that holds several. Default: all, in `0`, `1` and so on,
#'   as Bio-Formats writes them.
#' @param labels Whether it is a label image; in `labels/` it is one.
#' @param version `"0.5"` or `"0.4"` of OME-Zarr. Default: that of the image for its labels, else
#'   0.5.
#' @param overwrite Replace a store that is there, with the labels in it.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return Its path, invisibly. Values, type, time, channels and their names, and the pixel size are
#'   as in `image`. Needs `cl_install(extras = "volumes")`.
#' @export
#' @examplesIf cl_available()
#' nuclei <- tempfile(fileext = ".tif")
#' cl_write_labels(cl_simulate(shape = c(64, 80), count = 3)$labels, nuclei, pixel_size_um = 0.5)
#' \dontrun{
#' store <- cl_convert(nuclei, tempfile(fileext = ".zarr"), labels = TRUE)
#' dim(cl_read(store, labels = TRUE))
#' }
cl_convert <- function(image, out, ..., axes = NULL, pixel_size_um = NULL, scene = NULL,
                       labels = FALSE, version = NULL, overwrite = FALSE, progress = "auto") {
  no_dots(...)
  invisible(run_events(
    "convert",
    list(
      image = plain_path(image, "image"), out = plain_path(out, "out"), axes = axes,
      pixel_size_um = pixel_size_um, scene = scene, labels = labels, version = version,
      overwrite = overwrite
    ),
    progress
  ))
}
