no_python_there <- paste(
  "RETICULATE_PYTHON names /nonexistent/python, which is no Python.",
  "Run: Sys.unsetenv(\"RETICULATE_PYTHON\"); cytoloom::cl_install()"
)

without_python <- function(code) {
  fresh_r(
    c("library(cytoloom)", sprintf("said <- tryCatch(%s, error = conditionMessage)", code),
      "writeLines(as.character(said))"),
    c(RETICULATE_PYTHON = "/nonexistent/python")
  )
}

test_that("without Python every function says in one sentence what to run", {
  calls <- c(
    "cl_train('x', out = 'y')", "cl_load('x')", "cl_check('x')", "cl_simulate()", "cl_read('x')",
    "cl_write_labels(matrix(0, 2, 2), 'x.tif')", "cl_dice(matrix(0, 2, 2), matrix(0, 2, 2))",
    "cl_match(matrix(0, 2, 2), matrix(0, 2, 2))"
  )
  said <- without_python(sprintf("c(%s)", paste(
    sprintf("tryCatch(%s, error = conditionMessage)", calls),
    collapse = ", "
  )))
  expect_identical(as.character(said), rep(no_python_there, length(calls)))
})

test_that("without Python it is not available, and the doctor says what to run", {
  expect_identical(as.character(without_python("cl_available()")), "FALSE")
  out <- without_python("{print(cl_doctor()); ''}")
  expect_true(no_python_there %in% out)
})

test_that("what to run unsets a Python that is named, and only then", {
  with_variables(c(RETICULATE_PYTHON = ""), {
    expect_identical(
      python_problem(NULL), "cytoloom found no Python. Run: cytoloom::cl_install()"
    )
    expect_match(python_problem("/nonexistent/python"), "Run: cytoloom::cl_install()", fixed = TRUE)
  })
  with_variables(c(RETICULATE_PYTHON = "managed"), expect_identical(named_python(), ""))
  with_variables(c(RETICULATE_PYTHON = "/my/python"), {
    expect_match(python_problem("/my/python"), "Run: Sys.unsetenv", fixed = TRUE)
  })
})

test_that("a Python that lacks the packages is named, with what it lacks", {
  skip_on_os("windows")
  bare <- tempfile("python")
  writeLines(c("#!/bin/sh", "echo 'keras>=3.15'"), bare)
  Sys.chmod(bare, "755")
  expect_identical(packages_lacking(bare), "keras>=3.15")
  bare <- unname(Sys.which("python3"))
  skip_if(bare == "")
  writeLines(c("#!/bin/sh", sprintf("exec %s -I -S \"$@\"", bare)), bare <- tempfile("python"))
  Sys.chmod(bare, "755")
  # as in a Python without lazy_loader, where the package cannot be imported
  expect_true(all(c("keras>=3.15", "lazy-loader>=0.4") %in% packages_lacking(bare)))
  writeLines(c("#!/bin/sh", "echo 'keras>=3.15'"), bare)
  writeLines(c("#!/bin/sh", "exit 1"), bare)
  expect_identical(packages_lacking(bare), "a working Python >=3.11")
  expect_error(new_enough_python(bare), "found no Python >=3.11")
  expect_error(new_enough_python("/nonexistent/python"), "cl_install\\(python = ...\\)")
})

test_that("extras are installed by name, and unknown ones are refused", {
  expect_identical(extras_needed(c("fast", "fast")), "openvino>=2025.1")
  expect_length(extras_needed("vendor"), 3)
  expect_null(extras_needed(character()))
  expect_error(
    extras_needed(c("vendor", "fst")), "bioimageio, runs, cells, umap, tracks. Received: fst."
  )
})

test_that("looking for Python does not start it", {
  need_python()
  out <- fresh_r(c(
    "library(cytoloom)", "stopifnot(cl_available())", "doctor <- cl_doctor()",
    "stopifnot(is.null(attr(doctor, 'problem')), !reticulate::py_available())"
  ))
  expect_identical(as.character(out), character())
})

test_that("the doctor tells versions and the device", {
  need_python()
  doctor <- cl_doctor()
  expect_true(all(c("R", "reticulate", "Python", "Keras", "backend", "device") %in% names(doctor)))
  expect_output(print(doctor), "Ready.")
})

test_that("RETICULATE_PYTHON wins, and the core is the one that this package carries", {
  need_python()
  if (nzchar(Sys.getenv("RETICULATE_PYTHON"))) {
    expect_identical(
      normalizePath(dirname(find_python())), normalizePath(dirname(Sys.getenv("RETICULATE_PYTHON")))
    )
  }
  bridge()
  core <- reticulate::import("cytoloom.r.bridge")
  expect_identical(
    normalizePath(dirname(dirname(dirname(core$`__file__`)))), normalizePath(core_folder())
  )
})

test_that("a new reticulate is told the requirements when the package is loaded", {
  space <- asNamespace("reticulate")
  needed <- c(packages_needed, backend_needed())
  if (exists("py_require", space, inherits = FALSE)) {
    declared <- get("py_require", space)()
    expect_true(all(needed %in% declared$packages))
    expect_true(python_needed %in% declared$python_version)
  } else {
    # Older ones have nothing to be told; loading must still work.
    expect_true(isNamespaceLoaded("cytoloom"))
  }
})

test_that("reticulate is not asked for a Python of its own where one was chosen", {
  chosen <- with_variables(c(RETICULATE_PYTHON = "/usr/bin/python3"), may_be_managed())
  expect_false(chosen)
  expect_false(with_variables(c(RETICULATE_USE_MANAGED_VENV = "no"), may_be_managed()))
})

test_that("variables are as they were after a look", {
  Sys.setenv(CYTOLOOM_ONE = "1")
  on.exit(Sys.unsetenv("CYTOLOOM_ONE"))
  inside <- with_variables(
    c(CYTOLOOM_ONE = "2", CYTOLOOM_TWO = "3"), Sys.getenv(c("CYTOLOOM_ONE", "CYTOLOOM_TWO"))
  )
  expect_identical(unname(inside), c("2", "3"))
  expect_identical(Sys.getenv(c("CYTOLOOM_ONE", "CYTOLOOM_TWO"), names = FALSE), c("1", ""))
})

test_that("the light TensorFlow is for Linux on x86-64 only, CUDA for Linux with a driver", {
  needed <- function(system, machine, gpu = FALSE) {
    backend_needed(c(sysname = system, machine = machine), gpu)
  }
  expect_identical(needed("Linux", "x86_64"), "tensorflow-cpu>=2.18")
  expect_identical(needed("Darwin", "arm64"), "tensorflow>=2.18")
  expect_identical(needed("Linux", "aarch64"), "tensorflow>=2.18")
  expect_identical(needed("Linux", "x86_64", TRUE), "tensorflow[and-cuda]>=2.18")
  expect_identical(needed("Windows", "x86-64", TRUE), "tensorflow>=2.18")
})

test_that("a Python named for an environment that is there is not passed over", {
  skip_if_not(nzchar(Sys.getenv("RETICULATE_PYTHON")))
  root <- tempfile("environments")
  dir.create(root)
  made <- c("-m", "venv", "--without-pip", shQuote(file.path(root, "r-cytoloom")))
  system2(Sys.getenv("RETICULATE_PYTHON"), made)
  with_variables(c(WORKON_HOME = root), {
    expect_error(cl_install(python = "/usr/bin/python3"), "r-cytoloom is there.*force = TRUE")
  })
  expect_true(dir.exists(file.path(root, "r-cytoloom")))
})

test_that("what Python leaves in the temporary folder goes with the session of R", {
  need_python()
  echo(1)
  expect_identical(reticulate::import("tempfile")$gettempdir(), normalizePath(tempdir()))
})
