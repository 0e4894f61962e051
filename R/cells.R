#' Gather the cells of many images
#'
#' Cells of plates, or of any images: where they are, what is known of their wells, and how each is
#' cut out, for [cl_features()], [cl_train()] and [cl_encode()].
#'
#' @param images The images, as [predict()][predict.cl_model] takes them: a folder, paths, a
#'   pattern, a data frame with a column `image`, a matrix or a list of these; or files of CellH5,
#'   which have their cells with them.
#' @param labels Label images of any program, one number for each cell, as [cl_measure()] takes
#'   them. Of a plate in OME-Zarr those in its fields: the plate again, or their name there.
#' @param positions Instead of labels a data frame or CSV file with a row for each cell: `image`,
#'   and `x` and `y` in px (with `_um` behind their names in micrometres), as CellProfiler's or
#'   anybody's.
#' @param ... Must be empty.
#' @param columns Named vector: what `x`, `y`, `z`, `image`, `object` and `frame` are called in
#'   `positions`, where that is not seen.
#' @param size_px,size_um Edges of the square around each cell, in px or micrometres; default twice
#'   the length of the larger cells, of positions 60 px.
#' @param plate What was done in each well: a data frame or a file with a column `well` (and
#'   `plate`, `site`) or `image`, and others such as `treatment`, `concentration`, `control`;
#'   CellCognition's table of positions; CellProfiler's for LoadData; `Index.idx.xml` of Harmony,
#'   the `.HTD` of MetaXpress; a plate in OME-Zarr; or a pattern of names such as
#'   `"{plate}_{well}_s{site}"`. Wells are A01 or A1. Fields of plates in OME-Zarr know plate, well,
#'   site, row and column by themselves; of others wells are read from names of images where all
#'   have one.
#' @param controls Which cells are negative controls: the word for them in the column control,
#'   group, treatment or type; wells; or a named list of columns with their words.
#' @param scaled Over what intensities are scaled alike: the images of a `"plate"`, each `"image"`
#'   by itself, or the `"controls"` of a plate.
#' @param others Of other cells in the square around a cell: `"kept"`; `"blanked"`; or `"alone"`:
#'   all that is not the cell is blanked.
#' @param turned Whether the main axis of each cell is laid along x.
#' @param illumination `"plate"`: divide uneven illumination out of the images, of each plate and
#'   channel the smoothed median over its images. Default: nothing.
#' @param objects Of files of CellH5 with several kinds of objects, which of them; default the
#'   primary ones.
#' @param channels,axes,pattern,pixel_size_um How images are read, as in [cl_data()].
#' @param out Folder for the table and for where images and labels are; images in memory are written
#'   there, too. Default: a temporary one of this session.
#' @param sheet Write a contact sheet to `out`, too, `sheet.png`: some cells of each treatment, as
#'   they are cut out; [plot()][cl_screen_plots] draws it.
#' @param overwrite Replace cells that are in `out`.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return A list of class `cl_cells`: `table` (a row per cell: what is known of its well, `image`,
#'   `object`, position, what [cl_measure()] measures, `padded`), `out` and what was decided.
#' @export
#' @examplesIf cl_available()
#' nuclei <- cl_simulate(shape = c(96, 96), count = 5)
#' cells <- cl_cells(list(A01 = nuclei$image), list(A01 = nuclei$labels), size_px = 24)
#' head(cells$table[c("well", "object", "centroid_y", "padded")])
cl_cells <- function(images, labels = NULL, positions = NULL, ..., columns = NULL, size_px = NULL,
                     size_um = NULL, plate = NULL, controls = NULL, scaled = "plate",
                     others = "kept", turned = FALSE, illumination = NULL, objects = NULL,
                     channels = NULL, axes = NULL, pattern = NULL, pixel_size_um = NULL,
                     out = NULL, sheet = FALSE, overwrite = FALSE, progress = "auto") {
  no_dots(...)
  given <- plain_sources(images, axes, pixel_size_um, pattern)
  found <- run_events(
    "cells_gather",
    list(
      images = given, labels = if (!is.null(labels)) plain_label_images(labels),
      positions = told_table(positions),
      columns = if (is.character(columns)) as.list(columns) else columns,
      size_px = size_px, size_um = size_um, plate = told_table(plate),
      controls = told_controls(controls), scaled = scaled, others = others, turned = turned,
      illumination = illumination, objects = objects, channels = channels, axes = given$axes,
      pattern = given$pattern, pixel_size_um = given$pixel_size_um,
      out = plain_path(if (is.null(out)) tempfile("cells") else out, "out"), sheet = sheet,
      overwrite = overwrite
    ),
    progress
  )
  structure(found, class = "cl_cells")
}

# A data frame as it is, a file as its path, a pattern as it is.
told_table <- function(x) {
  if (is.character(x) && length(x) == 1 && file.exists(x)) normalizePath(x) else x
}

# Words as they are, columns with their words as lists.
told_controls <- function(x) {
  if (is.list(x)) lapply(x, as.list) else x
}

#' @export
print.cl_cells <- function(x, ...) {
  cat(x$text, "\n", sep = "")
  invisible(x)
}

#' @export
as.data.frame.cl_cells <- function(x, row.names = NULL, optional = FALSE, ...) {
  x$table
}

# Where cells are, as Python opens them.
told_cells <- function(cells) {
  if (inherits(cells, "cl_cells")) {
    return(cells$path)
  }
  if (is.character(cells) && length(cells) == 1) {
    return(plain_path(cells, "cells"))
  }
  refuse("cells", "cells of cl_cells(), or the folder of some", cells)
}

#' Features of cells
#'
#' One row of numbers for each cell, ready for [stats::prcomp()] and the like.
#'
#' @param cells From [cl_cells()], or the folder that it wrote.
#' @param kinds Some of `"shape"` (area, axes, outline), `"intensity"` (brightness and its spread,
#'   the ring around, inner and outer part, correlation of channels), `"texture"` (co-occurrences
#'   and grain), `"random"` (codes of an encoder with random weights, which any other has to be
#'   better than) and `"learned"` (codes of `model`); default the first three where there are
#'   labels, else the second and the third, and with `model` learned ones.
#' @param model What learned, as for [cl_encode()].
#' @param corrected `"robust-z"`: less the median of the controls of the plate, over their median
#'   distance from it times 1.4826; `"sphered"`: then all directions are made as wide as in controls
#'   and uncorrelated (ZCA-cor). `NULL`: as measured; [cl_novelty()] scales by itself.
#' @param selected Leave out features that do not vary, and of two whose correlation is above 0.9
#'   one.
#' @param ... Must be empty.
#' @param out File for the table: `.csv`, `.parquet`, `.h5ad` (AnnData, as scanpy opens it) or
#'   `.hdf` (with pictures of the cells, as the CellCognition Explorer opens it).
#' @param overwrite Replace the file that is at `out`.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return A data frame of class `cl_features`, a row per cell: what is known of it, and the
#'   features, whose names begin with what they are, such as `shape_area_px`. `as.matrix()` gives
#'   the features alone. `merge()` gives a plain data frame: `as.matrix()` comes before it, or
#'   `class(merged) <- class(features)` between.
#' @export
#' @examplesIf cl_available()
#' nuclei <- cl_simulate(shape = c(96, 96), count = 5)
#' cells <- cl_cells(list(A01 = nuclei$image), list(A01 = nuclei$labels), size_px = 24)
#' features <- cl_features(cells, kinds = "shape")
#' dim(as.matrix(features))
cl_features <- function(cells, kinds = NULL, ..., model = NULL, corrected = NULL,
                        selected = FALSE, out = NULL, overwrite = FALSE, progress = "auto") {
  no_dots(...)
  table <- run_events(
    "cells_features",
    list(
      cells = told_cells(cells), kinds = kinds, model = if (!is.null(model)) told_encoder(model),
      corrected = corrected, selected = selected,
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite
    ),
    progress
  )
  featured(table)
}

# A model as its folder, words for other encoders as they are.
told_encoder <- function(model) {
  words <- "^(random$|[A-Z][A-Za-z0-9_]+:)"
  if (is.character(model) && length(model) == 1 && grepl(words, model)) model else model_path(model)
}

featured <- function(table) {
  structure(table, class = unique(c("cl_features", class(table))))
}

#' @rdname cl_features
#' @param x From [cl_features()] or [cl_encode()].
#' @export
as.matrix.cl_features <- function(x, ...) {
  kinds <- "^(shape|intensity|texture|learned|random|frozen)_"
  plain <- x
  class(plain) <- "data.frame"
  # what a plate's table says is no feature, whatever it is called
  as.matrix(plain[grepl(kinds, names(plain)) & !endsWith(names(plain), "_given")])
}

#' Describe cells by what a model has learned of them
#'
#' @param model A model that [cl_train()] made of cells (`task = "autoencoder"`), or its folder; or
#'   `"random"`, an encoder with random weights, the baseline of any other; or `"NAME:FILE"`, a
#'   network of `keras.applications` with weights from a file, such as
#'   `"MobileNetV3Small:weights.h5"`, which sees each channel by itself, as grey.
#' @param cells From [cl_cells()], of crops as large as in training, or the folder that it wrote.
#' @param ... Must be empty.
#' @param views In how many views, turned by right angles and flipped, the network sees each cell,
#'   whose code is the mean: 8, or 1.
#' @param out File for the table: `.csv`, `.parquet`, `.h5ad` (AnnData, as scanpy opens it) or
#'   `.hdf` (with pictures of the cells, as the CellCognition Explorer opens it).
#' @param overwrite Replace the file that is at `out`.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return A data frame of class `cl_features`, a row per cell: what is known of it, `learned_0` and
#'   so on, and `reconstruction_error`.
#' @export
#' @examples
#' \dontrun{
#' model <- cl_train(cells, task = "autoencoder", out = "cells.cytoloom")
#' codes <- cl_encode(model, cells)
#' }
cl_encode <- function(model, cells, ..., views = 8, out = NULL, overwrite = FALSE,
                      progress = "auto") {
  no_dots(...)
  table <- run_events(
    "cells_encode",
    list(
      model = told_encoder(model), cells = told_cells(cells), views = views,
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite
    ),
    progress
  )
  featured(table)
}

#' Cells that look like none of the controls, and treatments that have more of them
#'
#' @param features From [cl_features()] or [cl_encode()], or a data frame or file like it.
#' @param controls Which cells are negative controls, as in [cl_cells()]; several wells of each
#'   plate.
#' @param ... Must be empty.
#' @param method `"mahalanobis"` (standardised, principal components, shrunk covariance),
#'   `"one-class-svm"`, `"isolation-forest"`, `"lof"`, `"gmm"`, `"kde"`, or `"reconstruction"`: the
#'   `reconstruction_error` of [cl_encode()] alone, which tells little.
#' @param rate Share of control cells that may be called outliers. The score from which a cell is
#'   one is chosen on control wells that the detector has not seen.
#' @param by The column of treatments; default treatment, else concentration, control or well.
#' @param detector Results of an earlier call, made with `out`, or their folder: cells are scored
#'   by its detector, whose method, rate and threshold are taken, of features scaled by the controls
#'   of their own plates; whether these controls have drifted is said.
#' @param cells With `out`, from [cl_cells()], or the folder that it wrote: galleries of these cells
#'   are written, too, `galleries/NAME.png` for each treatment (its most novel cells above its most
#'   typical ones) and `clusters.png` (outliers that are alike).
#' @param out Folder for `novelty_cells.csv`, `novelty_wells.csv`, `hits.csv` and the detector.
#' @param overwrite Replace what an earlier call wrote to `out`.
#' @param seed The same seed gives the same result.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return A list of class `cl_novelty`: `hits` (a row per treatment: `wells`, `cells`, `outliers`,
#'   a share, `effect` beside control wells with its 95 % interval over wells, `low` and `high`, `p`
#'   of wells dealt out at random, `q` of Benjamini and Hochberg), `wells`, `cells`, `threshold` and
#'   `note`. `as.data.frame()` gives the hits.
#' @export
#' @examplesIf cl_available()
#' set.seed(1)
#' wells <- rep(sprintf("A%02d", 1:12), each = 50)
#' drug <- ifelse(wells > "A08", "drug", "DMSO")
#' table <- data.frame(well = wells, treatment = drug,
#'   shape_area_px = rnorm(600) + 3 * (drug == "drug"))
#' try(cl_novelty(table, controls = "DMSO"))
cl_novelty <- function(features, controls = NULL, ..., method = "mahalanobis", rate = 0.05,
                       by = NULL, detector = NULL, cells = NULL, out = NULL, overwrite = FALSE,
                       seed = 0, progress = "auto") {
  no_dots(...)
  found <- run_events(
    "cells_novelty",
    list(
      features = told_features(features), controls = told_controls(controls), method = method,
      rate = rate, by = by, detector = told_detector(detector),
      cells = if (!is.null(cells)) told_cells(cells),
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite, seed = seed
    ),
    progress
  )
  structure(found, class = "cl_novelty")
}

# The folder of earlier results.
told_detector <- function(detector) {
  if (inherits(detector, "cl_novelty")) {
    if (is.null(detector$out)) {
      refuse("detector", "results that were written to `out`", "some that were not")
    }
    detector <- detector$out
  }
  if (is.null(detector)) NULL else plain_path(detector, "detector")
}

#' @export
print.cl_novelty <- function(x, ...) {
  cat(x$text, "\n", sep = "")
  invisible(x)
}

#' @export
as.data.frame.cl_novelty <- function(x, row.names = NULL, optional = FALSE, ...) {
  x$hits
}

#' Cells by well, how good the controls are, how replicates agree
#'
#' @param features From [cl_features()] or [cl_encode()], the `cells` of [cl_novelty()], or a data
#'   frame or file like these: a row per cell.
#' @param controls Which cells are negative controls, as in [cl_cells()].
#' @param positives Which are positive controls, for Z' and SSMD.
#' @param columns Which columns; `NULL`: all features, or score and outlier where there are none.
#' @param by The column of treatments; default treatment, else concentration, control or well.
#' @param dose The column of doses; `NULL`: concentration, where there is one.
#' @param ... Must be empty.
#' @param out Folder for `by_well.csv`, `well_quality.csv`, `well_replicates.csv` and
#'   `well_doses.csv`.
#' @param overwrite Replace what an earlier call wrote to `out`.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return A list of class `cl_wells`: `wells` (a row per well: of each column the median of its
#'   cells and its robust z beside the control wells of the plate), `quality` (Z' and SSMD by
#'   column), `replicates` (correlation of wells of one treatment, and whether it is above that of
#'   95 % of the pairs of different ones) and `doses` (mean over wells with its 95 % interval by
#'   dose). `as.data.frame()` gives the wells.
#' @export
#' @examplesIf cl_available()
#' cells <- data.frame(
#'   well = c("A01", "A02", "A03", "A04"), control = c("neg", "neg", "neg", NA),
#'   shape_area_px = c(1, 2, 3, 9)
#' )
#' as.data.frame(cl_wells(cells, controls = "neg", progress = FALSE))
cl_wells <- function(features, controls = NULL, ..., positives = NULL, columns = NULL, by = NULL,
                     dose = NULL, out = NULL, overwrite = FALSE, progress = "auto") {
  no_dots(...)
  found <- run_events(
    "cells_wells",
    list(
      features = told_features(features), controls = told_controls(controls),
      positives = told_controls(positives), columns = columns, by = by, dose = dose,
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite
    ),
    progress
  )
  structure(found, class = "cl_wells")
}

# A table without the class of features, a file as its path.
told_features <- function(features) {
  if (is.data.frame(features)) class(features) <- "data.frame"
  told_table(features)
}

#' @export
print.cl_wells <- function(x, ...) {
  cat(x$text, "\n", sep = "")
  invisible(x)
}

#' @export
as.data.frame.cl_wells <- function(x, row.names = NULL, optional = FALSE, ...) {
  x$wells
}

#' Which kinds of features tell controls apart, and whether learning paid
#'
#' @param features From [cl_features()], with the kinds that are to be compared: measured ones,
#'   `"random"` ones, `"learned"` ones.
#' @param controls Which cells are negative controls, as in [cl_cells()]; two wells or more.
#' @param positives Which are positive controls; two wells or more.
#' @param ... Must be empty.
#' @param method The detector, as in [cl_novelty()].
#' @param by The column of treatments, for how replicates agree; default treatment, else
#'   concentration, control or well.
#' @param out Folder for `kinds.csv`.
#' @param overwrite Replace what an earlier call wrote to `out`.
#' @param seed Of folds of wells, and of wells drawn for intervals.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return A list of class `cl_feature_comparison`: `table` (a row per kind: `auroc`, the chance
#'   that a cell of a positive control well is more unlike the negative ones than a cell of a
#'   negative control well that the detector has not seen, `low` and `high`, its 95 % interval over
#'   wells, `agreement` of replicates, `better`) and `words`, whether learning paid.
#'   `as.data.frame()` gives the table.
#' @export
#' @examplesIf cl_available()
#' set.seed(1)
#' wells <- rep(sprintf("A%02d", 1:8), each = 40)
#' control <- ifelse(wells > "A04", "pos", "neg")
#' table <- data.frame(
#'   well = wells, control = control, shape_area_px = rnorm(320) + 2 * (control == "pos"),
#'   random_0 = rnorm(320)
#' )
#' try(cl_compare_features(table, "neg", positives = "pos", progress = FALSE))
cl_compare_features <- function(features, controls = NULL, ..., positives = NULL,
                                method = "mahalanobis", by = NULL, out = NULL, overwrite = FALSE,
                                seed = 0, progress = "auto") {
  no_dots(...)
  found <- run_events(
    "cells_compare",
    list(
      features = told_features(features), controls = told_controls(controls),
      positives = told_controls(positives), method = method, by = by,
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite, seed = seed
    ),
    progress
  )
  structure(found, class = "cl_feature_comparison")
}

#' @export
print.cl_feature_comparison <- function(x, ...) {
  cat(x$text, "\n", sep = "")
  invisible(x)
}

#' @export
as.data.frame.cl_feature_comparison <- function(x, row.names = NULL, optional = FALSE, ...) {
  x$table
}
