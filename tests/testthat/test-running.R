event <- function(kind, message) list(kind = kind, message = message)

test_that("progress is at most two messages a second, notes are all said", {
  show <- shower(TRUE)
  expect_message(show(event("progress", "one")), "one")
  expect_silent(show(event("progress", "two")))
  expect_message(show(event("note", "saved")), "saved")
  Sys.sleep(0.6)
  expect_message(show(event("progress", "three")), "three")
})

# As at the console, which keeps what was learned before an interrupt.
with_kept <- function(keeps, code) {
  space <- asNamespace("cytoloom")
  old <- get("keeps_interrupted", space)
  utils::assignInNamespace("keeps_interrupted", function() keeps, space)
  on.exit(utils::assignInNamespace("keeps_interrupted", old, space))
  code
}

# As while knitr makes a document.
in_a_document <- function(code) {
  old <- options(knitr.in.progress = TRUE)
  on.exit(options(old))
  force(code)
}

test_that("documents get notes but no progress, and FALSE is silent", {
  said <- character()
  in_a_document(withCallingHandlers(
    {
      show <- shower("auto")
      show(event("progress", "one"))
      show(event("note", "saved"))
    },
    message = function(m) {
      said <<- c(said, conditionMessage(m))
      invokeRestart("muffleMessage")
    }
  ))
  expect_identical(said, "saved\n")
  expect_silent(shower(FALSE)(event("note", "saved")))
  expect_error(shower("yes"), "Invalid `progress`")
})

test_that("only the console keeps an interrupted model", {
  kept <- in_a_document(keeps_interrupted())
  expect_false(kept)
})

test_that("errors of Python are one sentence without traceback", {
  need_python()
  failed <- tryCatch(cl_load("no such folder"), error = identity)
  expect_match(conditionMessage(failed), "^Invalid `path`. Expected .* Received: no such folder")
  expect_false(grepl("Traceback|py_last_error|\n", conditionMessage(failed)))
  expect_null(conditionCall(failed))
  expect_s3_class(failed, "cytoloom_error")
})

test_that("the traceback is there for those who ask", {
  need_python()
  old <- options(cytoloom.debug = TRUE)
  on.exit(options(old))
  expect_message(try(cl_load("no such folder"), silent = TRUE), "Traceback")
})

test_that("a forked child is refused in one sentence", {
  skip_on_os("windows")
  need_python()
  bridge()
  load <- function(i) tryCatch(cl_load("x"), error = conditionMessage)
  said <- parallel::mclapply(1:2, load, mc.cores = 2)[[1]]
  expect_match(said, "A forked process cannot use the Python of its parent")
})

test_that("a fresh session is silent: no chatter of the backend, no Python on loading", {
  need_python()
  out <- fresh_r(sprintf(
    "library(cytoloom)
    stopifnot(!reticulate::py_available())
    model <- cl_load(%s)
    found <- predict(model, matrix(1:4096, 64), rescale = NULL, progress = FALSE)
    stopifnot(inherits(found, 'cl_found'))", deparse(tiny_model()$path)
  ))
  expect_null(attr(out, "status"))
  expect_identical(as.character(out), character())
})

test_that("Ctrl-C in a script saves the state, stops the loop, and the same call goes on", {
  skip_on_os("windows")
  need_python()
  out <- file.path(tempfile("models"), "stopped.cytoloom")
  train <- function(more) {
    sprintf(
      "library(cytoloom)
      for (k in 1:2) {
        %s
        cl_train(
          %s, network = cl_unet(filters = 4, depth = 2),
          trainer = cl_trainer(
            iterations = 4000, batch_size = 1, patch_px = 32, augment = NULL, checkpoint_s = 0.5
          ),
          out = %s, progress = TRUE)
        message('not reached')
      }", more, deparse(train_folder()), deparse(out)
    )
  }
  # The process is interrupted as soon as it has written a state of its own.
  interrupt <- sprintf(
    "file.create(%1$s)
    system(sprintf('(while ! find %2$s -newer %%s -name state-?.npz | grep -q .; do sleep 0.2; done
    kill -INT %%d) >/dev/null 2>&1 &', %1$s, Sys.getpid()))",
    deparse(tempfile()), file.path(out, ".training")
  )
  said <- fresh_r(train(interrupt))
  expect_false(is.null(attr(said, "status")))
  expect_false(any(grepl("not reached|Error", said)))
  expect_true(any(grepl("^iteration [0-9]+/4000", said)))
  expect_true(any(grepl("^Interrupted: iteration [0-9]+ is kept in .*, the same call", said)))
  expect_true(file.exists(file.path(out, ".training", "state-a.npz")))
  expect_false(file.exists(file.path(out, "model.json")))
  said <- fresh_r(train(interrupt))
  expect_true(any(grepl("^Going on from iteration [0-9]+ of", said)))
  expect_true(any(grepl("^Interrupted: iteration [0-9]+ is kept", said)))
})

# The training of a fresh R that presses Ctrl-C itself when it is told of an iteration.
interrupts_itself <- function(first, around) {
  fresh_r(sprintf(
    "library(cytoloom)
    press <- function(text) if (grepl('^iteration', text)) {
      tools::pskill(Sys.getpid(), tools::SIGINT)
      for (i in 1:1e6) sqrt(i)
    }
    %s
    %s(cl_train(
      %s, network = cl_unet(filters = 4, depth = 2),
      trainer = cl_trainer(iterations = 4000, batch_size = 1, patch_px = 32, augment = NULL),
      out = %s, progress = TRUE))
    message('not reached')",
    first, around, deparse(train_folder()),
    deparse(file.path(tempfile("models"), "shown.cytoloom"))
  ))
}

test_that("Ctrl-C while R shows how far it is reaches the training", {
  skip_on_os("windows")
  need_python()
  shows <- "utils::assignInNamespace(
    'shower', function(progress) function(event) press(event$message), 'cytoloom')"
  handles <- "watched <- function(code) {
    withCallingHandlers(code, message = function(m) press(conditionMessage(m)))
  }"
  for (said in list(interrupts_itself(shows, ""), interrupts_itself(handles, "watched"))) {
    expect_false(is.null(attr(said, "status")))
    expect_false(any(grepl("not reached|Error", said)))
    expect_length(grep("^Interrupted: iteration [0-9]+ is kept in .*, the same call", said), 1)
  }
})

test_that("Ctrl-C at the console keeps the model so far", {
  skip_on_os("windows")
  need_python()
  stream <- bridge()$start("train", pack(list(
    data = plain_data(train_folder()), network = cl_unet(filters = 4, depth = 2),
    trainer = cl_trainer(iterations = 4000, batch_size = 1, patch_px = 32, augment = NULL),
    out = file.path(tempfile("models"), "kept.cytoloom"), keep_interrupted = TRUE
  )))
  repeat {
    event <- reticulate::iter_next(stream)
    if (event$kind == "progress" && startsWith(event$message, "iteration")) break
  }
  told <- stream$interrupt()
  expect_match(told$message, "Interrupted at iteration 1")
  repeat {
    event <- reticulate::iter_next(stream)
    if (event$kind %in% c("result", "error")) break
  }
  expect_identical(event$message, "")
  model <- new_model(unpack(event$value))
  expect_true(model$interrupted)
  expect_output(print(model), "interrupted")
  expect_s3_class(predict(model, matrix(1:4096, 64), rescale = NULL, progress = FALSE), "cl_found")
})

test_that("a limit of time ends a call as Ctrl-C does, with what R says of it", {
  need_python()
  in_limits <- function(code) {
    on.exit(setTimeLimit())
    tryCatch(code, error = identity)
  }
  # a limit may be reached in what hears the messages, too, whose errors only those outside catch
  limited <- function(code, when, ...) {
    said <- character()
    failed <- in_limits(progress_of(code, function(text) {
      said <<- c(said, text)
      if (grepl(when, text)) setTimeLimit(..., transient = TRUE)
    }))
    list(error = conditionMessage(failed), said = said)
  }
  # outside of what goes with the session, of which there is nothing to say
  out <- tempfile("models", tmpdir = dirname(tempdir()))
  on.exit(unlink(out, recursive = TRUE))
  train <- function() {
    trainer <- cl_trainer(iterations = 1e6, batch_size = 1, patch_px = 32, augment = NULL)
    cl_train(
      train_folder(),
      network = cl_unet(filters = 4, depth = 2), trainer = trainer, out = out, progress = TRUE
    )
  }
  for (keeps in c(FALSE, TRUE)) {
    ended <- limited(with_kept(keeps, train()), "^iteration", elapsed = 0.1)
    expect_match(ended$error, "^reached elapsed time limit$")
    expect_match(
      ended$said[length(ended$said)], "^Interrupted: iteration [0-9]+ is kept in .*, the same call"
    )
  }
  expect_true(any(grepl("^Going on from iteration", ended$said)))
  images <- rep(list(plate()$images$A01), 100)
  ended <- limited(predict(bundled_model(), images, progress = TRUE), "^image", cpu = 0.1)
  expect_match(ended$error, "reached CPU time limit")
  failed <- in_limits({
    setTimeLimit(elapsed = 0.1, transient = TRUE)
    predict(bundled_model(), images, type = "prob") # takes longer on any machine
  })
  expect_match(conditionMessage(failed), "reached elapsed time limit")
  # one that was reached earlier says nothing of the calls that follow
  try(stop("reached elapsed time limit"), silent = TRUE)
  expect_length(predict(bundled_model(), images[1], progress = FALSE), 1)
})

test_that("R and a Python process of its own give identical labels, tables and scores", {
  need_python()
  images <- file.path(test_folder(), "images")
  out <- tempfile("python")
  dir.create(out)
  script <- tempfile(fileext = ".py")
  writeLines(c(
    "import sys",
    "import numpy as np",
    "import cytoloom as cl",
    "model, images, data, out = sys.argv[1:]",
    "found = cl.predict(model, images, rescale=None, progress=False)",
    "scores = cl.evaluate(model, data, progress=False)",
    "for name, labels in found:",
    "    labels.astype('<i4').tofile(f'{out}/{name}.labels')",
    "tables = {'objects': found.objects, 'per_image': scores.per_image,",
    "          'summary': scores.summary, 'per_object': scores.per_object}",
    "for name, table in tables.items():",
    "    numbers = table.select_dtypes(['number', 'bool']).to_numpy(dtype='<f8')",
    "    numbers.T.tofile(f'{out}/{name}.table')"
  ), script)
  done <- run_python(find_python(), c(script, tiny_model()$path, images, test_folder(), out))
  expect_false(is.null(done))
  found <- predict(tiny_model(), images, rescale = NULL, progress = FALSE)
  scores <- evaluate(tiny_model(), test_folder(), progress = FALSE)
  for (name in found$files$image) {
    theirs <- readBin(file.path(out, paste0(name, ".labels")), "integer", 256 * 256)
    expect_identical(as.vector(t(found[[name]])), theirs)
  }
  tables <- c(list(objects = found$objects), unclass(scores))
  for (name in c("objects", "per_image", "summary", "per_object")) {
    ours <- as.double(unlist(Filter(function(x) is.numeric(x) || is.logical(x), tables[[name]])))
    theirs <- readBin(file.path(out, paste0(name, ".table")), "double", length(ours) + 1)
    expect_identical(is.na(ours), is.na(theirs), label = name)
    expect_identical(ours[!is.na(ours)], theirs[!is.na(theirs)], label = name)
  }
})

test_that("a plan has components that training takes, and reasons", {
  need_python()
  plan <- cl_plan(train_folder(), minutes = 5, memory_gb = 8, progress = FALSE)
  expect_s3_class(plan$network, "cl_unet")
  expect_s3_class(plan$trainer, "cl_trainer")
  expect_equal(plan$trainer$minutes, 5)
  expect_equal(plan$trainer$patch_px, c(128, 128))
  expect_named(plan$table, c("setting", "value", "why"))
  expect_output(print(plan), "stem 2")
  again <- cl_plan(
    train_folder(),
    network = plan$network, trainer = plan$trainer, normalize = plan$normalize,
    memory_gb = 8, progress = FALSE
  )
  expect_equal(again$network, plan$network)
  expect_equal(again$trainer, plan$trainer)
  expect_true("as given" %in% again$table$why)
})
