test_that("settings of deepflash2 become a trainer, and what else they say is said once", {
  need_python()
  file <- tempfile(fileext = ".json")
  writeLines('{"n_epochs": 25, "batch_size": 5, "tile_shape": 64, "random_state": 7}', file)
  said <- capture_warnings(trainer <- cl_trainer_from_deepflash2(file))
  expect_length(said, 1)
  expect_match(said, 'folds = 5, seed = 7 and task = "binary" to cl_train()', fixed = TRUE)
  expect_s3_class(trainer, "cl_trainer")
  expect_identical(names(trainer), names(cl_trainer()))
  expect_equal(trainer[c("iterations", "batch_size")], list(iterations = 2000, batch_size = 5),
    ignore_attr = TRUE
  )
  expect_s3_class(trainer$augment, "cl_augment")
  expect_equal(trainer$augment$gamma_range, c(0.8, 1.2))
  writeLines('{"batch_size": "4"}', file)
  expect_error(cl_trainer_from_deepflash2(file), "`batch_size in .*Expected a number, 0 or more")
  expect_error(cl_trainer_from_deepflash2(3), "`path`. Expected a path")
})
