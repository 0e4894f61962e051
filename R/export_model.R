#' A model for other programs
#'
#' Writes the network of a model as other programs take it, with all that is needed to apply it, and
#' tries it there.
#'
#' @param model A `cl_model` of [cl_train()] or [cl_load()], or its folder.
#' @param path Folder for the files, made if missing; one with other files in it is refused.
#' @param format `"onnx"`: `model.onnx` (needs `cl_install(extras = "onnx")`). `"saved_model"`: of
#'   TensorFlow, the folder itself. `"openvino"`: `model.xml` and `model.bin` (`extras = "fast"`).
#'   `"bioimageio"`: a package of the BioImage Model Zoo, `rdf.yaml` and all of it in `model.zip`
#'   (`extras = "bioimageio"`).
#' @param ... Must be empty.
#' @param overwrite Replace an earlier export that is in `path`.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @return The folder, invisibly.
#'
#'   The network takes scaled images and gives probabilities. Beside it are `cytoloom.json`, with
#'   scaling, halo, sizes, channels, pixel size and the settings that make labels of maps;
#'   `README.md` and `example.py`, which applies the network without cytoloom; and an image with its
#'   maps. The runtime of the format, where it is installed, is given that image: maps that differ
#'   by more than 0.001 are an error, and the largest difference is in `cytoloom.json`.
#' @export
#' @examplesIf cl_available()
#' model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
#' folder <- cl_export_model(model, tempfile(), "saved_model")
#' list.files(folder)
cl_export_model <- function(model, path, format = "onnx", ..., overwrite = FALSE,
                            progress = "auto") {
  no_dots(...)
  invisible(run_events(
    "export_model",
    list(
      model = model_path(model), path = plain_path(path), format = format, overwrite = overwrite
    ),
    progress
  ))
}
