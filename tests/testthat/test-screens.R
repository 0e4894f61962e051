demo_folder <- function() {
  once("demo", {
    out <- tempfile("demo")
    cl_cells_demo(out, progress = FALSE)
    out
  })
}

test_that("cells and what was found among them are drawn, and graphics left as they were", {
  need_python()
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  folder <- demo_folder()
  before <- graphics::par(c("mfrow", "mai", "oma"))
  features <- utils::read.csv(file.path(folder, "features.csv"))
  found <- cl_novelty(features, list(control = "negative"), out = tempfile(), progress = FALSE)
  expect_identical(found$by, "treatment")
  for (kind in c("plate", "hits", "map")) expect_identical(plot(found, kind), found)
  for (kind in c("novel", "typical", "clusters")) {
    expect_identical(plot(found, kind, cells = file.path(folder, "cells"), n = 2), found)
  }
  expect_identical(plot(found, value = "score"), found)
  expect_identical(graphics::par(c("mfrow", "mai", "oma")), before)
  expect_error(plot(found, "novel"), "`cells`. Expected the cells, whose pictures are shown")
  expect_error(plot(found, "heat"), "kind")

  page <- tempfile(fileext = ".html")
  cl_report(found, page, cells = file.path(folder, "cells"), progress = FALSE)
  # of what Python wrote itself
  other <- tempfile(fileext = ".html")
  cl_report(file.path(folder, "novelty"), other, cells = file.path(folder, "cells"),
    progress = FALSE)
  wells <- function(path) {
    text <- paste(readLines(path, warn = FALSE), collapse = "\n")
    data <- sub("</script>.*", "", sub(".*id=\"well-data\">", "", text))
    unlist(regmatches(data, gregexpr("\"facts\": \"[^\"]*\"|\"name\": \"[^\"]*\"", data)))
  }
  expect_identical(wells(page), wells(other))
  expect_error(cl_report(found, page, images = folder, overwrite = TRUE), "`images`")
})

test_that("a contact sheet shows the pixels of Python", {
  need_python()
  cells <- file.path(demo_folder(), "cells")
  sheet <- call_python("cells_sheet", cells = cells, by = NULL, n = 2, seed = 0, rows = 3)
  expect_length(dim(sheet$picture), 3)
  expect_match(unlist(sheet$names)[1], "^DMSO\nn = ")
  nuclei <- cl_simulate(shape = c(96, 96), count = 5)
  own <- cl_cells(list(A01 = nuclei$image), list(A01 = nuclei$labels), size_px = 24,
    progress = FALSE)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_identical(plot(own, n = 3, main = "five cells"), own)
})

test_that("galleries and contact sheets are files", {
  need_python()
  folder <- demo_folder()
  features <- utils::read.csv(file.path(folder, "features.csv"))
  out <- tempfile("novelty")
  cl_novelty(
    features, list(control = "negative"),
    cells = file.path(folder, "cells"), out = out, progress = FALSE
  )
  treatments <- c("DMSO", "granular", "inert", "rare", "strong", "weak")
  expect_setequal(list.files(file.path(out, "galleries")), paste0(treatments, ".png"))
  expect_true(file.exists(file.path(out, "clusters.png")))
  expect_error(
    cl_novelty(features, "negative", cells = file.path(folder, "cells")),
    "Invalid `cells`. Expected `out` with it"
  )
  nuclei <- cl_simulate(shape = c(96, 96), count = 5)
  out <- tempfile("cells")
  cl_cells(
    list(A01 = nuclei$image), list(A01 = nuclei$labels),
    size_px = 24, out = out, sheet = TRUE, progress = FALSE
  )
  png <- readBin(file.path(out, "sheet.png"), "raw", 4)
  expect_identical(png, as.raw(c(0x89, 0x50, 0x4e, 0x47)))
})

test_that("wells lie where they are called", {
  expect_identical(well_place(c("A01", "H12", "AA03"))$row, c(1, 8, 27))
  expect_identical(well_place(c("A01", "H12", "AA03"))$column, c(1L, 12L, 3L))
  expect_identical(plate_size(well_place(c("A01", "D06"))), c(4, 6))
  expect_identical(row_letters(28)[c(1, 26:28)], c("A", "Z", "AA", "AB"))
  wells <- data.frame(well = c("A01", "A01"), plate = c("p", "q"), score = 1:2)
  expect_identical(wells_of_plate(wells, "q")$score, 2L)
  expect_error(wells_of_plate(wells, NULL), "one of p, q")
  expect_error(wells_of_plate(data.frame(image = "a"), NULL), "results of wells")
})

test_that("cells like others are found by name, row or as rows", {
  need_python()
  table <- data.frame(
    image = "A01", object = 1:5, shape_a = c(0, 4, 5, -4, -5), shape_b = c(0, 1, 1, -1, -1)
  )
  by_name <- cl_similar(table, "A01:2", n = 2, progress = FALSE)
  expect_identical(by_name$object[1], 3L)
  expect_identical(by_name$row[1], 3L)
  expect_equal(cl_similar(table, 2, n = 2, progress = FALSE), by_name)
  expect_equal(cl_similar(table, table[2, ], n = 2, progress = FALSE), by_name)
  expect_error(cl_similar(table, "A01:9"), "`to`. Expected cells of the table")
})
