# Tests that compute need Python; where make runs them its absence is a failure, not a skip.
need_python <- function() {
  if (cl_available()) {
    return(watch())
  }
  problem <- attr(cl_doctor(), "problem")
  if (nzchar(Sys.getenv("CYTOLOOM_REQUIRE_PYTHON"))) stop(problem)
  testthat::skip(problem)
}

# Where make runs them, a test that stands still says where every thread is and ends R.
watch <- function() {
  if (nzchar(Sys.getenv("CYTOLOOM_REQUIRE_PYTHON")) && reticulate::py_available()) {
    # Messages of the backend's start are caught by a file in the place of the standard error.
    errors <- once("errors", reticulate::import("os")$dup(2L))
    reticulate::import("faulthandler")$dump_traceback_later(1200, exit = TRUE, file = errors)
  }
  invisible()
}

# The whole way to Python and back.
echo <- function(x) call_python("echo", value = x)

# A fresh R process: its output and messages together, with its exit status as an attribute.
fresh_r <- function(code, env = character()) {
  script <- tempfile(fileext = ".R")
  writeLines(code, script)
  env <- c(R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep), env)
  suppressWarnings(system2(
    file.path(R.home("bin"), "Rscript"), c("--vanilla", script),
    stdout = TRUE, stderr = TRUE, env = paste0(names(env), "=", shQuote(env)), timeout = 600
  ))
}

kept <- new.env()

once <- function(name, code) {
  if (is.null(kept[[name]])) kept[[name]] <- code
  kept[[name]]
}

train_folder <- function() {
  once("train", cl_simulate(tempfile("train"), images = 3, seed = 1))
}

test_folder <- function() {
  once("test", cl_simulate(tempfile("test"), images = 2, seed = 2))
}

# Far from trained, as a warning says, which is all that the boundary needs.
tiny_model <- function() {
  once("model", suppressWarnings(cl_train(
    train_folder(),
    network = cl_unet(filters = 4, depth = 2),
    trainer = cl_trainer(iterations = 2, batch_size = 1, patch_px = 32, augment = NULL),
    out = file.path(tempfile("models"), "tiny.cytoloom"), progress = FALSE
  )))
}

some_images <- function() {
  files <- list.files(file.path(test_folder(), "images"), full.names = TRUE)
  images <- lapply(files, function(file) cl_read(file)[, , 1])
  stats::setNames(images, c("left", "right"))
}

# The model that comes along, and three small images in which it finds their six nuclei.
bundled_model <- function() {
  path <- system.file("extdata", "simulated.cytoloom", package = "cytoloom")
  once("bundled", cl_load(path))
}

plate <- function() {
  once("plate", {
    fields <- lapply(1:3, function(seed) cl_simulate(shape = c(96, 96), count = 6, seed = seed))
    names(fields) <- c("A01", "A02", "B01")
    list(images = lapply(fields, `[[`, "image"), labels = lapply(fields, `[[`, "labels"))
  })
}

plate_found <- function() {
  once("plate_found", predict(bundled_model(), plate()$images, progress = FALSE))
}

# The same images as files of 16 bits, written as R users write them.
plate_folder <- function() {
  once("plate_folder", {
    dir.create(folder <- tempfile("plate"))
    for (well in names(plate()$images)) {
      file <- file.path(folder, paste0(well, ".tif"))
      tiff::writeTIFF(plate()$images[[well]] / 65535, file, bits.per.sample = 16L)
    }
    folder
  })
}

evaluate_plate <- function() {
  once("evaluate_plate", {
    truth <- cl_data(plate()$images, plate()$labels)
    evaluate(bundled_model(), truth, allow_training_images = TRUE, progress = FALSE)
  })
}

# The messages of code, each heard as it comes.
progress_of <- function(code, heard = function(text) NULL) {
  said <- character()
  withCallingHandlers(code, message = function(m) {
    said <<- c(said, conditionMessage(m))
    heard(conditionMessage(m))
    invokeRestart("muffleMessage")
  })
  said
}
