test_that("a simulated movie holds images, labels and who is whose mother", {
  need_python()
  movie <- cl_simulate(
    kind = "culture", frames = 4, shape = c(64, 96), count = 4, division_rate = 0.1, seed = 2
  )
  expect_identical(dim(movie$images), c(4L, 64L, 96L))
  expect_identical(dim(movie$labels), c(4L, 64L, 96L))
  first <- movie$positions$frame == 0
  expect_setequal(movie$positions$object[first], setdiff(movie$labels[1, , ], 0))
  expect_true(all(movie$links$frame_to == movie$links$frame_from + 1))
  expect_named(movie$tracks, c("label", "begin", "end", "parent"))
  expect_equal(unlist(movie$spacing_um), c(0.5, 0.5))
})
