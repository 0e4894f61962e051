#' Objects for ImageJ, QuPath and COCO
#'
#' Writes the objects of label images as other programs hold them, exact to the pixel.
#'
#' @param labels Label images `[y, x]`, as [cl_measure()] takes them: what
#'   [predict()][predict.cl_model] returned or wrote, paths, matrices, a list of these.
#' @param out Folder for the files, made if missing.
#' @param format `"roi"`: a zip archive for each image that the ROI Manager of ImageJ and Fiji opens
#'   (needs `cl_install(extras = "export")`). `"geojson"`: a file for each image, for QuPath's File,
#'   Import objects. `"coco"`: `annotations.json` of all images, with run lengths.
#' @param ... Must be empty.
#' @param overwrite Replace an earlier export of the format that is in `out`, which is refused
#'   otherwise; files of images that have none now are removed, unless they were changed since,
#'   which is said.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return A data frame `image`, `status` (`"ok"` or what is wrong), `objects` (then `NA`), `file`
#'   (its whole path): a row per image.
#'
#'   Lines run along the edges of pixels; x and y are counted from the corner of the image, as
#'   ImageJ and QuPath do. Objects keep their number as name, holes and separate pieces are kept,
#'   and QuPath shows the class of predictions of classes. Where a model says how sure it is of
#'   objects, ROI and GeoJSON are in the order of their `probability`, the least sure first; QuPath
#'   has it as a measurement, COCO as `score`. A folder of ROI or GeoJSON is read again
#'   as labels, `cl_data("images/", "rois/")`, and so is a file of COCO,
#'   `cl_data("images/", "annotations.json")`.
#' @export
#' @examplesIf cl_available()
#' nuclei <- cl_simulate(shape = c(96, 96), count = 8)
#' cl_export(list(a = nuclei$labels), tempfile(), "geojson")
cl_export <- function(labels, out, format = "roi", ..., overwrite = FALSE, progress = "auto") {
  no_dots(...)
  table <- run_events(
    "export",
    list(
      labels = plain_label_images(labels), out = plain_path(out, "out"), format = format,
      overwrite = overwrite
    ),
    progress
  )
  done <- table$status == "ok"
  table$file[done] <- lasting(table$file[done])
  table
}
