test_that("outlines are the object pixels with another label beside them", {
  labels <- rbind(
    c(0, 0, 0, 0, 0),
    c(0, 1, 1, 1, 0),
    c(0, 1, 1, 1, 2),
    c(0, 1, 1, 1, 2)
  )
  expect_identical(outlines(labels) * 1, rbind(
    c(0, 0, 0, 0, 0),
    c(0, 1, 1, 1, 0),
    c(0, 1, 0, 1, 1),
    c(0, 1, 0, 1, 1)
  ))
})

test_that("one channel is grey, two magenta and green, three red, green and blue", {
  low_high <- function(...) array(c(...), c(1, 2, length(c(...)) / 2))
  expect_identical(as_colours(low_high(0, 9)), matrix(c("#000000", "#FFFFFF"), 1))
  expect_identical(as_colours(low_high(0, 9, 9, 0)), matrix(c("#00FF00", "#FF00FF"), 1))
  expect_identical(as_colours(low_high(0, 9, 9, 0, 0, 9)), matrix(c("#00FF00", "#FF00FF"), 1))
})

test_that("a stack shows its middle slice", {
  stack <- array(0, c(3, 2, 2))
  stack[2, , ] <- 1:4
  expect_identical(flat(stack, 2), matrix(as.double(1:4), 2))
})

test_that("every plot draws and leaves the settings of graphics as they were", {
  need_python()
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  before <- graphics::par(c("mfrow", "mar", "oma"))
  images <- file.path(test_folder(), "images")
  found <- predict(tiny_model(), images, rescale = NULL, progress = FALSE)
  scores <- evaluate(tiny_model(), test_folder(), progress = FALSE)
  expect_identical(plot(tiny_model()), tiny_model())
  expect_identical(plot(found, 2), found)
  expect_identical(plot(scores, n = 1, metric = "dice"), scores)
  expect_identical(graphics::par(c("mfrow", "mar", "oma")), before)
  agreed <- cl_consensus(list(diag(2), diag(2)), progress = FALSE)
  expect_identical(plot(agreed, main = "a", xlab = "b", col = "red", ylim = c(0.5, 1)), agreed)
  expect_identical(plot(scores, n = 1, main = "a"), scores)
  expect_identical(plot(tiny_model(), xlab = "a", col = 3:4, lwd = 1, main = "b"), tiny_model())
  plot(found, 1, xlim = c(0, 10), asp = NA, main = "mine", axes = TRUE, xlab = "x (px)")
  expect_equal(graphics::par("usr")[1:2], c(0, 10))
  expect_error(plot(scores, metric = "dise"), "Invalid `metric`")
  expect_error(plot(scores, n = 1.5), "Expected a whole number, 1 or more. Received: 1.5")
  expect_error(plot(found, 3), "Expected a number up to 2")
})

test_that("the worst images are in the upper row", {
  expect_identical(lapply(1:4, worst_above), list(c(1, 1), c(1, 2), c(2, 2), c(2, 2)))
  expect_identical(worst_above(6), c(2, 3))
})

test_that("a colour of the user's is none of ours in pictures", {
  need_python()
  found <- predict(tiny_model(), some_images(), rescale = NULL, progress = FALSE)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_invisible(plot(found, 1, col = "red"))
})
