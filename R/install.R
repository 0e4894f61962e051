#' Set up the Python that cytoloom needs
#'
#' Makes the virtual environment `r-cytoloom` with Keras, TensorFlow and what else the core
#' uses. It is found by itself from then on, unless `RETICULATE_PYTHON` or
#' [reticulate::use_python()] name another Python.
#'
#' @param python Path of the Python to build on, 3.11 or newer. Default: the first found on the
#'   path that is new enough. Where the environment is there already, pass `force = TRUE` with it.
#' @param backend What computes, as a pip requirement. Default: TensorFlow, with CUDA on Linux where
#'   an NVIDIA driver is (`nvidia-smi` is on the path).
#' @param fast Whether to install OpenVINO too (about 60 MB): on CPUs without bfloat16, models that
#'   are trained with it then predict in half the time or less. The same as `extras = "fast"`.
#' @param extras What else to install, by name: `"vendor"` reads Zeiss CZI, Leica LIF and Nikon
#'   ND2; `"volumes"` reads and writes OME-Zarr, and reads HDF5, Imaris, BigDataViewer and N5;
#'   `"cluster"` has several processes work on it; `"parquet"` writes tables of objects as Parquet;
#'   `"affinities"` is for [cl_affinities()]; `"export"` reads and writes outlines of ImageJ;
#'   `"report"` makes pages of results; `"onnx"` and `"bioimageio"` write models for other
#'   programs; `"runs"` keeps runs in databases; `"cells"` is for [cl_novelty()],
#'   `"umap"` for one of its maps; `"tracks"` reads and writes GEFF; `"fast"` is OpenVINO.
#' @param envname Name of the environment.
#' @param force Remove the environment first, if it is there, and make it anew.
#' @param ... Must be empty.
#' @return The path of the environment's Python, invisibly.
#' @export
#' @examples
#' \dontrun{
#' cl_install()
#' cl_install(extras = "vendor")
#' }
cl_install <- function(python = NULL, backend = backend_needed(), ..., fast = FALSE,
                       extras = character(), envname = "r-cytoloom", force = FALSE) {
  no_dots(...)
  added <- extras_needed(c(if (fast) "fast", extras))
  make_environment(envname, python, force)
  reticulate::virtualenv_install(envname, c(packages_needed, backend, added))
  session$available <- NULL
  made <- reticulate::virtualenv_python(envname)
  message("Python for cytoloom is ready: ", made)
  named <- named_python()
  if (nzchar(named) && normalizePath(named, mustWork = FALSE) != normalizePath(made)) {
    message("RETICULATE_PYTHON names another: unset it, also in .Renviron, to use this one.")
  }
  if (reticulate::py_available()) {
    message("Restart R to use it: this session already runs another Python.")
  }
  invisible(made)
}

make_environment <- function(envname, python, force) {
  there <- reticulate::virtualenv_exists(envname)
  if (there && !force && !is.null(python)) {
    refuse(
      "python", paste("NULL, since the environment", envname, "is there"), python,
      "Pass force = TRUE to make it anew with this Python."
    )
  }
  if (there && force) reticulate::virtualenv_remove(envname, confirm = FALSE)
  if (!there || force) {
    base <- new_enough_python(python)
    reticulate::virtualenv_create(envname, python = base, packages = NULL)
  }
}

extras_needed <- function(extras) {
  unknown <- setdiff(extras, names(extras_known))
  if (length(unknown)) {
    stop_clean(
      "Invalid `extras`. Expected among ", toString(names(extras_known)), ". Received: ",
      toString(unknown), "."
    )
  }
  unique(unlist(extras_known[extras], use.names = FALSE))
}

new_enough_python <- function(python = NULL) {
  candidates <- python
  if (is.null(python)) {
    candidates <- Sys.which(c("python3", paste0("python3.", 15:11), "python"))
  }
  for (candidate in path.expand(candidates[nzchar(candidates)])) {
    old <- run_python(candidate, c(missing_script(), paste0("python", python_needed)))
    if (!is.null(old) && !any(nzchar(old))) {
      return(candidate)
    }
  }
  stop_clean(
    "cl_install() found no Python ", python_needed, ". Install one, for instance with ",
    "reticulate::install_python(\"3.12:latest\"), and pass its path: cl_install(python = ...)"
  )
}
