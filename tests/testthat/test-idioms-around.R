# What R users do around cytoloom: other processes, documents, errors: idioms 41 to 50.

test_that("41. saveRDS() and readRDS() in another process bring results, without Python", {
  need_python()
  file <- tempfile(fileext = ".rds")
  saveRDS(list(plate_found(), evaluate_plate()), file)
  said <- fresh_r(sprintf(
    "results <- readRDS(%s)
    library(cytoloom)
    found <- results[[1]]
    print(found['A01'])
    print(nrow(dplyr::filter(found, image == 'B01')))
    print(dim(as.data.frame(results[[2]])))
    stopifnot(!reticulate::py_available())", deparse(file)
  ))
  expect_match(said, "^<cl_found> 6 objects in 1 image$", all = FALSE)
  expect_identical(tail(said, 2), c("[1] 6", capture.output(dim(evaluate_plate()$per_image))))
})

# One process for all tests of workers: each starts a Python of its own.
worker <- function() {
  once("worker", {
    cluster <- parallel::makePSOCKcluster(1)
    parallel::clusterCall(cluster, function(paths) .libPaths(paths), .libPaths())
    cluster
  })
}

test_that("42. parLapply() predicts in workers, which take the model as it is", {
  need_python()
  model <- bundled_model()
  found <- parallel::parLapply(worker(), plate()$images[2:3], function(image, model) {
    library(cytoloom)
    predict(model, image, progress = FALSE)
  }, model = model)
  expect_identical(lapply(found, `[[`, 1), as.list(plate_found())[2:3])
  both <- do.call(c, found)
  expect_identical(both$files$image, c("A02.image", "B01.image"))
})

test_that("43. a future predicts in another process", {
  need_python()
  skip_if_not_installed("future")
  old <- future::plan(future::cluster, workers = worker())
  on.exit(future::plan(old))
  model <- bundled_model()
  image <- plate()$images$A01
  # future warns where there is a seed afterwards and was none before
  parallel::clusterEvalQ(worker(), rm(list = ".Random.seed", envir = globalenv()))
  promised <- future::future(predict(model, image, progress = FALSE), packages = "cytoloom")
  expect_no_warning(found <- future::value(promised))
  expect_identical(found[[1]], plate_found()$A01)
})

test_that("44. mclapply() works on what was found; predicting in it is refused with what to use", {
  skip_on_os("windows")
  need_python()
  found <- plate_found()
  expect_identical(parallel::mclapply(found, max, mc.cores = 2), lapply(found, max))
  bridge()
  said <- parallel::mclapply(1, function(i) {
    tryCatch(predict(bundled_model(), plate()$images), error = conditionMessage)
  })
  # with one core it is no fork
  expect_s3_class(said[[1]], "cl_found")
  said <- parallel::mclapply(1:2, function(i) {
    tryCatch(predict(bundled_model(), plate()$images), error = conditionMessage)
  }, mc.cores = 2)
  expect_match(said[[1]], "makeCluster() instead of mclapply(), future::plan(", fixed = TRUE)
})

rendered <- function(...) {
  dir.create(folder <- tempfile("document"))
  home <- setwd(folder)
  on.exit(setwd(home))
  writeLines(c(...), "document.Rmd")
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off(), add = TRUE)
  knitr::knit("document.Rmd", quiet = TRUE, envir = new.env())
  list(text = readLines("document.md"), figures = list.files("figure"))
}

test_that("45. a document shows results and figures, no progress and no temporary path", {
  need_python()
  skip_if_not_installed("knitr")
  skip_if_not_installed("ggplot2")
  shown <- rendered(
    "```{r}", "library(cytoloom)", "folder <- cl_simulate(tempfile(\"plate\"), images = 1)",
    "model <- cl_load(system.file(\"extdata\", \"simulated.cytoloom\", package = \"cytoloom\"))",
    "found <- predict(model, file.path(folder, \"images\"))", "found",
    "summary(found)", "str(found)",
    "cl_check(folder)", "cl_data(folder)", "evaluate(model, folder)", "model",
    "again <- predict(model, file.path(folder, \"images\"), out = tempfile())",
    "```", "", "`r nrow(found$objects)` objects", "",
    "```{r, results = \"asis\"}", "knitr::kable(summary(found))",
    "knitr::kable(head(found$objects))",
    "```", "", "```{r}", "plot(found)", "ggplot2::autoplot(found)", "```"
  )
  text <- shown$text
  expect_identical(grep("^## image [0-9]+/", text, value = TRUE), character())
  expect_match(text, "<cl_found> [0-9]+ objects in 1 image", all = FALSE)
  expect_match(text, "^[0-9]+ objects$", all = FALSE)
  expect_match(text, "^\\|image", all = FALSE)
  expect_length(shown$figures, 2)
  expect_identical(grep(basename(tempdir()), text, value = TRUE), character())
})

test_that("46. kable() takes scores, models and the tables of what was found", {
  need_python()
  skip_if_not_installed("knitr")
  expect_length(knitr::kable(plate_found()$objects), 18 + 2)
  expect_length(knitr::kable(summary(plate_found())), 3 + 2)
  expect_length(knitr::kable(evaluate_plate()), 3 + 2)
  expect_length(knitr::kable(bundled_model()), nrow(as.data.frame(bundled_model())) + 2)
})

test_that("47. errors are caught by their class, and say which argument it was", {
  need_python()
  caught <- tryCatch(
    predict(bundled_model(), "no such folder"),
    cytoloom_error = function(error) error
  )
  expect_identical(caught$argument, "images")
  expect_match(conditionMessage(caught), "no such folder")
  expect_s3_class(try(predict(bundled_model(), "none"), silent = TRUE), "try-error")
})

test_that("48. suppressMessages() silences progress, suppressWarnings() what is warned of", {
  need_python()
  expect_silent(suppressMessages(predict(bundled_model(), plate()$images, progress = TRUE)))
  flat <- matrix(0L, 64, 64)
  suppressWarnings( # it looks unlike those of the training, too
    expect_warning(predict(bundled_model(), flat, progress = FALSE), "one value everywhere")
  )
  expect_silent(suppressWarnings(predict(bundled_model(), flat, progress = FALSE)))
})

test_that("49. a loop over plates fills a list, and one table of all has their names", {
  need_python()
  results <- list()
  for (plate in c("p1", "p2")) {
    results[[plate]] <- predict(bundled_model(), plate()$images[1:2], progress = FALSE)
  }
  all <- do.call(c, results)
  expect_identical(nrow(all$objects), 24L)
  expect_identical(unique(sub("[.].*", "", all$objects$image)), c("p1", "p2"))
  tables <- do.call(rbind, lapply(results, as.data.frame))
  expect_identical(tables$area_px, all$objects$area_px)
})

test_that("50. models and scores answer str(), coef-like access and with() as lists do", {
  need_python()
  scores <- evaluate_plate()
  expect_named(unclass(scores), c("summary", "per_image", "per_object"), ignore.order = TRUE)
  expect_identical(with(scores, mean(dice)), mean(scores$per_image$dice))
  expect_identical(scores[["summary"]], scores$summary)
  expect_true(file.exists(bundled_model()$path))
  expect_true(is.list(bundled_model()$info))
  expect_identical(nrow(subset(bundled_model(), metric == "loss" & iteration > 1e6)), 0L)
})
