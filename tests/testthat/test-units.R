# Intensities are in the units of what was passed, whatever the network is shown.

test_that("views are averaged, in labels, scores and probabilities", {
  need_python()
  image <- cl_simulate(seed = 2)$image
  one <- predict(bundled_model(), image, type = "prob")
  several <- predict(bundled_model(), image, type = "prob", views = 4)
  expect_false(identical(one, several))
  turned <- predict(bundled_model(), image[rev(seq_len(nrow(image))), ], type = "prob", views = 4)
  expect_lt(max(abs(several - turned[rev(seq_len(nrow(image))), , ])), 0.02)
  expect_error(predict(bundled_model(), image, views = 3), "Invalid `views`. Expected 1, 4 or 8")
  expect_error(predict(bundled_model(), image, type = "prob", views = "x"), "a whole number")
})

test_that("intensities of predict() are those of cl_measure(), in the units of the values", {
  need_python()
  whole <- plate()$images[c("A01", "A02")]
  shares <- lapply(whole, `/`, 65535)
  hole <- shares
  place <- which(plate_found()$A01 > 0, arr.ind = TRUE)[1, , drop = FALSE]
  hole$A01[place] <- NaN
  odd <- shares
  odd$A01[1, 1] <- 1.5
  of <- function(images) {
    told <- suppressWarnings(predict(bundled_model(), images, progress = FALSE))
    measured <- cl_measure(told, images, progress = FALSE)
    expect_identical(told$objects$mean_intensity_0, measured$mean_intensity_0)
    range(told$objects$mean_intensity_0[told$objects$image == "A02"])
  }
  expected <- of(whole)
  expect_gt(expected[1], 100)
  for (images in list(shares, hole)) expect_equal(of(images) * 65535, expected)
  expect_lt(of(odd)[2], 1)
  # they also look unlike those of the training
  suppressWarnings(expect_warning(
    predict(bundled_model(), odd, progress = FALSE),
    "A01, A02: taken as they are .*A01 has 1.5.*attr\\(image, \"dtype\"\\) <- \"float32\""
  ))
})

test_that("an image without a number is refused, alone and among others", {
  need_python()
  for (value in c(NaN, Inf)) {
    nothing <- matrix(value, 96, 96)
    expect_error(predict(bundled_model(), nothing, progress = FALSE), "pixels that are numbers")
    expect_error(predict(bundled_model(), nothing, type = "prob"), "pixels that are numbers")
    images <- list(none = nothing, some = plate()$images$A01)
    expect_warning(
      found <- predict(bundled_model(), images, progress = FALSE), "NaN or infinite values alone"
    )
    expect_identical(found$files$objects, c(NA, 6L))
  }
})
