test_that("progressr is told how far it is where somebody listens, and notes stay messages", {
  need_python()
  skip_if_not_installed("progressr")
  told <- list()
  listen <- function(code) {
    progressr::with_progress(
      withCallingHandlers(code, progression = function(p) told <<- c(told, list(p))),
      handlers = progressr::handler_void(), enable = TRUE
    )
  }
  said <- progress_of(listen(predict(bundled_model(), plate()$images)))
  expect_identical(said, "18 objects in 3 images.\n")
  expect_identical(vapply(told, `[[`, "", "type"), c("initiate", rep("update", 3), "finish"))
  expect_identical(told[[2]]$message, "image 1/3: A01")
  expect_identical(vapply(told[2:4], `[[`, 0, "amount"), c(0, 1, 1))
  said <- progress_of(predict(bundled_model(), plate()$images))
  expect_match(said[1], "image 1/3: A01")
  told <- list()
  expect_silent(listen(predict(bundled_model(), plate()$images, progress = FALSE)))
  expect_length(told, 0)
})

test_that("on a terminal that moves cli draws a bar, which makes room for notes", {
  need_python()
  skip_if_not_installed("cli")
  old <- options(
    cli.dynamic = TRUE, cli.progress_show_after = 0, cli.num_colors = 1L, cli.unicode = FALSE
  )
  on.exit(options(old))
  said <- capture.output(predict(bundled_model(), plate()$images), type = "message")
  said <- paste(said, collapse = "\n")
  expect_match(said, "0% image 1/3: A01")
  expect_match(said, "\r18 objects in 3 images[.]$")
})

test_that("where no terminal moves there are lines", {
  step <- function(message, done, total) {
    list(kind = "progress", message = message, done = done, total = total)
  }
  show <- shower(TRUE)
  expect_message(show(step("reading {1}", 0, 3)), "reading {1}", fixed = TRUE)
  expect_silent(show(step("reading 2", 1, 3)))
  expect_silent(show(list(kind = "ended", message = "")))
})

test_that("what is said on the way names no temporary folder", {
  place <- file.path(tempdir(), "model.cytoloom")
  expect_identical(shown_text(paste0("Model in ", place, ".")), "Model in a temporary folder.")
  expect_identical(shown_text(paste0("2 images, written to ", place, ".")), "2 images.")
  expect_identical(shown_path(c("/data/x", place)), c("/data/x", "a temporary folder"))
  expect_identical(shown_text("Model in /data/x."), "Model in /data/x.")
})
