#' Pictures of cells, and of what was found among them
#'
#' `plot(cells)` draws a contact sheet: some cells of each treatment, as they are cut out.
#' `plot(found)` draws what [cl_novelty()] found.
#'
#' @param x From [cl_cells()] or [cl_novelty()].
#' @param by For cells, the column whose values are rows of the sheet; default treatment, else
#'   concentration, control, group, type, well or image. For the map, `"pca"`, or `"umap"`, which
#'   takes the Python package umap-learn: `cl_install(extras = "umap")`.
#' @param kind What is drawn: `"plate"`, a heat map of the plate with a ring in control wells;
#'   `"hits"`, effects with their intervals, filled where q is below 0.05; `"map"`, a point for each
#'   cell at its principal components; `"novel"` and `"typical"`, cells of each treatment;
#'   `"clusters"`, cells of each cluster of outliers.
#' @param ... Settings of [graphics::plot.default()] such as `main`, which replace ours.
#' @param cells For the last three, whose cells are shown: from [cl_cells()], or the folder that it
#'   wrote.
#' @param n Cells of each row.
#' @param seed Of what is drawn by chance.
#' @param rows Rows at most.
#' @param value For the plate: `"outliers"`, the share, or `"score"`, the median.
#' @param plate Which plate, where there are several.
#' @return `x`, invisibly.
#' @name cl_screen_plots
#' @examplesIf cl_available()
#' nuclei <- cl_simulate(shape = c(96, 96), count = 5)
#' cells <- cl_cells(list(A01 = nuclei$image), list(A01 = nuclei$labels), size_px = 24)
#' plot(cells, n = 4)
NULL

#' @rdname cl_screen_plots
#' @export
plot.cl_cells <- function(x, by = NULL, ..., n = 10, seed = 0, rows = 24) {
  draw_sheet(
    call_python("cells_sheet", cells = told_cells(x), by = by, n = n, seed = seed, rows = rows),
    ...
  )
  invisible(x)
}

#' @rdname cl_screen_plots
#' @export
plot.cl_novelty <- function(x, kind = "plate", ..., cells = NULL, n = 10, rows = 24,
                            value = "outliers", plate = NULL, by = "pca", seed = 0) {
  one_of(kind, c("plate", "hits", "map", "novel", "typical", "clusters"), "kind")
  switch(kind,
    plate = draw_plate(x, one_of(value, c("outliers", "score"), "value"), plate, ...),
    hits = draw_hits(utils::head(x$hits, rows), ...),
    map = draw_map(x, one_of(by, c("pca", "umap"), "by"), seed, ...),
    draw_sheet(call_python(
      "novelty_sheet",
      found = plain_novelty(x), kind = kind, n = n, rows = rows,
      cells = if (is.null(cells)) NULL else told_cells(cells)
    ), ...)
  )
  invisible(x)
}

# What was found, as Python takes it: tables, and what stands in none.
plain_novelty <- function(found) {
  list(
    kind = "cl_novelty", tables = found[c("hits", "wells", "cells")], run = found$run,
    told = found[c("threshold", "method", "rate", "features", "note", "by")]
  )
}

# A contact sheet: a picture, with names of its rows at the left.
draw_sheet <- function(sheet, ...) {
  names <- unlist(sheet$names)
  wide <- max(graphics::strwidth(unlist(strsplit(names, "\n")), "inches", cex = 0.8))
  old <- graphics::par(mai = c(0.1, wide + 0.25, 0.3, 0.1))
  on.exit(graphics::par(old))
  colours <- grDevices::rgb(
    sheet$picture[, , 1], sheet$picture[, , 2], sheet$picture[, , 3], maxColorValue = 255
  )
  draw_picture(matrix(colours, nrow(sheet$picture)), ...)
  graphics::text(
    -0.5 - 0.01 * dim(sheet$picture)[2], unlist(sheet$middles), names,
    adj = c(1, 0.5), cex = 0.8, xpd = NA
  )
}

# Colours of wells where they lie, from dark to bright.
draw_plate <- function(x, value, plate, ...) {
  wells <- wells_of_plate(x$wells, plate)
  place <- well_place(wells$well)
  size <- plate_size(place)
  values <- wells[[value]]
  low <- if (value == "outliers") 0 else min(values)
  span <- max(values) - low
  shades <- grDevices::hcl.colors(64, "viridis")
  of <- 1 + round(63 * (values - low) / if (span > 0) span else 1)
  words <- c(outliers = "share of outliers", score = "median score")[[value]]
  ours <- list(
    type = "n", xlim = c(0.5, size[2] + 0.5), ylim = c(size[1] + 0.5, 0.5), asp = 1, axes = FALSE,
    xlab = "", ylab = "", main = sprintf("%s, %.2g to %.2g", words, low, max(values))
  )
  plot_with(1, 1, ours, ...)
  grid <- expand.grid(row = seq_len(size[1]), column = seq_len(size[2]))
  half <- 0.46
  graphics::rect(
    grid$column - half, grid$row + half, grid$column + half, grid$row - half,
    border = "#d5d8d6"
  )
  graphics::rect(
    place$column - half, place$row + half, place$column + half, place$row - half,
    col = shades[of], border = NA
  )
  controls <- place[wells$is_control, ]
  graphics::points(controls$column, controls$row, col = "black", lwd = 3)
  graphics::points(controls$column, controls$row, col = "white", lwd = 1.5)
  graphics::text(seq_len(size[2]), 0.3, seq_len(size[2]), xpd = NA)
  graphics::text(0.3, seq_len(size[1]), row_letters(size[1]), xpd = NA)
}

wells_of_plate <- function(wells, plate) {
  if (!"well" %in% names(wells) || !all(grepl("^[A-Z]{1,2}[0-9]{2}$", wells$well))) {
    refuse("kind", "results of wells such as A01", "none")
  }
  names <- unique(as.character(wells$plate))
  if (length(names) < 2) {
    return(wells)
  }
  if (is.null(plate)) refuse("plate", paste("one of", toString(names)), plate)
  wells[as.character(wells$plate) == one_of(plate, names, "plate"), ]
}

well_place <- function(wells) {
  letters <- sub("[0-9]+$", "", wells)
  last <- utf8ToInt(paste(substring(letters, nchar(letters)), collapse = "")) - 64
  data.frame(
    row = last + 26 * (nchar(letters) - 1), column = as.integer(sub("^[A-Z]+", "", wells))
  )
}

# Rows and columns of the smallest plate that has these wells.
plate_size <- function(place) {
  rows <- c(2, 3, 4, 6, 8, 16, 32)
  columns <- c(3, 4, 6, 8, 12, 24, 48)
  first <- which(rows >= max(place$row) & columns >= max(place$column))[1]
  c(rows[first], columns[first])
}

row_letters <- function(count) {
  c(LETTERS, paste0("A", LETTERS))[seq_len(count)]
}

draw_hits <- function(hits, ...) {
  if (nrow(hits) == 0) refuse("kind", "a treatment beside the controls", "none")
  names <- as.character(hits$treatment)
  if ("plate" %in% names(hits)) names <- paste(hits$plate, names, sep = ", ")
  at <- rev(seq_along(names))
  wide <- max(graphics::strwidth(names, "inches"))
  old <- graphics::par(mai = c(0.8, wide + 0.3, 0.4, 0.2))
  on.exit(graphics::par(old))
  ours <- list(
    type = "n", yaxt = "n", ylab = "", xlab = "share of outliers beyond that of control wells",
    ylim = c(0.5, length(names) + 0.5),
    xlim = range(0, hits$effect, hits$low, hits$high, na.rm = TRUE)
  )
  plot_with(hits$effect, at, ours, ...)
  graphics::abline(v = 0, col = "#8a8f93")
  graphics::segments(hits$low, at, hits$high, at, col = "#0072B2")
  sure <- !is.na(hits$q) & hits$q < 0.05
  filled <- ifelse(sure, "#0072B2", "white")
  graphics::points(hits$effect, at, pch = 21, col = "#0072B2", bg = filled)
  graphics::axis(2, at, names, las = 1, tick = FALSE)
}

draw_map <- function(x, by, seed, ...) {
  places <- as.matrix(x$cells[grepl("^pc_", names(x$cells))])
  axes <- c("principal component 1", "principal component 2")
  if (by == "umap") {
    places <- call_python("umap", places = unname(places), seed = seed)
    axes <- c("UMAP 1", "UMAP 2")
  }
  if (ncol(places) < 2) refuse("kind", "2 features or more, for a map", "1")
  colours <- c("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
  first <- utils::head(unique(as.character(x$hits$treatment)), length(colours))
  group <- match(as.character(x$cells[[x$by]]), first)
  group[x$cells$is_control] <- NA
  shade <- ifelse(x$cells$is_control, "#b9bec1", "#dfe2e0")
  # controls and what is not looked at lie below
  order <- order(!is.na(group), -ifelse(is.na(group), 0, group))
  ours <- list(
    pch = 19, cex = 0.5, xlab = axes[1], ylab = axes[2],
    col = ifelse(is.na(group), shade, colours[group])[order]
  )
  plot_with(places[order, 1], places[order, 2], ours, ...)
  graphics::legend(
    "topright", c("controls", first), col = c("#b9bec1", colours[seq_along(first)]), pch = 19,
    bty = "n", cex = 0.8
  )
}

#' Cells like these
#'
#' @param features From [cl_features()] or [cl_encode()], or a data frame or file like it.
#' @param to The cells: `"image:number"` such as `"A01:12"`, numbers of rows of the table, or rows
#'   of it themselves, with their columns `image` and `object`.
#' @param ... Must be empty.
#' @param metric How far two cells are apart: `"cosine"`, `"euclidean"`, `"cityblock"` or
#'   `"correlation"`.
#' @param n How many are returned.
#' @param out CSV or Parquet file for the table.
#' @param overwrite Replace the file that is at `out`.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return A data frame: of each cell what is known of it, its `row` in the table and `distance`,
#'   the nearest first; those in `to` are left out. Features are scaled by the median and spread of
#'   all cells of a plate; cells are compared with the mean of those in `to`.
#' @export
#' @examplesIf cl_available()
#' table <- data.frame(image = "A01", object = 1:5, shape_area_px = c(9, 1, 2, 1.5, 8),
#'   shape_solidity = c(0.2, 0.9, 0.8, 0.9, 0.3))
#' cl_similar(table, "A01:1", n = 2)
cl_similar <- function(features, to, ..., metric = "cosine", n = 50, out = NULL, overwrite = FALSE,
                       progress = "auto") {
  no_dots(...)
  if (is.data.frame(features)) class(features) <- "data.frame"
  if (is.data.frame(to)) {
    class(to) <- "data.frame"
  } else {
    if (is.numeric(to)) to <- to - 1
    if (is.atomic(to) && !is.null(to)) to <- as.list(to)
  }
  found <- run_events(
    "cells_similar",
    list(
      features = told_table(features), to = to, metric = metric, n = n,
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite
    ),
    progress
  )
  found$row <- found$row + 1L
  found
}

#' A simulated plate, and all that is made of one
#'
#' Simulates a small plate with treatments of graded strength, and makes of it cells, features, a
#' hit list and a page.
#'
#' @param out New folder for `cells/` (with images and labels), `plate.csv`, `features.csv`,
#'   `novelty/` and `report.html`.
#' @param ... Must be empty.
#' @param overwrite Replace what an earlier demo left there.
#' @param seed The same seed gives the same plate.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return The path of the page, invisibly. It takes scikit-learn and Jinja2:
#'   `cl_install(extras = c("cells", "report"))`.
#' @export
#' @examples
#' \dontrun{
#' browseURL(cl_cells_demo(tempfile("demo")))
#' }
cl_cells_demo <- function(out, ..., overwrite = FALSE, seed = 0, progress = "auto") {
  no_dots(...)
  invisible(run_events(
    "cells_demo", list(out = plain_path(out, "out"), overwrite = overwrite, seed = seed), progress
  ))
}
