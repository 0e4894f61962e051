test_that("an image of any size goes to a label image in Zarr", {
  need_python()
  model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
  image <- cl_simulate(shape = c(120, 160), count = 20, seed = 2)$image
  out <- file.path(tempfile("store"), "cells.zarr")
  dir.create(dirname(out))
  whole <- predict(model, list(a = image), rescale = NULL, progress = FALSE)
  found <- predict(
    model, list(a = image),
    rescale = NULL, out = out, block_px = c(64, 80), progress = FALSE
  )
  expect_identical(sort(found$objects$area_px), sort(whole$objects$area_px))
  expect_identical(found[["a"]] > 0, whole[["a"]] > 0)
  expect_equal(found$summary$count_low, whole$summary$count_low)
  again <- cl_results(out)
  expect_identical(again[["a"]], found[["a"]])
  expect_identical(again$objects$area_px, found$objects$area_px)
})

test_that("what cannot be meant of blocks is refused in R's words", {
  need_python()
  model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
  image <- cl_simulate(shape = c(64, 64), count = 5, seed = 2)$image
  expect_error(predict(model, image, block_px = 64), "Invalid `block_px`.*`out`")
  out <- file.path(tempdir(), "cells.zarr")
  expect_error(predict(model, image, out = out, block_px = 1.5), "Invalid `block_px`")
  expect_error(predict(model, image, out = out, workers = 0), "Invalid `workers`")
  expect_error(predict(model, image, workers = 2), "Invalid `workers`.*`out`")
  expect_error(predict(model, image, client = "a:1"), "Invalid `client`.*`out`")
  expect_error(predict(model, image, out = out, client = "there"), "`client`.*address")
  expect_error(predict(model, image, part = "1/2"), "Invalid `part`.*`out`")
  folder <- tempfile("results")
  expect_error(
    predict(model, image, out = folder, workers = 2, part = "1/2"), "`part` or `workers`"
  )
  expect_error(predict(model, image, out = folder, workers = 1000), "`workers`.*at most")
  expect_error(predict(model, image, out = out, overlay = TRUE), "Invalid `overlay`")
  expect_false(dir.exists(out))
})

test_that("parts of an image are put together by the call without", {
  need_python()
  model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
  image <- list(a = cl_simulate(shape = c(120, 160), count = 20, seed = 2)$image)
  out <- file.path(tempfile("store"), "cells.zarr")
  dir.create(dirname(out))
  for (k in 2:1) {
    part <- predict(
      model, image,
      rescale = NULL, out = out, block_px = 64, part = paste0(k, "/2"), progress = FALSE
    )
    expect_match(part$files$status, paste("Part", k, "of 2 is done"))
    expect_length(part, 0)
  }
  found <- predict(model, image, rescale = NULL, out = out, block_px = 64, progress = FALSE)
  expect_identical(found$files$status, "ok")
  expect_gt(max(found[["a"]]), 10)
  expect_error(predict(model, image, out = out, part = "3/2"), "Invalid `part`")
})

test_that("what the prediction of a volume will take is planned", {
  need_python()
  model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
  folder <- cl_simulate(tempfile("images"), images = 1)
  image <- list.files(file.path(folder, "images"), full.names = TRUE)[[1]]
  plan <- cl_plan(image, model, progress = FALSE)
  expect_gt(plan$hours, 0)
  expect_identical(plan$level, 0L)
  expect_identical(plan$table$setting[c(1, 7)], c("time", "level"))
  expect_output(print(plan), "of each worker, for blocks of")
  expect_gt(plan$memory_gb, 0.8) # the process itself
  expect_error(cl_plan(1, model), "Invalid `data`")
})

test_that("parts of a list of images are put together by the call without", {
  need_python()
  model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
  images <- lapply(c(a = 1, b = 2, c = 3), function(seed) {
    cl_simulate(shape = c(64, 64), count = 6, seed = seed)$image
  })
  out <- tempfile("results")
  part <- predict(model, images, rescale = NULL, out = out, part = "1/2", progress = FALSE)
  expect_identical(part$files$image, c("a", "c"))
  expect_match(part$files$status, "Part 1 of 2 is done; 1 of 3 images are missing")
  expect_length(part, 0)
  said <- capture.output(print(part))
  expect_match(said, "^<cl_found> Part 1 of 2 is done; 1 of 3 images are missing", all = FALSE)
  expect_no_match(said, "failed|0 objects")
  expect_warning(
    found <- predict(model, images, rescale = NULL, out = out, progress = FALSE), "look unlike"
  )
  expect_identical(found$files$status, rep("ok", 3))
  expect_identical(names(found), c("a", "b", "c"))
})

test_that("a volume is scored block by block as the whole", {
  need_python()
  model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
  folder <- cl_simulate(tempfile("images"), images = 1)
  store <- file.path(tempfile("store"), "big.zarr")
  dir.create(dirname(store))
  cl_convert(list.files(file.path(folder, "images"), full.names = TRUE), store)
  cl_convert(
    list.files(file.path(folder, "labels"), full.names = TRUE), file.path(store, "labels", "truth")
  )
  whole <- evaluate(model, store, rescale = NULL, progress = FALSE)
  expect_error(evaluate(model, store, workers = 2), "`workers`.*134 million pixels")
  limits <- function(large, labels) {
    reticulate::py_run_string(sprintf(paste(
      "from cytoloom.images import blocks, parts", "blocks.LARGE_PX, parts.LABELS_PX = %d, %d",
      sep = "\n"
    ), large, labels))
  }
  on.exit(limits(2L^24L, 2L^27L))
  limits(500L, 1000L)
  out <- tempfile("scores")
  mine <- evaluate(model, store, rescale = NULL, out = out, block_px = 64, progress = FALSE)
  expect_equal(mine$per_image, whole$per_image, tolerance = 1e-12)
  expect_equal(nrow(mine$per_object), nrow(whole$per_object))
  expect_true(file.exists(file.path(out, "scores.csv")))
})
