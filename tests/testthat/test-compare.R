test_that("a comparison says which model is better, and holds the tables", {
  need_python()
  images <- plate()$images
  found <- cl_compare(bundled_model(), tiny_model(), cl_data(images, plate()$labels),
    rescale = NULL, progress = FALSE
  )
  expect_s3_class(found, "cl_comparison")
  columns <- c("metric", "a", "b", "difference", "low", "high", "n", "better")
  expect_named(found$summary, columns)
  scores <- evaluate(bundled_model(), cl_data(images, plate()$labels),
    rescale = NULL, progress = FALSE
  )
  expect_equal(found$summary$a[1], scores$summary$value[1])
  # of 3 images on which all differences are 1 little is promised; those of Dice differ
  better <- stats::setNames(found$summary$better, found$summary$metric)
  expect_identical(better[["dice"]], "a is better")
  expect_identical(better[["ap50"]], "no difference shown")
  said <- "^No difference shown between a \\(simulated.cytoloom\\) and b .* a - b 1.000 "
  expect_output(print(found), said)
  expect_identical(as.data.frame(found), found$per_image)
  expect_setequal(found$per_image$image, names(images))
  expect_identical(generics::tidy(found)$estimate, found$summary$difference)
  expect_identical(generics::glance(found)$metric, found$metric)
})

test_that("a comparison names the model that is none", {
  need_python()
  data <- cl_data(plate()$images, plate()$labels)
  expect_error(cl_compare(bundled_model(), "nowhere", data), "Invalid `model_b`. Expected a model")
  expect_error(cl_compare(tiny_model(), tiny_model(), data), "than `model_a`. Received: the same")
})

test_that("models are ranked without labels, by their names", {
  need_python()
  models <- list(tiny = tiny_model(), trained = bundled_model())
  found <- cl_rank(models, plate()$images, rescale = NULL, progress = FALSE)
  expect_s3_class(found, "cl_ranking")
  columns <- c("rank", "model", "consistency", "low", "high", "objects", "words")
  expect_named(found$ranking, columns)
  expect_identical(found$ranking$model[1], "trained")
  expect_output(print(found), "^trained is most consistent: ap50 ")
  expect_identical(as.data.frame(found), found$ranking)
  expect_setequal(found$per_image$image, names(plate()$images))
  expect_identical(generics::tidy(found)$term, found$ranking$model)
  expect_identical(generics::glance(found)$model, "trained")
  expect_error(cl_rank(bundled_model(), plate()$images), "a list of two models or more")
  out <- tempfile()
  again <- cl_rank(models, plate()$images, rescale = NULL, axes = "yx", out = out, progress = FALSE)
  expect_identical(again$ranking, found$ranking)
  expect_equal(utils::read.csv(file.path(out, "ranking.csv"))$model, found$ranking$model)
})
