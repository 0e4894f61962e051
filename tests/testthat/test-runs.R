test_that("runs are trained, listed, shown, compared and removed", {
  need_python()
  store <- tempfile("runs")
  grid <- cl_grid(cl_data_split(train_folder(), test = test_folder()),
    network = list(tiny = cl_unet(filters = 4, depth = 2)),
    trainer = list(quick = cl_trainer(iterations = 2, batch_size = 1, patch_px = 32)),
    seed = 3
  )
  expect_output(print(grid), "1 data x 1 network x 1 task x 1 trainer, 1 repetition$")
  started <- suppressWarnings(cl_run_start(grid, store = store, progress = FALSE))
  expect_s3_class(started, "data.frame")
  expect_identical(started$status, "done")
  name <- started$run
  expect_match(name, "[.]tiny[.]instances[.]quick[.]seed3$")
  # the same from any face, and once only
  expect_equal(cl_runs(store = store, progress = FALSE), started)
  resumed <- cl_run_resume(name, store = store, progress = FALSE)
  expect_identical(resumed$minutes, started$minutes)
  found <- cl_run_show(name, store = store, progress = FALSE)
  expect_identical(found$parts$name[2:4], c("tiny", "instances", "quick"))
  expect_output(print(found), "network tiny\n  name: UNet\n  filters: 4")
  at <- found$history$set == "validation" & found$history$metric == "loss"
  best <- found$best$value[found$best$set == "validation" & found$best$metric == "loss"]
  expect_identical(best, min(found$history$value[at]))
  compared <- cl_run_compare(store = store, progress = FALSE)
  expect_identical(compared$summary$n, rep(1L, nrow(compared$summary)))
  expect_equal(compared$summary$value[compared$summary$metric == "ap50"], started$score)
  grDevices::pdf(NULL)
  plot(compared)
  plot(found)
  grDevices::dev.off()
  expect_identical(cl_run_remove(name, store = store, progress = FALSE), name)
  expect_identical(nrow(cl_runs(store = store, progress = FALSE)), 0L)
})

test_that("numbers of runs that say nothing are refused where the grid is made", {
  expect_error(cl_grid("d", repetitions = 0), "Invalid `repetitions`. .* 1 or more. Received: 0.")
  expect_error(cl_grid("d", repetitions = "x"), "Invalid `repetitions`")
  expect_error(cl_grid("d", seed = -1), "Invalid `seed`. .* 0 or more. Received: -1.")
  expect_error(cl_grid("d", members = 0), "Invalid `members`. .* 1 or more. Received: 0.")
  expect_error(cl_grid("d", members = 1.5), "Invalid `members`")
  expect_error(cl_grid("d", folds = 3), "Invalid `folds`. Expected no fewer than members")
  expect_error(cl_grid("d", members = 3, folds = 2), "Invalid `folds`")
  expect_s3_class(cl_grid("d", members = 2, folds = 3), "cl_grid")
})

test_that("a file of runs is read, and what is wrong with one is said in words of R", {
  need_python()
  file <- tempfile(fileext = ".yaml")
  writeLines(c("data: nowhere", "network: {small: {filters: 0}}"), file)
  said <- "network small, filters`. Expected a whole number, 1 or more. Received: 0."
  expect_error(cl_run_start(file, store = tempfile(), progress = FALSE), said)
  writeLines("data: nowhere", file)
  store <- tempfile("runs")
  said <- "Invalid `data`. Expected a folder or file that is there. Received: nowhere."
  expect_error(cl_run_start(file, store = store, progress = FALSE), said)
  expect_error(cl_run_compare(store = store, progress = FALSE), "Expected runs that are done")
  expect_error(cl_run_show("other", store = store, progress = FALSE), "Invalid `run`.")
})

test_that("the settings of data are those of Python", {
  need_python()
  ours <- names(formals(cl_data_split))
  theirs <- call_python("plain", value = cl_data_split("a"))
  expect_identical(c("name", ours), names(theirs))
  expect_identical(theirs$validation, 0.2)
  split <- cl_data_split("a", also = c("b", "c"), weights = c(2, 1, 1), object_classes = "d.csv")
  theirs <- call_python("plain", value = split)
  expect_identical(basename(unlist(theirs$also)), c("b", "c"))
  expect_identical(as.numeric(unlist(theirs$weights)), c(2, 1, 1))
  expect_identical(basename(theirs$object_classes), "d.csv")
  expect_error(cl_data_split("a", also = 3), "Invalid `also`")
})

test_that("a model is trained again, and the weights are equal", {
  need_python()
  found <- suppressWarnings(cl_rerun(tiny_model(), train_folder(), progress = FALSE))
  expect_true(found$equal)
  expect_identical(found$difference, 0)
  expect_identical(nrow(found$changed), 0L)
  expect_output(print(found), "The weights are equal to the last bit.")
  expect_error(cl_rerun(tiny_model(), progress = FALSE), "Invalid `data`. Expected the images")
})
