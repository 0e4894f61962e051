# The one place that starts Python. `bridge` is Python's module `cytoloom.r.bridge`.
session <- new.env(parent = emptyenv())

own_environment <- "r-cytoloom"

bridge <- function() {
  if (is.null(session$bridge)) {
    session$bridge <- start_python()
    session$pid <- Sys.getpid()
  }
  if (!identical(session$pid, Sys.getpid())) {
    stop_clean(
      "A forked process cannot use the Python of its parent: call cytoloom in the main ",
      "process, or use processes of their own: parallel::makeCluster() instead of mclapply(), ",
      "future::plan(\"multisession\") instead of \"multicore\"."
    )
  }
  session$bridge
}

start_python <- function() {
  problem <- python_problem()
  if (!is.null(problem) && may_be_managed()) {
    message("No Python for cytoloom was found; reticulate makes a temporary one. ",
            "cytoloom::cl_install() makes one that stays.")
    try(reticulate::py_config(), silent = TRUE)
    problem <- python_problem()
  }
  if (!is.null(problem)) {
    stop_clean(problem)
  }
  with_own_environment(reticulate::py_config())
  sys <- reticulate::import("sys", convert = FALSE)
  sys$path$insert(0L, core_folder())
  module <- reticulate::import("cytoloom.r.bridge")
  module$heed_interrupts()
  # what the backend leaves in the temporary folder (compiled functions) goes with R's session
  temporary <- reticulate::import("tempfile")
  temporary$tempdir <- normalizePath(tempdir())
  module
}

# Whether reticulate (1.41 or later) would download a Python of its own when it starts: nothing
# was chosen, and the user did not opt out.
may_be_managed <- function() {
  chosen <- Sys.getenv(c("RETICULATE_PYTHON", "RETICULATE_PYTHON_ENV"))
  opted_out <- tolower(Sys.getenv("RETICULATE_USE_MANAGED_VENV")) %in% c("false", "0", "no")
  exists("py_require", asNamespace("reticulate"), inherits = FALSE) &&
    !reticulate::py_available() && !any(nzchar(setdiff(chosen, "managed"))) &&
    !has_own_environment() && !opted_out
}

# The Python sources that this package carries.
core_folder <- function() {
  folder <- system.file("python", package = "cytoloom")
  if (!file.exists(file.path(folder, "cytoloom", "r", "bridge.py"))) {
    stop_clean(
      "This installation lacks Python's part (inst/python). Install again from a source that ",
      "was made by R CMD build, or from a checkout with symbolic links."
    )
  }
  folder
}

# NULL where Python can run cytoloom, else a sentence that says what to run.
python_problem <- function(python = find_python()) {
  named <- named_python()
  # cl_install() makes an environment of its own, which is passed over as long as one is named
  first <- if (nzchar(named)) "Sys.unsetenv(\"RETICULATE_PYTHON\"); " else ""
  if (is.null(python)) {
    wrong <- "cytoloom found no Python"
    if (nzchar(named)) wrong <- sprintf("RETICULATE_PYTHON names %s, which is no Python", named)
    return(sprintf("%s. Run: %scytoloom::cl_install()", wrong, first))
  }
  lacking <- packages_lacking(python)
  if (length(lacking) == 0) {
    return(NULL)
  }
  again <- if (reticulate::py_available()) " and restart R" else ""
  sprintf(
    "Python at %s lacks %s. Run: %scytoloom::cl_install()%s",
    python, paste(lacking, collapse = ", "), first, again
  )
}

# The Python that runs, or would be started; it is not started here. A failed import would
# bind R to that Python until it is restarted.
find_python <- function() {
  if (reticulate::py_available()) {
    return(reticulate::py_config()$python)
  }
  named <- named_python()
  if (nzchar(named)) {
    return(if (nzchar(Sys.which(path.expand(named)))) path.expand(named))
  }
  config <- tryCatch(
    with_variables(
      c(RETICULATE_USE_MANAGED_VENV = "no"),
      with_own_environment(suppressMessages(suppressWarnings(reticulate::py_discover_config())))
    ),
    error = function(e) NULL
  )
  config$python
}

# The Python that the user named by RETICULATE_PYTHON, or "".
named_python <- function() {
  setdiff(c(Sys.getenv("RETICULATE_PYTHON"), ""), "managed")[[1]]
}

# The environment made by cl_install() comes after everything that the user chose and before
# whatever else lies around. Miniconda is never offered.
with_own_environment <- function(code) {
  vars <- c(RETICULATE_MINICONDA_ENABLED = "FALSE")
  if (has_own_environment()) {
    vars[["RETICULATE_PYTHON_FALLBACK"]] <- own_python()
  }
  with_variables(vars, code)
}

has_own_environment <- function() {
  isTRUE(tryCatch(reticulate::virtualenv_exists(own_environment), error = function(e) FALSE))
}

own_python <- function() {
  reticulate::virtualenv_python(own_environment)
}

with_variables <- function(vars, code) {
  before <- Sys.getenv(names(vars), unset = NA, names = TRUE)
  on.exit({
    unset <- is.na(before)
    Sys.unsetenv(names(before)[unset])
    if (any(!unset)) do.call(Sys.setenv, as.list(before[!unset]))
  })
  do.call(Sys.setenv, as.list(vars))
  force(code)
}

# Run by its path: it needs neither the package nor anything that the package needs.
missing_script <- function() file.path(core_folder(), "cytoloom", "r", "missing.py")

# Requirements that a Python does not meet, found in a process of its own.
packages_lacking <- function(python) {
  needs <- c(
    paste0("python", python_needed), packages_needed, paste(backends_known, collapse = "|")
  )
  out <- run_python(python, c(missing_script(), needs))
  if (is.null(out)) {
    return(paste0("a working Python ", python_needed))
  }
  lacking <- out[nzchar(out)]
  several <- grepl("|", lacking, fixed = TRUE)
  lacking[several] <- "a backend (tensorflow, jax or torch)"
  lacking
}

# Standard output of a Python process that sees the core, or NULL where it fails.
run_python <- function(python, arguments) {
  quietly <- c(
    PYTHONPATH = core_folder(), PYTHONDONTWRITEBYTECODE = "1", PYTHONIOENCODING = "utf-8"
  )
  out <- tryCatch(
    with_variables(quietly, suppressWarnings(
      system2(python, shQuote(arguments), stdout = TRUE, stderr = FALSE)
    )),
    error = function(e) NULL
  )
  if (is.null(out) || !is.null(attr(out, "status"))) NULL else out
}
