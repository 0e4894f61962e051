# Two treatments: one with small nuclei. One field a well.
simulated_plate <- function(wells = paste0("A", sprintf("%02d", 1:6)), drugged = c("A05", "A06")) {
  made <- lapply(seq_along(wells), function(k) {
    size <- if (wells[k] %in% drugged) c(8, 12) else c(14, 22)
    cl_simulate(shape = c(96, 96), count = 8, diameter_px = size, seed = k)
  })
  list(
    images = stats::setNames(lapply(made, `[[`, "image"), wells),
    labels = stats::setNames(lapply(made, `[[`, "labels"), wells),
    plate = data.frame(
      well = wells, treatment = ifelse(wells %in% drugged, "drug", "DMSO"), dose = seq_along(wells)
    )
  )
}

gathered <- function(..., out = NULL) {
  made <- simulated_plate()
  cl_cells(
    made$images, made$labels,
    plate = made$plate, controls = list(treatment = "DMSO"), size_px = 24, out = out,
    progress = FALSE, ...
  )
}

test_that("cells are a table with what is known of their wells", {
  need_python()
  cells <- gathered()
  expect_s3_class(cells, "cl_cells")
  table <- as.data.frame(cells)
  expect_identical(sort(unique(table$well)), paste0("A0", 1:6))
  expect_identical(unique(table$treatment[table$well == "A05"]), "drug")
  expect_type(table$padded, "logical")
  expect_output(print(cells), "cells of 6 wells; [0-9]+ of them of 4 control wells")
  again <- cl_features(cells$path, kinds = "shape", progress = FALSE)
  expect_identical(nrow(again), nrow(table))
})

test_that("positions of anybody's will do", {
  need_python()
  plate <- simulated_plate()
  at <- data.frame(image = "A01", Location_Center_X = c(20, 40), Location_Center_Y = c(30, 50))
  cells <- cl_cells(plate$images["A01"], positions = at, size_px = 16, progress = FALSE)
  expect_equal(cells$table$centroid_x, c(20, 40))
  expect_equal(cells$table$centroid_y, c(30, 50))
})

test_that("features are a data frame and a matrix", {
  need_python()
  features <- cl_features(gathered(), progress = FALSE)
  expect_s3_class(features, c("cl_features", "data.frame"))
  values <- as.matrix(features)
  expect_type(values, "double")
  expect_identical(nrow(values), nrow(features))
  expect_true(all(grepl("^(shape|intensity|texture)_", colnames(values))))
  area <- tapply(features$shape_area_px, features$treatment, mean)
  expect_lt(area[["drug"]], 0.6 * area[["DMSO"]])
  expect_s3_class(stats::prcomp(values[, apply(values, 2, stats::sd) > 0], scale. = TRUE), "prcomp")
})

test_that("a treatment that makes nuclei small is a hit", {
  need_python()
  features <- cl_features(gathered(), kinds = "shape", progress = FALSE)
  controls <- list(treatment = "DMSO")
  searched <- function(...) {
    expect_warning(found <- cl_novelty(features, controls, ..., progress = FALSE), "no q below")
    found
  }
  found <- searched()
  expect_s3_class(found, "cl_novelty")
  expect_identical(as.data.frame(found)$treatment, "drug")
  expect_gt(found$hits$low, 0)
  expect_identical(nrow(found$cells), nrow(features))
  expect_setequal(found$wells$well, unique(features$well))
  expect_output(print(found), "drug")
  expect_match(found$note, "control wells")
  out <- tempfile("novelty")
  kept <- searched(out = out)
  expect_warning(again <- searched(detector = kept), "was fitted to these control wells")
  expect_equal(again$threshold, kept$threshold)
  expect_warning(same <- searched(detector = out), "was fitted to these control wells")
  expect_identical(same$cells$score, again$cells$score)
  expect_error(
    cl_novelty(features, list(treatment = "DMSO"), detector = found), "results that were written"
  )
})

test_that("an autoencoder learns and encodes", {
  need_python()
  cells <- gathered()
  model <- cl_train(
    cells,
    task = cl_reconstruction(turned = TRUE), network = cl_autoencoder("c4.3r_p2_d6.0l"),
    trainer = cl_trainer(iterations = 3, batch_size = 8), progress = FALSE
  )
  expect_s3_class(model, "cl_model")
  codes <- cl_encode(model, cells, progress = FALSE)
  expect_identical(colnames(as.matrix(codes)), paste0("learned_", 0:5))
  expect_true(all(is.finite(codes$reconstruction_error)))
  expect_error(
    cl_train(cells, task = "binary", progress = FALSE), "`task`. Expected \"autoencoder\" for cells"
  )
})

test_that("architectures that cannot be are refused before training, in the words of R", {
  need_python()
  cells <- gathered()
  tried <- function(layers) {
    cl_train(
      cells,
      task = "autoencoder", network = cl_autoencoder(layers),
      trainer = cl_trainer(iterations = 1), progress = FALSE
    )
  }
  expect_error(tried("c2.3r_p7_d4.0l"), "multiples of 7 px, by which p7 of c2.3r_p7_d4.0l pool")
  expect_error(tried("c2.3r_p7_d4.0l"), "Pass size_px = 21 or size_px = 28.", fixed = TRUE)
  expect_error(tried("c2.3r_p2"), "a dense layer at the end, whose units are the features")
  expect_error(tried("c2.3r_p_d4.0l"), "Received: p as part 2 of c2.3r_p_d4.0l", fixed = TRUE)
})

test_that("features beside controls, and of a random encoder", {
  need_python()
  cells <- gathered()
  found <- cl_features(
    cells,
    kinds = c("shape", "random"), corrected = "robust-z", selected = TRUE, progress = FALSE
  )
  own <- as.matrix(found)[found$treatment == "DMSO", ]
  expect_equal(unname(apply(own, 2, stats::median)), rep(0, ncol(own)))
  expect_identical(
    cl_encode("random", cells, progress = FALSE)$random_0,
    cl_features(cells, kinds = "random", progress = FALSE)$random_0
  )
  expect_error(cl_encode("MobileNet9:w.h5", cells), "an architecture of keras.applications")
})

test_that("what cannot be meant is said", {
  need_python()
  expect_error(gathered(others = "gone"), "`others`")
  expect_error(cl_features(3), "Invalid `cells`. Expected cells of cl_cells\\(\\)")
  expect_error(cl_novelty(data.frame(well = "A01"), controls = "DMSO"), "`features`")
  plate <- simulated_plate()
  expect_error(cl_cells(plate$images, progress = FALSE), "one of `labels` and `positions`")
})

test_that("a screen of known truth goes all the way", {
  need_python()
  made <- cl_simulate(
    kind = "screen", effects = list(drug = list("condensed", 1, 0.5, 2)), controls = 4, count = 6,
    shape = c(96, 96)
  )
  expect_setequal(made$plate$treatment, c("DMSO", "drug"))
  cells <- cl_cells(
    made$images, made$labels,
    plate = made$plate, controls = "negative", size_px = 24, progress = FALSE
  )
  expect_identical(sort(unique(cells$table$treatment)), c("DMSO", "drug"))
  expect_gt(length(unlist(made$affected)), 0)
})

test_that("wells and kinds of features are tables", {
  need_python()
  features <- cl_features(gathered(), kinds = c("shape", "intensity"), progress = FALSE)
  controls <- list(treatment = "DMSO")
  positives <- list(treatment = "drug")
  wells <- cl_wells(features, controls, positives = positives, progress = FALSE)
  table <- as.data.frame(wells)
  expect_identical(sum(table$is_positive), 2L)
  area <- features$shape_area_px[features$well == "A01"]
  expect_equal(table$shape_area_px[table$well == "A01"], stats::median(area))
  own <- table$shape_area_px[table$is_control]
  z <- (table$shape_area_px - stats::median(own)) / stats::mad(own)
  expect_equal(table$shape_area_px_z, z, tolerance = 1e-4)
  expect_output(print(wells), "z_prime")
  kinds <- cl_compare_features(features, controls, positives = positives, progress = FALSE)
  expect_identical(as.data.frame(kinds)$features, c("shape", "intensity", "measured"))
  expect_true(all(kinds$table$auroc > 0.5))
  expect_output(print(kinds), "auroc")
})

test_that("columns of a plate are no features, whatever they are called", {
  table <- data.frame(well = "A01", shape_area_px = 1.5, intensity_lamp_given = "old")
  class(table) <- c("cl_features", class(table))
  expect_identical(as.matrix(table), cbind(shape_area_px = 1.5))
})
