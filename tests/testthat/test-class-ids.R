test_that("ids of labels are put together to classes", {
  need_python()
  image <- matrix(0:15, 4)
  labels <- matrix(c(0L, 3L, 5L, 7L), 4, 4)
  data <- cl_data(list(image), list(labels), class_ids = list(mito = 3:5, er = 7))
  expect_output(print(data), "class_ids +mito, er")
  checked <- cl_check(data, cl_classes(c("background", "mito", "er")), progress = FALSE)
  expect_true(checked$ok)
  expect_identical(as.integer(checked$table$values), 2L)
  expect_match(checked$text, "mito \\(1\\) of 3 ids, er \\(2\\) of 1 id")
  expect_error(cl_data(list(image), list(labels), class_ids = c(3, 4)), "^Invalid `class_ids`")
  split <- cl_data_split("a", class_ids = list(mito = 3:5, er = 7))
  back <- as_component(call_python("plain", value = split))$class_ids
  expect_identical(lapply(back, as.integer), list(mito = 3:5, er = 7L))
})

test_that("crops in folders are data, and their mask hides labels", {
  need_python()
  folder <- file.path(tempfile(), "train", "a")
  dir.create(folder, recursive = TRUE)
  made <- cl_simulate(shape = c(64, 64), count = 8, seed = 1)
  cl_write_labels(made$image, file.path(folder, "raw.tif"))
  cl_write_labels(made$labels, file.path(folder, "labels.tif"))
  cl_write_labels((row(made$labels) > 32) * 1L, file.path(folder, "mask.tif"))
  checked <- cl_check(dirname(dirname(folder)), progress = FALSE)
  expect_true(checked$ok)
  expect_match(checked$text, "1 crop \\(raw, labels, mask\\): 1 of train")
  expect_equal(checked$table$foreground, round(mean(made$labels[33:64, ] > 0), 4))
})

test_that("several data sets are one, with weights", {
  need_python()
  sets <- vapply(1:2, function(k) cl_simulate(tempfile("set"), images = k, seed = k), "")
  data <- cl_data(sets[1], also = sets[2], weights = c(3, 1))
  expect_output(print(data), "weights +3, 1")
  checked <- cl_check(data, progress = FALSE)
  expect_identical(nrow(checked$table), 3L)
  expect_match(checked$text, "2 data sets; of the patches of training: .* 75%, .* 25%")
  other <- cl_data(sets[1], also = list(cl_data(sets[2])))
  expect_identical(cl_check(other, progress = FALSE)$table$image, checked$table$image)
  expect_error(
    cl_check(cl_data(sets[1], also = sets[2], weights = 1:3), progress = FALSE),
    "Invalid `weights`. Expected 2 numbers above 0"
  )
})
