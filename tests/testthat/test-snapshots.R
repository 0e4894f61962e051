# What is printed, as it was when somebody last looked at it, in _snaps/. All objects are made by
# hand: nothing is computed, so that it is the same on every machine.

found_by_hand <- function() {
  labels <- list(A01 = matrix(c(0L, 1L, 1L, 0L, 2L, 2L), 2), A02 = matrix(0L, 2, 3))
  files <- data.frame(
    image = c("A01", "A02", "broken"), status = c("ok", "ok", "broken.tif is cut off or damaged."),
    objects = c(2L, 0L, 0L), scale = c(1, 1, NA), labels = NA_character_
  )
  objects <- data.frame(image = "A01", object = 1:2, class = NA_character_, area_px = c(2L, 2L))
  summary <- data.frame(
    image = files$image, count = c(2L, 0L, NA),
    count_low = c(1L, 0L, NA), count_high = c(3L, 1L, NA),
    unlikeness = c(0.4, 1.2, NA), flags = c(NA, "unlike", NA)
  )
  make_found(labels, files, objects, summary, source = NULL)
}

scores_by_hand <- function() {
  summary <- data.frame(
    metric = c("dice", "ap50", "n_truth"), value = c(0.9123, 0.5, 12), low = c(0.8, NA, 10),
    high = c(0.95, NA, 14), n = c(4L, 1L, 4L)
  )
  per_image <- data.frame(image = c("a", "b"), scale = 1, dice = c(0.9, 0.92), ap50 = c(0.5, NA))
  per_object <- data.frame(image = "a", truth = 1L, found = 1L, iou = 0.8, matched = TRUE)
  tables <- list(summary = summary, per_image = per_image, per_object = per_object)
  structure(tables, class = "cl_scores")
}

model_by_hand <- function(...) {
  facts <- list(
    task = "Instances(neck=0.7)", channels = "1", `trained on` = "10 images, 2 minutes",
    validation = "ap50 0.980 at iteration 340", software = "keras 3"
  )
  new_model(list(path = "nuclei.cytoloom", info = list(seed = 0, ...), facts = facts))
}

report_by_hand <- function() {
  table <- data.frame(image = c("a", "b"), shape = "96 x 96 x 1")
  told <- list(ok = TRUE, text = "2 images checked: nothing wrong.", table = table)
  structure(told, class = "cl_report")
}

test_that("what was found", {
  found <- found_by_hand()
  expect_snapshot({
    found
    found["A01"]
    found[0]
    str(found)
    summary(found)
    format(found)
    in_file("labels/A01.tif", NULL)
    str(in_file("labels/A01.tif", NULL))
  })
})

test_that("scores", {
  scores <- scores_by_hand()
  expect_snapshot({
    scores
    str(scores)
    summary(scores)
    format(scores)
    generics::tidy(scores)
    generics::glance(scores)
  })
})

test_that("models", {
  model <- model_by_hand()
  expect_snapshot({
    model
    model_by_hand(interrupted = TRUE)
    str(model)
    summary(model)
    format(model)
  })
})

test_that("a consensus", {
  flags <- c(NA, "stands out")
  experts <- data.frame(expert = c("ann", "bob"), dice = c(0.9, 0.4567), flags = flags)
  images <- data.frame(
    image = "A01", status = "ok", objects = 2L, kappa = 0.5, pair_ap50 = 0.25,
    flags = NA_character_
  )
  parts <- list(
    per_expert = experts, per_image = images, method = "staple", task = "instances",
    labels = list(A01 = 1)
  )
  consensus <- structure(parts, class = "cl_consensus")
  expect_snapshot({
    consensus
    str(consensus)
    summary(consensus)
    format(consensus)
    generics::tidy(consensus)
    generics::glance(consensus)
    subset(consensus, dice < 0.5)
  })
})

test_that("components, data, reports, plans and facts", {
  # a list of settings is shown whole: the folder that it holds is that of this machine
  here <- paste0(normalizePath(getwd(), "/"), "/")
  expect_snapshot(transform = function(lines) gsub(here, "", lines, fixed = TRUE), {
    cl_unet(filters = 8)
    str(cl_unet())
    format(cl_trainer(minutes = 5))
    cl_data("plate1", channels = list(0, c(2, 3)), unknown = 255)
    cl_data(list(a = matrix(0, 2, 2)), list(matrix(0, 2, 2)), group = "p1")
    str(cl_data("plate1"))
    format(cl_data(data.frame(image = c("a.tif", "b.tif"))))
    report_by_hand()
    format(report_by_hand())
    structure(list(text = "stem 2", table = data.frame(setting = "depth")), class = "cl_plan")
    structure(list(text = "task  binary", summary = list(task = "binary")), class = "cl_info")
    structure(c(R = "4", Python = "3"), class = "cl_doctor")
    structure(c(R = "4"), problem = "Run: cl_install()", class = "cl_doctor")
  })
})

test_that("what was given, in words", {
  given <- list(
    NULL, NA, NaN, Inf, -Inf, NA_character_, c(1, NaN, NA), TRUE, 1L, 0.1, 2^31, 2^32 - 1, 1e5,
    "a", c("a", NA), letters, 1:3, character(), list(), list(1, b = 2), mean, quote(x + y), y ~ x,
    factor(c("u", "v")), Sys.Date, matrix(1:4, 2), array(0, c(2, 3, 4)), data.frame(a = 1),
    data.frame(), new.env(), as.Date("2026-03-01"), complex(real = 1), as.raw(255)
  )
  expect_snapshot(for (one in given) cat(in_words(one), "\n"))
})

test_that("curves, scores and outlines, as pictures", {
  skip_if_not_installed("vdiffr")
  skip_if_not_installed("ggplot2")
  need_python()
  rows <- data.frame(iteration = rep(1:3, 2), value = c(3, 2, 1, 3, 2.5, 2), set = "train")
  rows$set[4:6] <- "validation"
  vdiffr::expect_doppelganger("curves", function() plot_curve(rows, "loss"))
  members <- rbind(cbind(rows, member = 1), cbind(rows, member = 2))
  members$value[7:12] <- members$value[7:12] + 0.5
  vdiffr::expect_doppelganger("members", function() plot_curve(members, "loss"))
  vdiffr::expect_doppelganger("scores", ggplot2::autoplot(scores_by_hand()))
  outlines <- cl_outlines(rbind(0, c(0, 1, 1, 2), c(0, 1, 1, 2), 0))
  drawn <- ggplot2::ggplot(
    outlines, ggplot2::aes(x, y, group = interaction(object, part), subgroup = ring)
  ) + ggplot2::geom_polygon(fill = NA, colour = "black") + ggplot2::scale_y_reverse()
  vdiffr::expect_doppelganger("outlines", drawn)
})
