# Two objects, of which the first is live and the second dead; named by `name`.
two_cells <- function(name = "a") {
  labels <- matrix(0, 40, 40)
  labels[5:18, 5:35] <- 1
  labels[24:36, 5:35] <- 2
  image <- labels * 40 + matrix(seq_len(1600) %% 7, 40, 40)
  list(images = stats::setNames(list(image), name), labels = stats::setNames(list(labels), name))
}
rows <- data.frame(image = "a", object = c(1, 2), class = c("live", "dead"))
task <- cl_instances(classes = c("live", "dead"))

test_that("a table says which class each object has", {
  need_python()
  cells <- two_cells()
  report <- cl_check(cl_data(cells$images, cells$labels, object_classes = rows), task)
  expect_true(report$ok)
  expect_match(report$text, "objects by class: 1 live, 1 dead", fixed = TRUE)
  file <- tempfile(fileext = ".csv")
  utils::write.csv(rows, file, row.names = FALSE)
  by_file <- cl_check(cl_data(cells$images, cells$labels, object_classes = file), task)
  expect_match(by_file$text, "1 live, 1 dead")
  # a single row, and objects without a class
  one <- cl_check(cl_data(cells$images, cells$labels, object_classes = rows[1, ]), task)
  expect_match(one$text, "no object is of class dead")
  none <- cl_check(cl_data(cells$images, cells$labels), task)
  expect_false(none$ok)
  expect_match(none$text, "no object has a class")
  expect_match(none$text, "cl_data(folder, object_classes = )", fixed = TRUE)
})

test_that("what is no table of classes is told where it is given", {
  cells <- two_cells()
  expect_error(
    cl_data(cells$images, cells$labels, object_classes = rows["class"]),
    "Invalid `object_classes`. Expected a path, or a data frame with columns image, object, class"
  )
  expect_error(cl_instances(classes = "live"), "2 to 255 different names")
})

test_that("tables have the class of each object, and scores those of each class", {
  need_python()
  cells <- two_cells()
  data <- cl_data(cells$images, cells$labels, object_classes = rows)
  # of a training of two steps it is said that it is of no use
  model <- suppressWarnings(cl_train(data,
    task = task, network = cl_unet(filters = 8, depth = 1), validation = data,
    trainer = cl_trainer(iterations = 2, batch_size = 1, patch_px = 32), progress = FALSE
  ))
  scores <- evaluate(model, data, allow_training_images = TRUE, progress = FALSE, rescale = NULL)
  names <- c("ap50_live", "ap50_dead", "ap50_by_class", "class_accuracy")
  expect_true(all(names %in% scores$summary$metric))
  expect_true(all(c("class_truth", "class_found") %in% names(scores$per_object)))
  expect_named(scores$confusion, c("class_truth", "class_found", "objects"))
  expect_identical(sum(scores$confusion$objects), nrow(scores$per_object))
  found <- predict(model, cells$images, progress = FALSE, rescale = NULL)
  expect_identical(
    names(found$objects)[1:4], c("image", "object", "class", "class_probability")
  )
  # the same table as Python writes it
  out <- tempfile("found")
  written <- predict(model, cells$images, out = out, progress = FALSE, rescale = NULL)
  table <- utils::read.csv(file.path(out, "objects.csv"))
  expect_identical(table$class, as.character(written$objects$class))
  expect_equal(table$class_probability, written$objects$class_probability)
})
