some_found <- function() {
  once("found", predict(tiny_model(), some_images(), rescale = NULL, progress = FALSE))
}

some_scores <- function() {
  once("scores", evaluate(tiny_model(), test_folder(), progress = FALSE))
}

some_consensus <- function() {
  masks <- lapply(some_images(), function(image) image > 1000)
  once("consensus", cl_consensus(list(anna = masks, ben = masks), progress = FALSE))
}

test_that("base R takes results for their tables", {
  need_python()
  found <- some_found()
  expect_identical(as.data.frame(found), found$objects)
  expect_identical(data.frame(found), found$objects)
  expect_identical(data.frame(some_scores()), data.frame(some_scores()$per_image))
  file <- tempfile(fileext = ".csv")
  write.csv(found, file, row.names = FALSE)
  expect_identical(nrow(read.csv(file)), nrow(found$objects))
  plates <- data.frame(image = c("left", "right"), treatment = c("none", "drug"))
  expect_identical(sort(unique(merge(found, plates)$treatment)), c("drug", "none"))
  expect_identical(nrow(aggregate(area_px ~ image, found, median)), 2L)
  expect_s3_class(lm(area_px ~ image, found), "lm")
})

test_that("limits are numbers, and a class that is not there is NA", {
  need_python()
  expect_type(some_found()$files$low, "double")
  expect_true(all(some_found()$files$low < some_found()$files$high))
  expect_identical(as_numbers(c("1", "", "2.5")), c(1, NA, 2.5))
  expect_identical(as_numbers(c("1 3", "", "2 -4")), rbind(c(1, 3), c(NA, NA), c(2, -4)))
  expect_identical(as_numbers(character(0)), numeric(0))
  expect_identical(unique(some_found()$objects$class), NA_character_)
})

test_that("str, format and summary of every class are short", {
  need_python()
  some <- list(
    some_found(), some_scores(), tiny_model(), cl_data(some_images(), some_images()),
    cl_check(test_folder()), cl_info(tiny_model()), cl_doctor(), cl_unet(), cl_trainer(),
    cl_plan(train_folder(), minutes = 1), some_consensus(), summary(tiny_model())
  )
  for (one in some) {
    told <- capture.output(str(one))
    expect_lt(length(told), 30)
    expect_lt(max(nchar(told)), 200)
    expect_lt(length(capture.output(print(summary(one)))), 40)
  }
  for (one in some[-length(some)]) expect_match(format(one), "^<cl_.*>")
  expect_output(print(some_found()), "objects? in 2 images\n.*found\\[\\[1\\]\\]")
  expect_output(print(some_found()["left"]), "in 1 image\n")
})

test_that("what goes with the session shows no path of it", {
  need_python()
  model <- suppressWarnings(suppressMessages(cl_train(
    train_folder(),
    network = cl_unet(filters = 4, depth = 2),
    trainer = cl_trainer(iterations = 1, batch_size = 1, patch_px = 32), progress = FALSE
  )))
  shown <- capture.output(print(model), print(summary(model)), str(model), print(some_found()))
  expect_false(any(grepl(basename(tempdir()), shown[!grepl("$ path", shown, fixed = TRUE)])))
})

test_that("tidy and glance are broom's", {
  need_python()
  told <- generics::tidy(some_scores())
  expect_identical(names(told), c("term", "estimate", "conf.low", "conf.high", "n"))
  expect_identical(told$estimate, some_scores()$summary$value)
  expect_identical(dim(generics::glance(some_scores())), c(1L, 1L + nrow(told)))
  expect_identical(generics::glance(some_found())$images, 2L)
  expect_identical(generics::tidy(some_found()), some_found()$objects)
  expect_identical(generics::glance(tiny_model())$iterations, 2L)
  expect_identical(nrow(generics::glance(tiny_model())), 1L)
  expect_identical(generics::tidy(tiny_model()), as.data.frame(tiny_model()))
})

test_that("tibble and dplyr take results for their tables", {
  need_python()
  skip_if_not_installed("dplyr")
  found <- some_found()
  expect_s3_class(tibble::as_tibble(found), "tbl_df")
  expect_identical(as.data.frame(tibble::as_tibble(some_scores())), some_scores()$per_image)
  expect_identical(nrow(tibble::as_tibble(tiny_model())), nrow(as.data.frame(tiny_model())))
  plates <- tibble::tibble(image = c("left", "right"), treatment = c("none", "drug"))
  joined <- dplyr::left_join(found, plates, by = "image")
  expect_identical(nrow(joined), nrow(found$objects))
  big <- dplyr::filter(found, area_px > 50)
  expect_identical(nrow(big), sum(found$objects$area_px > 50))
  per_image <- dplyr::summarise(dplyr::group_by(found, image), n = dplyr::n())
  expect_identical(per_image$n, found$files$objects)
  expect_identical(dplyr::pull(some_scores(), image), some_scores()$per_image$image)
  expect_identical(dplyr::count(found, image)$n, found$files$objects)
})

test_that("ggplot and autoplot draw results", {
  need_python()
  skip_if_not_installed("ggplot2")
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  drawn <- list(
    ggplot2::ggplot(some_found(), ggplot2::aes(area_px, mean_intensity_0)) + ggplot2::geom_point(),
    ggplot2::autoplot(some_found(), 2), ggplot2::autoplot(some_scores()),
    ggplot2::autoplot(some_consensus(), metric = "iou"),
    ggplot2::autoplot(tiny_model()), ggplot2::autoplot(tiny_model(), metric = "loss")
  )
  for (one in drawn) expect_s3_class(print(one), "ggplot")
  expect_error(ggplot2::autoplot(some_scores(), metric = "dise"), "one or more of ap50")
})

test_that("names of files are cut in their middle where the picture ends", {
  grDevices::pdf(NULL, width = 3)
  on.exit(grDevices::dev.off())
  graphics::plot.new()
  long <- paste0("plate_0001_", strrep("well_", 60), "w2")
  expect_identical(fit_figure("short", 0.9), "short")
  expect_match(fit_figure(long, 0.9), "^plate_0.*\\.\\.\\..*w2$")
  expect_lt(strwidth(fit_figure(long, 0.9), "inches", cex = 0.9, font = 2), 3)
})

test_that("objects joined to several rows each are counted once, and the rows are said", {
  need_python()
  found <- plate_found()
  medians <- summary(found)$median_area_px
  found$objects <- merge(found$objects, data.frame(image = rep(names(found), 2), day = 1:6))
  expect_identical(nrow(found$objects), 36L)
  expect_identical(found$files$objects, plate_found()$files$objects)
  expect_output(print(found), "18 objects in 3 images.*found\\$objects \\(36 rows\\)")
  expect_identical(summary(found)$median_area_px, medians)
  expect_identical(generics::glance(found), generics::glance(plate_found()))
  found$objects <- found$objects[found$objects$image == "A01", ]
  expect_output(print(found), "6 objects in 3 images.*\\(12 rows\\)")
})
