labels <- matrix(0L, 6, 8)
labels[1:4, 2:5] <- 3L
labels[2, 3] <- 0L
labels[6, 8] <- 3L
labels[5:6, 1:2] <- 9L

enclosed <- function(ring) {
  n <- nrow(ring)
  sum(ring$x[-n] * ring$y[-1] - ring$x[-1] * ring$y[-n]) / 2
}

test_that("outlines enclose exactly the pixels, holes less, in the coordinates of centroids", {
  need_python()
  outlines <- cl_outlines(labels)
  expect_identical(names(outlines), c("image", "object", "part", "ring", "x", "y"))
  rings <- split(outlines, outlines[c("object", "part", "ring")], drop = TRUE)
  expect_identical(
    vapply(rings, enclosed, 0)[c("3.1.1", "3.1.2", "3.2.1", "9.1.1")],
    c("3.1.1" = 16, "3.1.2" = -1, "3.2.1" = 1, "9.1.1" = 4)
  )
  nine <- outlines[outlines$object == 9, ]
  expect_identical(range(nine$x), c(-0.5, 1.5)) # columns 1 and 2
  expect_identical(range(nine$y), c(3.5, 5.5)) # rows 5 and 6
  expect_error(cl_outlines(array(1L, c(2, 3, 4))), "a stack of shape")
  expect_error(cl_outlines(mtcars), "Invalid `labels`.*label images. Received: a data frame of")
})

test_that("outlines of a prediction have the names of its images", {
  need_python()
  found <- predict(tiny_model(), some_images(), rescale = NULL, progress = FALSE)
  outlines <- cl_outlines(found)
  expect_identical(unique(outlines$image), c("left", "right"))
  objects <- unique(outlines[c("image", "object")])
  expect_identical(objects$object, found$objects$object)
})

test_that("features are valid and have the areas of the objects", {
  need_python()
  testthat::skip_if_not_installed("sf")
  shapes <- cl_outlines(list(a = labels, b = labels * 2), as = "sf")
  table <- cl_measure(list(a = labels, b = labels * 2), progress = FALSE)
  expect_identical(shapes$image, table$image)
  expect_identical(shapes$object, table$object)
  expect_true(all(sf::st_is_valid(shapes)))
  expect_identical(as.integer(sf::st_area(shapes)), table$area_px)
  expect_identical(nrow(cl_outlines(labels * 0L, as = "sf")), 0L)
})

test_that("polygons are drawn by ggplot2 as the line of the page says", {
  need_python()
  testthat::skip_if_not_installed("ggplot2")
  aes <- ggplot2::aes(x, y, group = interaction(object, part), subgroup = ring)
  drawn <- ggplot2::ggplot(cl_outlines(labels), aes) + ggplot2::geom_polygon() +
    ggplot2::scale_y_reverse() + ggplot2::coord_equal()
  data <- ggplot2::layer_data(drawn)
  expect_identical(length(unique(data$group)), 3L)
  expect_identical(sort(unique(data$subgroup)), 1:2)
})

test_that("a nucleus is of the cell with most of its pixels, and joins its tables", {
  need_python()
  nuclei <- matrix(c(2L, 2L, 2L, 0L, 5L, 5L, 0L, 8L), 1)
  cells <- matrix(c(4L, 9L, 9L, 9L, 9L, 4L, 0L, 0L), 1)
  related <- cl_relate(nuclei, cells)
  expect_identical(related$nucleus, c(2L, 5L, 8L))
  expect_identical(related$cell, c(9L, 4L, NA))
  expect_equal(related$share, c(2 / 3, 1 / 2, 0))
  expect_identical(cl_relate(nuclei, cells, per = "cell")$n_nuclei, c(1L, 1L))
  table <- cl_measure(cells)
  joined <- merge(related, table, by.x = c("image", "cell"), by.y = c("image", "object"))
  expect_identical(joined$area_px, c(2L, 4L))
  expect_error(cl_relate(nuclei, t(cells)), "shape of the nuclei")
})
