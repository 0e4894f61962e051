# Does in Python what somebody would do in the browser that is opened.
browse <- function(...) {
  steps <- jsonlite_of(list(...))
  reticulate::py_run_string(paste0(
    "import json, os, threading, urllib.request, webbrowser\n",
    "os.environ['DISPLAY'] = ':0'\n",
    "def ask(address, body):\n",
    "    headers = {'Content-Type': 'application/json'}\n",
    "    sent = urllib.request.Request(address, json.dumps(body).encode(), headers)\n",
    "    urllib.request.urlopen(sent, timeout=20).read()\n",
    "def browse(address):\n",
    "    def work():\n",
    "        for step in ", steps, ":\n",
    "            ask(address + 'step', step)\n",
    "        ask(address + 'end', {})\n",
    "    threading.Thread(target=work).start()\n",
    "webbrowser.open = browse\n"
  ))
}

# Steps as Python writes them.
jsonlite_of <- function(steps) paste0("[", paste(unlist(steps), collapse = ", "), "]")

test_that("labels are corrected, and what was accepted is trained on", {
  need_python()
  folder <- cl_simulate(tempfile("review"), images = 2, seed = 4)
  labels <- cl_read(file.path(folder, "labels", "nuclei_000.tif"))
  browse("{'kind': 'delete', 'image': 0, 'object': 3}", "{'kind': 'accept', 'image': 0}")
  expect_message(table <- cl_review(folder), "1 image accepted.*cl_train\\(")
  expect_identical(basename(table), "corrected.csv")
  rows <- utils::read.csv(table)
  expect_identical(rows$name, "nuclei_000")
  corrected <- cl_read(file.path(dirname(table), rows$label))
  expect_identical(unclass(corrected)[labels != 3], unclass(labels)[labels != 3])
  expect_true(all(corrected[labels == 3] == 0))
  expect_true(cl_check(table)$ok)
})

test_that("results of R and a model's are begun with", {
  need_python()
  images <- file.path(test_folder(), "images")
  out <- tempfile("results")
  found <- predict(bundled_model(), images, out = out, progress = FALSE)
  browse("{'kind': 'accept', 'image': 1}")
  table <- cl_review(found[2:1], progress = FALSE, out = tempfile("out"))
  expect_identical(nrow(utils::read.csv(table)), 1L)
  browse("{'kind': 'accept', 'image': 0}")
  table <- cl_review(out, progress = FALSE)
  expect_identical(dirname(table), normalizePath(file.path(out, "corrected")))
  browse("{'kind': 'accept', 'image': 0}")
  table <- cl_review(images, model = bundled_model(), out = tempfile("out"), progress = FALSE)
  expect_true(file.exists(file.path(dirname(table), "predicted", "files.csv")))
  array <- list(a = cl_simulate(seed = 5)$image)
  expect_error(cl_review(array, progress = FALSE), "Invalid `out`")
})

test_that("Ctrl-C ends a review, and all is kept", {
  skip_on_os("windows")
  need_python()
  folder <- cl_simulate(tempfile("stopped"), images = 1, seed = 6)
  said <- fresh_r(sprintf(
    "library(cytoloom)
    press <- function(m) if (grepl('^Review at', conditionMessage(m))) {
      system(sprintf('(sleep 1; kill -INT %%d) >/dev/null 2>&1 &', Sys.getpid()))
    }
    table <- withCallingHandlers(cl_review(%s, browser = FALSE), message = press)
    message('ended: ', basename(table))",
    deparse(folder)
  ))
  expect_null(attr(said, "status"))
  expect_true(any(grepl("^ended: corrected.csv", said)))
})
