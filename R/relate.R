#' Which nucleus lies in which cell
#'
#' Gives each nucleus its cell; for any two kinds of objects of which one lies in the other, spots
#' in nuclei too.
#'
#' @param nuclei,cells Label images of the same images, as [cl_measure()] takes them. Folders, named
#'   lists and predictions are paired by name, other lists by their order, one and one in any case.
#' @param per `"nucleus"` or `"cell"`: what a row is.
#' @param ... Must be empty.
#' @return A data frame. Per nucleus: `image`, `nucleus`, `cell`, `overlap_px` and `share`. The cell
#'   is that with most of the nucleus' pixels, of several with as many the one with the lowest
#'   number, and `NA` where no pixel lies in a cell; `share` is the overlap over all pixels of the
#'   nucleus. Per cell: `image`, `cell` and `n_nuclei`, how many nuclei are its own. `nucleus` and
#'   `cell` are `object` in the tables of [cl_measure()] and [predict()][predict.cl_model].
#' @export
#' @examplesIf cl_available()
#' cells <- cl_simulate(shape = c(96, 96), count = 8)
#' spots <- cells$image > 1200 # a mask: each piece is an object
#' related <- cl_relate(spots, cells$labels)
#' head(related)
#' cl_relate(spots, cells$labels, per = "cell")
#' sizes <- cl_measure(cells$labels)[c("image", "object", "area_px")]
#' head(merge(related, sizes, by.x = c("image", "cell"), by.y = c("image", "object")))
cl_relate <- function(nuclei, cells, per = c("nucleus", "cell"), ...) {
  no_dots(...)
  call_python(
    "relate",
    nuclei = plain_label_images(nuclei, "nuclei"), cells = plain_label_images(cells, "cells"),
    per = one_of(per, c("nucleus", "cell"), "per")
  )
}
