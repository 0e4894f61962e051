test_that("an ensemble is trained, predicts, and is scored by what its members had not seen", {
  need_python()
  model <- suppressWarnings(cl_train(
    train_folder(),
    members = 2,
    network = cl_unet(filters = 4, depth = 1),
    trainer = cl_trainer(iterations = 2, batch_size = 1, patch_px = 32, augment = NULL),
    progress = FALSE
  ))
  expect_output(print(summary(model)), "2 members")
  expect_setequal(as.data.frame(model)$member, 1:2)
  expect_length(predict(model, some_images(), rescale = NULL, progress = FALSE), 2)
  whole <- generics::glance(model)
  expect_identical(c(whole$images, whole$iterations), c(3L, 4L))
  scores <- evaluate(model, progress = FALSE)
  said <- model$info$training$scores$dice
  expect_equal(scores$summary$value[scores$summary$metric == "dice"], said)
  expect_error(evaluate(model, rescale = 2, progress = FALSE), "`rescale`.*without images")
  expect_identical(nrow(scores$per_image), 3L)
  expect_true(suppressWarnings(cl_rerun(model, train_folder(), progress = FALSE))$equal)
  expect_error(plot(scores), "which they do not keep")
  expect_error(evaluate(tiny_model(), progress = FALSE), "members = 5")
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_silent(plot(model))
  skip_if_not_installed("ggplot2")
  drawn <- ggplot2::autoplot(model)
  expect_silent(print(drawn))
  curves <- unique(ggplot2::layer_data(drawn)[c("colour", "linetype")])
  expect_identical(nrow(curves), 4L)
  expect_length(unique(curves$colour), 2)
})

test_that("numbers of members and folds that say nothing are refused", {
  need_python()
  expect_error(cl_train(train_folder(), members = 0), "`members`. Expected 1 or more")
  expect_error(cl_train(train_folder(), members = 3, folds = 2), "`folds`. Expected no fewer")
  expect_error(cl_train(train_folder(), members = "two"), "`members`")
})
