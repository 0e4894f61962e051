# What Python must bring along. The same as in pyproject.toml: a test compares them.
python_needed <- ">=3.11"

packages_needed <- c(
  "keras>=3.15",
  "numpy>=1.26",
  "scipy>=1.11",
  "scikit-image>=0.22",
  "pillow>=10",
  "tifffile>=2024.2.12",
  "imagecodecs>=2024.1.1",
  "pandas>=2.1",
  "matplotlib>=3.8",
  "lazy-loader>=0.4",
  "pyyaml>=6"
)

# Any of these computes; the first is what cl_install() takes where there are wheels of it.
backends_known <- c("tensorflow-cpu>=2.18", "tensorflow>=2.18", "jax", "torch")

# What cl_install(extras = ) adds: to predict in half the time on most CPUs; tables as
# Parquet; objects of affinities; vendors' formats; OME-Zarr; several processes; outlines of ImageJ;
# pages of results; models as ONNX and for the BioImage Model Zoo; stores of runs in databases;
# what cells look like; tracks in GEFF.
extras_known <- list(
  fast = "openvino>=2025.1",
  parquet = "pyarrow>=15",
  affinities = "bioimage-cpp>=0.10",
  vendor = c("czifile>=2019.7.2", "liffile>=2025.2.20", "nd2>=0.8"),
  volumes = c(
    "zarr>=3.1", "h5py>=3.9", "tensorstore>=0.1.70", "fsspec>=2024.2", "aiohttp>=3.9"
  ),
  cluster = "distributed>=2025.3",
  export = "roifile>=2024.9.15",
  report = "jinja2>=3.1",
  onnx = c("onnx>=1.17", "tf2onnx>=1.16.1", "onnxruntime>=1.20"),
  bioimageio = c(
    "onnx>=1.17", "tf2onnx>=1.16.1", "onnxruntime>=1.20", "bioimageio.core>=0.11",
    "pydantic!=2.14.*"
  ),
  runs = c("sqlalchemy>=2.0.30", "pg8000>=1.31"),
  cells = c("scikit-learn>=1.4", "pyarrow>=15", "h5py>=3.9"),
  umap = "umap-learn>=0.5.7",
  tracks = "geff>=1.3"
)

backend_needed <- function(info = Sys.info(), gpu = nzchar(Sys.which("nvidia-smi"))) {
  if (gpu && info[["sysname"]] == "Linux") {
    return("tensorflow[and-cuda]>=2.18")
  }
  light <- info[["sysname"]] == "Linux" && info[["machine"]] == "x86_64"
  if (light) "tensorflow-cpu>=2.18" else "tensorflow>=2.18"
}

# reticulate 1.41 and later makes such an environment when Python is first started and
# nothing else was chosen. Older ones lack the function, hence no `reticulate::`.
.onLoad <- function(libname, pkgname) {
  space <- asNamespace("reticulate")
  if (exists("py_require", space, inherits = FALSE)) {
    declare <- get("py_require", space)
    declare(c(packages_needed, backend_needed()), python_version = python_needed)
  }
  register_verbs()
  register_labels()
}
