disc <- sqrt((row(diag(24)) - 12)^2 + (col(diag(24)) - 12)^2) < 7

test_that("experts agree on matrices, in order and by name, NULL where one drew nothing", {
  need_python()
  drawn <- list(list(disc, NULL, disc), list(disc, disc, disc), list(disc, disc, !disc))
  agreed <- cl_consensus(drawn, progress = FALSE)
  expect_s3_class(agreed, "cl_consensus")
  expect_identical(agreed$per_image$experts, c(3L, 2L, 3L))
  expect_identical(agreed$labels$image_000, disc * 1L)
  expect_output(print(agreed), "staple of 3 experts on 3 images")
  named <- list(anna = list(b = disc, a = !disc), ben = list(a = !disc, b = disc))
  by_name <- cl_consensus(named, "majority", progress = FALSE)
  expect_identical(by_name$labels$a, (!disc) * 1L)
  expect_identical(as.data.frame(by_name)$expert, c("anna", "ben"))
  expect_identical(summary(by_name)$dice, c(1, 1))
})

test_that("shares of experts are arrays, and labels of EBImage are such again", {
  need_python()
  drawn <- list(anna = disc, ben = disc, eva = !disc, mia = !disc)
  agreed <- cl_consensus(drawn, "soft", progress = FALSE)
  expect_identical(dimnames(agreed$soft$image)[[3]], c("0", "1"))
  expect_identical(unique(as.vector(agreed$soft$image)), 0.5)
  expect_identical(max(agreed$labels$image), 0L)
  image <- structure(t(disc), class = "Image")
  again <- cl_consensus(list(image, image), "soft", progress = FALSE)
  expect_true(inherits(again$labels[[1]], "Image"))
  expect_identical(dim(again$soft[[1]]), c(24L, 24L, 2L))
})

test_that("folders of experts, those of cl_data() and results in a folder are the same", {
  need_python()
  folder <- cl_simulate(tempfile("drawn"), "annotators", images = 2, people = 3, progress = FALSE)
  out <- tempfile("agreed")
  labels <- file.path(folder, "labels")
  agreed <- cl_consensus(labels, task = "binary", out = out, progress = FALSE)
  expect_true(all(file.exists(agreed$per_image$labels)))
  each <- file.path(labels, paste0("annotator_", 1:3))
  for (given in list(each, as.list(each), cl_data(folder))) {
    again <- cl_consensus(given, task = "binary", progress = FALSE)
    expect_identical(again$per_expert, agreed$per_expert)
    expect_identical(again$labels, agreed$labels)
  }
  people <- cl_consensus(c(a = each[[1]], b = each[[2]]), task = "binary", progress = FALSE)
  expect_identical(people$per_expert$expert, c("a", "b"))
})

test_that("what one image lacks is in its row, and what all lack is one sentence", {
  need_python()
  drawn <- list(anna = list(a = disc, b = disc), ben = list(a = disc, b = disc[1:9, ]))
  expect_warning(agreed <- cl_consensus(drawn, progress = FALSE), "label images of one size")
  expect_identical(names(agreed$labels), "a")
  expect_output(print(agreed), "failed: b:")
  expect_error(cl_consensus(list(disc)), "labels of two experts or more. Received: one, expert_1.")
  expect_error(cl_consensus(list(disc * 2, disc)), "Pass task = \"classes\"")
  expect_error(cl_consensus(7), "Invalid `experts`.")
})

test_that("experts and images of the same name, or without one among others, are refused", {
  need_python()
  refused <- function(experts, said) expect_error(cl_consensus(experts, progress = FALSE), said)
  refused(list(anna = disc, ben = disc, anna = !disc), "different names. Received: anna more")
  refused(list(anna = disc, !disc), "a name of each expert, or of none. Received: none in place 2")
  one <- list(a = disc, a = !disc)
  refused(list(anna = one, ben = one), "images of different names of anna. Received: a more")
  folder <- tempfile()
  dir.create(folder)
  refused(c(a = folder, a = folder), "different names. Received: a more than once")
  refused(c(folder, folder), "folders that differ. Received: .* more than once")
})

test_that("objects are matched and voted, and who joins them is named", {
  need_python()
  parted <- matrix(c(1L, 1L, 2L, 2L, 0L), 1)
  joined <- matrix(c(4L, 4L, 4L, 4L, 0L), 1)
  drawn <- list(a = parted, b = parted, c = joined)
  agreed <- cl_consensus(drawn, "majority", task = "instances", progress = FALSE)
  expect_identical(agreed$labels$image, parted)
  expect_identical(agreed$objects$merged_by, c("c", "c"))
  expect_identical(agreed$per_image$disputed, 2L)
})

test_that("labels of a consensus in files are those of their own run", {
  need_python()
  home <- tempfile("home")
  Sys.setenv(R_USER_DATA_DIR = home)
  old <- options(cytoloom.keep_mb = 0)
  on.exit({
    Sys.unsetenv("R_USER_DATA_DIR")
    options(old)
  })
  one <- matrix(rep(0:1, each = 8), 4, 4)
  agree <- function(labels, ...) {
    suppressMessages(cl_consensus(list(labels, labels), "majority", progress = FALSE, ...))
  }
  here <- agree(one)
  cl_write_labels(t(one), here$per_image$labels, overwrite = TRUE)
  expect_equal(as.matrix(here$labels[[1]]), t(one))
  out <- tempfile("agreed")
  first <- agree(one, out = out)
  expect_equal(as.matrix(first$labels[[1]]), one)
  agree(t(one), out = out, overwrite = TRUE)
  expect_error(as.matrix(first$labels[[1]]), "which another run wrote since")
})
