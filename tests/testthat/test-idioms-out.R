# What R users do with what predict() returns, each as they would write it: idioms 18 to 40.

test_that("18. a list's ways in agree: [[, $, names, seq_along, for, rev, head, tail, [", {
  need_python()
  found <- plate_found()
  plain <- as.list(found)
  expect_identical(found[["A02"]], plain$A02)
  expect_identical(found[[2]], found$A02)
  expect_identical(lapply(seq_along(found), function(i) found[[i]]), unname(plain))
  expect_identical(as.list(rev(found)), rev(plain))
  expect_identical(as.list(head(found, 2)), plain[1:2])
  expect_identical(as.list(tail(found, 1)), plain[3])
  expect_identical(as.list(found[c(TRUE, FALSE, TRUE)]), plain[c(1, 3)])
  expect_identical(as.list(found[order(names(found), decreasing = TRUE)]), plain[3:1])
  expect_identical(as.list(found[-1]), plain[-1])
  expect_true("A01" %in% names(found))
  expect_error(found[["objects"]], "Received: objects. The table is found\\$objects")
  for (name in names(found)) expect_identical(found[[name]], plain[[name]])
})

test_that("19. sapply(), vapply(), lengths(), Map(), mapply() and rapply() go over images", {
  need_python()
  found <- plate_found()
  expect_identical(sapply(found, max), c(A01 = 6L, A02 = 6L, B01 = 6L))
  expect_identical(sapply(found, length), lengths(found))
  expect_identical(sapply(found, dim)[, "B01"], c(96L, 96L))
  expect_identical(dim(sapply(found, identity, simplify = "array")), c(96L, 96L, 3L))
  expect_identical(mapply(function(x, y) sum(x != y), found, found), sapply(found, max) * 0L)
  expect_identical(rapply(found, max, how = "unlist"), sapply(found, max))
})

test_that("20. Filter() and Reduce(), do.call(rbind, ...), unlist() and stack()", {
  need_python()
  found <- plate_found()
  big <- Filter(function(labels) sum(labels == 1) > 400, found)
  expect_s3_class(big, "cl_found")
  expect_identical(unique(big$objects$image), names(big))
  expect_identical(Reduce(`+`, lapply(found, max)), 18L)
  expect_identical(dim(do.call(rbind, lapply(found, dim))), c(3L, 2L))
  expect_identical(rownames(do.call(rbind, lapply(found, dim))), names(found))
  expect_length(unlist(found), 3 * 96 * 96)
  expect_identical(levels(stack(lapply(found, max))$ind), names(found))
})

test_that("21. c() and append() of predictions are one, with one table", {
  need_python()
  found <- plate_found()
  expect_identical(c(found[1], found[2:3]), c(found[1], found[2], found[3]))
  both <- append(found["B01"], found["A01"])
  expect_s3_class(both, "cl_found")
  expect_identical(both$files$image, c("B01", "A01"))
  expect_identical(unique(both$objects$image), c("B01", "A01"))
  expect_identical(picture(both, "A01"), picture(found, "A01"))
  expect_error(c(found, found), "Received: A01, A02, B01 in several. Give each a name: c\\(plate1")
  plates <- do.call(c, lapply(list(p1 = 1:2, p2 = 2:3), function(i) found[i]))
  expect_named(plates, c("p1.A01", "p1.A02", "p2.A02", "p2.B01"))
  expect_identical(unique(plates$objects$image), names(plates))
  expect_identical(picture(plates, "p2.B01"), picture(found, "B01"))
  expect_identical(c(found["A01"], list(x = 1)), list(A01 = found$A01, x = 1))
  treated <- found["B01"]
  treated$objects$day <- as.Date("2026-03-01")
  days <- c(found["A01"], treated)$objects$day
  expect_identical(days, as.Date(rep(c(NA, "2026-03-01"), each = 6)))
  two <- found["A02"]
  two$files$low <- cbind(two$files$low, 7)
  expect_identical(c(two, found["A01"])$files$low[, 2], c(7, NA))
})

test_that("22. names<- and setNames() rename in the tables too", {
  need_python()
  found <- setNames(plate_found(), c("x", "y", "z"))
  expect_identical(found$y, plate_found()$A02)
  expect_identical(found$files$image, c("x", "y", "z"))
  expect_identical(unique(found$objects$image), c("x", "y", "z"))
  expect_identical(picture(found, "z"), picture(plate_found(), "B01"))
  names(found)[2] <- "middle"
  expect_named(found, c("x", "middle", "z"))
  expect_error(names(found) <- c("x", "x", "z"), "Expected 3 names that differ")
  expect_identical(unname(found), unname(as.list(plate_found())))
})

test_that("23. NULL leaves an image out; labels are not replaced without their table", {
  need_python()
  found <- plate_found()
  found$A01 <- NULL
  expect_identical(found, plate_found()[-1])
  found["A02"] <- NULL
  expect_identical(found$files$image, "B01")
  expect_error(found[["B01"]][1, 1] <- 0L, "change a copy, labels <- as.list\\(found\\)")
  expect_error(found$B01 <- plate()$labels$B01, "cl_measure\\(labels, images\\)")
  labels <- as.list(plate_found())
  labels$A01[labels$A01 == 1] <- 0L
  expect_identical(nrow(cl_measure(labels, plate()$images, progress = FALSE)), 17L)
})

test_that("24. found$objects takes new columns and fewer rows", {
  need_python()
  found <- plate_found()
  found$objects$round <- with(found$objects, minor_axis_px / major_axis_px)
  found$objects <- merge(found$objects, data.frame(image = names(found), well = 1:3))
  found$objects <- subset(found$objects, area_px > 200)
  left <- sum(plate_found()$objects$area_px > 200)
  expect_identical(nrow(as.data.frame(found)), left)
  expect_match(format(found), paste(left, "objects in 3 images"))
  expect_identical(sum(summary(found)$objects), left)
  expect_identical(sum(found$files$objects), left)
  expect_true(all(c("round", "well") %in% names(as.data.frame(found["B01"]))))
  expect_error(found$objects <- 1:3, "Expected a data frame with `image`, `object`. Received: 1:3")
  expect_error(found$files <- found$files[1, ], "Expected a row for each image")
})

test_that("25. identical() and all.equal() tell whether results are the same", {
  need_python()
  again <- predict(bundled_model(), plate()$images, progress = FALSE)
  expect_true(identical(again, plate_found()))
  expect_true(all.equal(again, plate_found()))
  expect_match(all.equal(again, rev(again)), "string mismatches", all = FALSE)
})

test_that("26. table(), tabulate(), range(), which(), unique() and as.raster() take labels", {
  need_python()
  labels <- plate_found()$A01
  areas <- plate_found()$objects$area_px[1:6]
  expect_identical(tabulate(labels), areas)
  expect_identical(as.vector(table(labels)[-1]), areas)
  expect_identical(range(labels), c(0L, 6L))
  expect_setequal(unique(as.vector(labels)), 0:6)
  expect_identical(nrow(which(labels == 1, arr.ind = TRUE)), areas[1])
  expect_identical(dim(as.raster(labels / max(labels))), c(96L, 96L))
})

test_that("27. data.frame(), as.data.frame(), head() and summary() give tables", {
  need_python()
  found <- plate_found()
  expect_identical(data.frame(found), as.data.frame(found))
  expect_identical(nrow(head(found$objects)), 6L)
  expect_named(summary(found), c(
    "image", "status", "objects", "median_area_px", "count_low", "count_high", "unlikeness", "flags"
  ))
  expect_s3_class(summary(found$objects), "table")
  inside <- found$objects[!found$objects$touches_border, c("image", "object")]
  expect_identical(nrow(inside) + sum(found$objects$touches_border), 18L)
})

test_that("28. subset(), with(), within(), transform() look into the table, and around them", {
  need_python()
  found <- plate_found()
  smallest <- function(least) subset(found, area_px > least, select = c(image, area_px))
  expect_identical(dim(smallest(300)), c(sum(found$objects$area_px > 300), 2L))
  expect_identical(with(found, tapply(area_px, image, length))[["A02"]], 6L)
  factor <- 4
  expect_identical(within(found, um2 <- area_px / factor)$um2, found$objects$area_px / 4)
  expect_identical(transform(found, um2 = area_px / 4)$um2, found$objects$area_px / 4)
})

test_that("29. merge(), aggregate(), split(), by() and lm() take the objects", {
  need_python()
  found <- plate_found()
  wells <- data.frame(image = names(found), treatment = c("none", "none", "drug"))
  expect_identical(nrow(merge(found, wells)), 18L)
  expect_identical(aggregate(area_px ~ image, found, length)$area_px, c(6L, 6L, 6L))
  expect_named(lapply(split(found$objects, found$objects$image), nrow), names(found))
  expect_identical(names(split(found, wells$treatment)$none), c("A01", "A02"))
  expect_identical(unlist(lapply(split(found, wells$treatment), length)), c(drug = 1L, none = 2L))
  expect_identical(c(by(found, found$objects$image, nrow))[["B01"]], 6L)
  expect_s3_class(lm(area_px ~ image, merge(found, wells)), "lm")
})

test_that("30. write.csv() and read.csv() bring the table back", {
  need_python()
  file <- tempfile(fileext = ".csv")
  write.csv(plate_found(), file, row.names = FALSE)
  again <- read.csv(file)
  expect_identical(again$area_px, plate_found()$objects$area_px)
  expect_equal(again$solidity, plate_found()$objects$solidity, tolerance = 1e-12)
})

test_that("31. readr reads files.csv and objects.csv as documented, and writes tables", {
  need_python()
  skip_if_not_installed("readr")
  out <- tempfile("results")
  images <- setNames(plate()$images[1:2], c("001", "NA"))
  found <- predict(bundled_model(), images, out = out, progress = FALSE)
  read <- function(name) {
    types <- readr::cols(image = "c")
    readr::read_csv(file.path(out, name), col_types = types, na = "", trim_ws = FALSE)
  }
  objects <- read("objects.csv")
  expect_identical(nrow(readr::problems(objects)), 0L)
  expect_named(objects, names(found$objects))
  known <- !vapply(found$objects, function(column) all(is.na(column)), NA)
  expect_equal(as.data.frame(objects[known]), found$objects[known], ignore_attr = TRUE)
  expect_true(all(is.na(objects[!known])))
  files <- read("files.csv")
  expect_identical(files$image, c("001", "NA"))
  expect_identical(as.numeric(files$low), found$files$low)
  expect_true(all(file.exists(file.path(out, files$labels))))
  again <- tempfile(fileext = ".csv")
  readr::write_csv(found$objects, again)
  expect_identical(readLines(again, 1), readLines(file.path(out, "objects.csv"), 1))
})

test_that("32. cl_results() opens a folder as predict() returned it", {
  need_python()
  out <- tempfile("results")
  found <- predict(bundled_model(), plate()$images, out = out, progress = FALSE)
  again <- cl_results(out)
  expect_identical(as.list(again), as.list(found))
  expect_identical(again$objects, found$objects)
  expect_identical(as.list(c(again["A01"], found["B01"])), as.list(found)[c("A01", "B01")])
})

test_that("33. dplyr's verbs take what was found", {
  need_python()
  skip_if_not_installed("dplyr")
  found <- plate_found()
  wells <- tibble::tibble(image = names(found), treatment = c("none", "none", "drug"))
  per_image <- found |>
    dplyr::left_join(wells, by = "image") |>
    dplyr::group_by(treatment, image) |>
    dplyr::summarise(n = dplyr::n(), area = median(area_px), .groups = "drop")
  expect_identical(per_image$n, c(6L, 6L, 6L))
  expect_identical(dplyr::count(found, image)$n, c(6L, 6L, 6L))
  expect_identical(nrow(dplyr::slice_max(found, area_px, n = 2)), 2L)
  expect_identical(names(dplyr::relocate(found, area_px))[1], "area_px")
  expect_identical(dplyr::tally(found)$n, 18L)
  expect_identical(names(dplyr::rename_with(found, toupper))[1], "IMAGE")
  joined <- dplyr::left_join(x = found, y = found$files, by = "image")
  expect_identical(nrow(joined), 18L)
  expect_length(dplyr::group_split(found, image), 3)
})

test_that("34. magrittr's pipe goes the same way", {
  need_python()
  skip_if_not_installed("dplyr")
  `%>%` <- dplyr::`%>%` # nolint: object_name_linter
  big <- bundled_model() %>%
    predict(plate()$images, progress = FALSE) %>%
    dplyr::filter(area_px > 200, !touches_border) %>%
    dplyr::pull(image)
  expect_identical(sort(unique(big)), names(plate()$images))
})

test_that("35. tidyr's verbs take what was found", {
  need_python()
  skip_if_not_installed("tidyr")
  found <- plate_found()
  expect_identical(nrow(tidyr::nest(found, data = -image)), 3L)
  long <- tidyr::pivot_longer(found, c(major_axis_px, minor_axis_px))
  expect_identical(nrow(long), 36L)
  expect_identical(nrow(tidyr::drop_na(found, area_um2)), 0L)
  expect_identical(nrow(tidyr::pivot_longer(evaluate_plate(), c(dice, ap50))), 6L)
})

test_that("36. purrr goes over images, with names and into a table", {
  need_python()
  skip_if_not_installed("purrr")
  found <- plate_found()
  expect_identical(purrr::map(found, max), lapply(found, max))
  expect_identical(purrr::map_int(found, max), c(A01 = 6L, A02 = 6L, B01 = 6L))
  expect_identical(purrr::imap_chr(found, function(x, name) name), setNames(nm = names(found)))
  expect_identical(purrr::map2_int(found, found, ~ sum(.x != .y))[["A01"]], 0L)
  rows <- purrr::map_dfr(found, ~ data.frame(n = max(.x)), .id = "image")
  expect_identical(rows, data.frame(image = names(found), n = 6L))
  expect_s3_class(purrr::keep(found, ~ sum(.x == 1) > 400), "cl_found")
  expect_identical(purrr::pluck(found, "A02", 1, 1), found$A02[1, 1])
  expect_identical(purrr::walk(found, dim), found)
})

test_that("37. labels are a column of a tibble", {
  need_python()
  skip_if_not_installed("tibble")
  found <- plate_found()
  table <- tibble::tibble(image = names(found), labels = as.list(found))
  expect_identical(table$labels[[2]], plate_found()$A02)
  table <- tibble::enframe(as.list(plate_found()), "image", "labels")
  expect_identical(cl_measure(table$labels, progress = FALSE)$area_px, found$objects$area_px)
  expect_s3_class(tibble::as_tibble(plate_found()), "tbl_df")
})

test_that("38. ggplot() takes results and tables, facets and labels too", {
  need_python()
  skip_if_not_installed("ggplot2")
  drawn <- ggplot2::ggplot(plate_found(), ggplot2::aes(image, area_px)) +
    ggplot2::geom_point() +
    ggplot2::facet_wrap(~touches_border)
  expect_identical(nrow(ggplot2::layer_data(drawn)), 18L)
  picture <- ggplot2::autoplot(plate_found(), "A02") +
    ggplot2::geom_point(
      data = plate_found()["A02"], ggplot2::aes(centroid_x, centroid_y)
    )
  expect_identical(ggplot2::layer_data(picture, 2)$x, plate_found()["A02"]$objects$centroid_x)
})

test_that("39. outlines are polygons of ggplot2, and features of sf", {
  need_python()
  skip_if_not_installed("ggplot2")
  skip_if_not_installed("sf")
  outlines <- cl_outlines(plate_found())
  grouped <- ggplot2::aes(x, y, group = interaction(object, part), subgroup = ring)
  drawn <- ggplot2::ggplot(outlines, grouped) +
    ggplot2::geom_polygon() +
    ggplot2::facet_wrap(~image)
  expect_identical(nrow(ggplot2::layer_data(drawn)), nrow(outlines))
  shapes <- cl_outlines(plate_found(), as = "sf")
  expect_identical(sf::st_area(shapes), plate_found()$objects$area_px + 0)
  shapes <- merge(shapes, plate_found()$objects)
  drawn <- ggplot2::ggplot(shapes) + ggplot2::geom_sf(ggplot2::aes(fill = area_px))
  expect_identical(nrow(ggplot2::layer_data(drawn)), 18L)
})

test_that("40. plot() and its arguments, in a layout of one's own", {
  need_python()
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  old <- par(mfrow = c(1, 3))
  for (name in names(plate_found())) plot(plate_found(), name)
  expect_identical(par("mfrow"), c(1L, 3L))
  par(old)
  expect_identical(plot(bundled_model(), metric = "loss"), bundled_model())
  boxplot(area_px ~ image, plate_found()$objects)
  hist(plate_found()$objects$area_px)
  image(plate_found()$A01)
  stack <- array(0L, c(2, 64, 64))
  slices <- suppressWarnings(
    predict(bundled_model(), stack, slices = TRUE, axes = "zyx", progress = FALSE)
  )
  expect_identical(plot(slices, 2), slices)
})
