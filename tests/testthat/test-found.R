some_found <- function() {
  once("found", predict(tiny_model(), some_images(), rescale = NULL, progress = FALSE))
}

test_that("every way through the list comes to the same images", {
  need_python()
  found <- some_found()
  by_name <- list(left = found[["left"]], right = found[["right"]])
  by_for <- list()
  for (one in found) by_for <- c(by_for, list(one))
  expect_identical(length(found), 2L)
  expect_identical(names(found), c("left", "right"))
  expect_identical(by_for, unname(by_name))
  expect_identical(lapply(found, identity), by_name)
  expect_identical(Map(function(labels) labels, found), by_name)
  expect_identical(lapply(seq_along(found), function(i) found[[i]]), unname(by_name))
  expect_identical(as.list(found), by_name)
  expect_identical(unclass(found)[1:2], by_name)
  expect_identical(sapply(found, max), vapply(by_name, max, 0L))
  expect_identical(found$left, by_name$left)
  expect_identical(rev(found)[[1]], by_name$right)
  expect_identical(lapply(head(found, 1), identity), by_name["left"])
  skip_if_not_installed("purrr")
  expect_identical(purrr::map(found, identity), by_name)
  named <- c(left = "left", right = "right")
  expect_identical(purrr::imap_chr(found, function(x, name) name), named)
})

test_that("a part of what was found has its part of the tables", {
  need_python()
  part <- some_found()["right"]
  expect_s3_class(part, "cl_found")
  expect_identical(part$files$image, "right")
  expect_identical(unique(part$objects$image), "right")
  expect_identical(part$summary$image, "right")
  expect_identical(names(some_found()[-1]), "right")
  expect_identical(some_found()[], some_found())
  expect_length(some_found()[0], 0)
  expect_error(some_found()[3], "Expected a number up to 2 or one of left, right. Received: 3")
  expect_error(some_found()[c("left", "middle")], "Received: middle")
  expect_error(some_found()$middle, "Received: middle")
})

test_that("what is asked of a table chooses images, also where some have failed", {
  need_python()
  bad <- matrix(NA_real_, 64, 64)
  images <- c(list(bad = bad), some_images(), list(worse = bad))
  found <- suppressWarnings(predict(tiny_model(), images, rescale = NULL, progress = FALSE))
  expect_identical(names(found[found$files$image == "left"]), "left")
  expect_identical(names(found[found$files$status == "ok"]), c("left", "right"))
  expect_identical(found[found$summary$image == "right"]$files$image, "right")
  expect_identical(names(found[c(FALSE, TRUE)]), "right")
  expect_identical(names(found[TRUE]), c("left", "right"))
  expect_length(found[found$files$image == "bad"], 0)
  expect_identical(names(found[factor("right", c("right", "left"))]), "right")
  expect_identical(found[[factor("right")]], found$right)
  expect_error(found[c(TRUE, NA)], "TRUE or FALSE for each image, 2 or 4")
  expect_error(found[c(TRUE, FALSE, TRUE)], "TRUE or FALSE for each image, 2 or 4")
})

test_that("labels live in the object: after saving, and in another process", {
  need_python()
  file <- tempfile(fileext = ".rds")
  saveRDS(some_found(), file)
  expect_identical(readRDS(file), some_found())
  expect_identical(unique(some_found()$files$labels), NA_character_)
  out <- fresh_r(sprintf("x <- readRDS(%s); cat(vapply(x, max, 0L))", deparse(file)))
  expect_identical(out, paste(vapply(some_found(), max, 0L), collapse = " "))
})

# What works on a matrix of labels comes to the same on labels in a file, or stops.
as_in_memory <- function(one, labels) {
  uses <- alist(
    mean(b), median(b), t(b), table(b), unique(b), range(b), b + 1L, 1 - b, -b, b %% 2L, sqrt(b),
    apply(b, 1, sum), b[], b[2, ], b[b > 1], b[[3]], length(b), as.vector(b), is.numeric(b),
    is.matrix(b), head(b, 2), rev(b), summary(b), quantile(b), which(b == 1), ifelse(b > 0, 1, 0),
    tabulate(b), seq_along(b), duplicated(b), factor(b), cbind(b, 1L), c(b), diff(b),
    tapply(b, b, length), do.call(max, list(b)), sapply(b, identity), cl_dice(b > 0, b > 0),
    cl_measure(b)$area_px, identical(as.matrix(b), b[]), 1L %in% b[],
    {
      b[1] <- 7L
      b
    },
    {
      b[b == 1] <- 0L
      b
    }
  )
  for (use in uses) {
    in_memory <- eval(use, list(b = labels))
    testthat::expect_identical(eval(use, list(b = one)), in_memory, label = deparse(use)[1])
  }
  # no method, and no empty answer: R of 4.3 or later asks for one
  inside <- tryCatch(one %in% 1L, error = function(e) conditionMessage(e))
  if (is.logical(inside)) inside <- identical(inside, labels %in% 1L)
  testthat::expect_true(isTRUE(inside) || grepl("requires vector arguments", inside))
}

test_that("labels too large for the object stay in files, and are read one at a time", {
  need_python()
  home <- tempfile("home")
  Sys.setenv(R_USER_DATA_DIR = home)
  old <- options(cytoloom.keep_mb = 0.3)
  on.exit({
    Sys.unsetenv("R_USER_DATA_DIR")
    options(old)
  })
  expect_message(
    found <- predict(tiny_model(), some_images(), rescale = NULL, progress = FALSE),
    "Labels of 2 images are too large to be kept in the object; they stay in .* until you delete it"
  )
  expect_true(all(file.exists(found$files$labels)))
  expect_match(found$files$labels, "R/cytoloom")
  expect_lt(as.numeric(object.size(unclass(found)[1:2])), 1e4)
  expect_identical(lapply(found, identity), as.list(some_found()))
  expect_identical(Map(max, found), Map(max, some_found()))
  for (one in found) {
    expect_s3_class(one, "cl_labels")
    expect_output(print(one), "<labels in .*tif>")
  }
  expect_identical(as.matrix(one), some_found()$right)
  expect_identical(one > 0, some_found()$right > 0)
  expect_identical(!one, !some_found()$right)
  expect_identical(one[1:3, 2], some_found()$right[1:3, 2])
  expect_identical(max(one), max(some_found()$right))
  expect_identical(dim(one), c(256L, 256L))
  expect_output(str(one), "labels in")
  as_in_memory(one, some_found()$right)
  unlink(home, recursive = TRUE)
  expect_error(found[["left"]], "are gone")
})

test_that("labels in files are those of their own run, or as somebody has corrected them", {
  need_python()
  old <- options(cytoloom.keep_mb = 0.001)
  on.exit(options(old))
  out <- tempfile("results")
  run <- function(images, ...) {
    suppressWarnings(predict(
      bundled_model(), images, rescale = NULL, pixel_size_um = 0.5, out = out, progress = FALSE, ...
    ))
  }
  images <- lapply(c(a = 1, b = 2), function(seed) {
    cl_simulate(shape = c(64, 64), count = 6, seed = seed)$image
  })
  found <- run(images)
  again <- cl_results(out)
  table <- cl_measure(found, progress = FALSE)
  expect_identical(cl_measure(again, progress = FALSE), table)
  expect_identical(table$object, found$objects$object)
  expect_equal(table$area_um2, table$area_px / 4)
  cl_write_labels(matrix(0:1, 64, 64), found$files$labels[1], overwrite = TRUE)
  expect_identical(max(found[["a"]]), 1L)
  cl_write_labels(found[["b"]], found$files$labels[1], overwrite = TRUE)
  file.remove(file.path(out, ".written.sha256"))
  for (one in list(found, again, found[1])) {
    expect_error(one[["a"]], "Invalid `labels`.*which another run wrote since.*cl_results()")
    expect_error(cl_measure(one, progress = FALSE), "which another run wrote since")
    expect_error(as.matrix(unclass(one)[[1]]), "which another run wrote since")
  }
  expect_identical(max(found[["b"]]), max(again[["b"]]))
})

test_that("results are opened again, whoever wrote them", {
  need_python()
  out <- tempfile("results")
  made <- predict(tiny_model(), some_images(), rescale = NULL, out = out, progress = FALSE)
  again <- cl_results(out)
  expect_identical(as.list(again), as.list(made))
  expect_identical(again$objects, made$objects)
  expect_identical(again$files, made$files)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_identical(plot(again, "left"), again)
  expect_identical(plot(again, "left", images = some_images()), again)
  expect_error(cl_results(tempdir()), "Expected a folder that a prediction has written, with files")
  unlink(file.path(out, "labels", "left.tif"))
  expect_warning(
    expect_error(cl_results(out), "left.tif are gone"), "1 file of the prediction no longer there"
  )
})

test_that("an image that failed is in the table, not in the list, and says why", {
  need_python()
  folder <- tempfile("mixed")
  dir.create(folder)
  file.copy(list.files(file.path(test_folder(), "images"), full.names = TRUE), folder)
  writeBin(as.raw(1:100), file.path(folder, "broken.tif"))
  expect_warning(
    found <- predict(tiny_model(), folder, rescale = NULL, progress = FALSE), "broken.tif"
  )
  expect_identical(found$files$status == "ok", c(FALSE, TRUE, TRUE))
  expect_identical(names(found), found$files$image[-1])
  expect_error(found[["broken"]], "broken has no labels")
  expect_output(print(found), "failed: broken")
  expect_identical(found[2]$files$image, names(found)[2])
  # a condition on the table of files, which has a row for each image that was given
  for (name in names(found)) expect_named(found[found$files$image == name], name)
  expect_identical(names(found[c(TRUE, FALSE)]), names(found)[1])
  expect_identical(found$files$objects[1], NA_integer_)
  expect_identical(summary(found)$objects, found$files$objects)
  expect_identical(generics::glance(found)$objects, nrow(found$objects))
  expect_match(format(found), counted(nrow(found$objects), "object"), fixed = TRUE)
  both <- c(p1 = found, p2 = found)
  expect_identical(both$files$image, paste0(rep(c("p1.", "p2."), each = 3), found$files$image))
  expect_error(both[["p2.broken"]], "p2.broken has no labels")
  both$objects <- both$objects[0, ]
  expect_identical(both$files$objects, rep(c(NA, 0L, 0L), 2))
})

test_that("how far to trust what was found is told of each image", {
  need_python()
  found <- predict(
    cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom")),
    list(a = cl_simulate(seed = 101)$image, b = cl_simulate(seed = 102)$image),
    progress = FALSE
  )
  told <- found$summary
  expect_identical(told$image, c("a", "b"))
  expect_identical(told$count, found$files$objects)
  expect_true(is.integer(told$count_low) && all(told$count_low <= told$count_high))
  expect_true(all(told$count_low <= 40 & told$count_high >= 40)) # as many were drawn
  expect_true(all(told$predicted_dice > 0.9 & told$unlikeness < 1))
  expect_identical(told$flags, c(NA_character_, NA))
  expect_true(all(found$objects$probability > 0.5 & found$objects$probability <= 1))
  expect_identical(summary(found)[c("count_low", "count_high")], told[c("count_low", "count_high")])
  both <- c(x = found["a"], y = found["b"])
  expect_identical(both$summary$image, c("x.a", "y.b"))
  both$summary <- transform(both$summary, flags = "seen")
  expect_identical(both$summary$flags, c("seen", "seen"))
  expect_error(both$summary <- both$summary[1, ], "a row for each image, in their order")
})

test_that("a model draws how often what it said is so", {
  need_python()
  model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  drawn <- graphics::par("mfrow")
  expect_invisible(plot(model, metric = "reliability"))
  expect_identical(graphics::par("mfrow"), drawn)
  expect_match(summary(model)[["calibration"]], "pixels off by .*, objects off by ")
  expect_match(summary(model)[["counts"]], "with intervals that hold 90%, fitted to .* held out")
  model$info$training$reliability <- NULL
  expect_error(plot(model, metric = "reliability"), "Too few images were held out")
})
