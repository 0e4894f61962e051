#' Read and write images and labels
#'
#' As the core reads them: 16-bit values stay whole numbers, and labels stay labels.
#'
#' @param path A file: PNG, JPEG, BMP, TIFF (also OME, ImageJ and slides) or NPY; CZI, LIF or ND2
#'   after `cl_install(extras = "vendor")`; after `cl_install(extras = "volumes")` a folder of Zarr
#'   (OME-Zarr at full resolution) or N5, a data set of HDF5 (`"a.h5:/raw"`), a file of Imaris
#'   (`.ims`) or BigDataViewer (`.xml`), or the address of a store on a server
#'   (`"https://host/a.zarr"`, `"s3://bucket/a.zarr"`). A smaller copy in a file is named behind a
#'   colon, by number (`"slide.svs:/1"`) or size of its pixels (`"slide.svs:/0.5um"`), and so is a
#'   region, along z, y and x in pixels from 0 or in micrometres
#'   (`"a.zarr:[0:64, 5um:20um, 0:512]"`), wherever a path is taken. To write: TIFF.
#' @param channels Channels to read, by number from 0 or by name; default all.
#' @param labels Read a label image or mask; `cl_write_labels()`: the labels to write.
#' @param scene Which image of a file that holds several (CZI, LIF, ND2, Zarr,
#'   BigDataViewer), by name.
#' @param axes What the stored axes are, overriding the file: letters of `t z y x c` in the file's
#'   own order, such as `"tyx"` for a plain stack of time points. What else had to be guessed is
#'   said in a warning.
#' @param unknown The label value that counts nowhere: whether a file holds labels is judged by the
#'   others.
#' @param pixel_size_um Micrometres per pixel: one number, or one per axis.
#' @param overwrite Replace a file that is there.
#' @param ... Must be empty.
#' @return `cl_read()`: an array `[y, x, channel]` or `[z, y, x, channel]` (time first, where there
#'   is time) with attributes `axes`, `pixel_size_um`, `channel_names` and `dtype`, the type of the
#'   pixels in the file, by which [predict()][predict.cl_model] takes it as it takes the file; with
#'   `labels = TRUE` an integer matrix `[y, x]` or stack `[z, y, x]`. `cl_write_labels()`: the
#'   path, invisibly.
#' @export
#' @examplesIf cl_available()
#' file <- tempfile(fileext = ".tif")
#' cl_write_labels(matrix(c(0, 1, 1, 2), 2), file, pixel_size_um = 0.5)
#' cl_read(file, labels = TRUE)
#' attributes(cl_read(file))
cl_read <- function(path, channels = NULL, labels = FALSE, ..., scene = NULL, axes = NULL,
                    unknown = NULL) {
  no_dots(...)
  found <- call_python(
    "read",
    path = plain_path(path), channels = channels, labels = labels, scene = scene,
    axes = axes, unknown = unknown
  )
  facts <- lapply(Filter(Negate(is.null), found$facts), unlist)
  do.call(structure, c(list(found$array), facts))
}

#' @rdname cl_read
#' @export
cl_write_labels <- function(labels, path, pixel_size_um = NULL, ..., overwrite = FALSE) {
  no_dots(...)
  invisible(call_python(
    "write_labels",
    path = plain_path(path), labels = plain_labels(labels), pixel_size_um = pixel_size_um,
    overwrite = overwrite
  ))
}
