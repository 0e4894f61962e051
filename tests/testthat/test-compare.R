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
})
