# What a setting must be where that can be told of it alone, so that a mistake is told where it is
# made and not when training begins. Python's classes have these rules, and those between settings;
# a test compares the two.
ranges <- list(
  list(
    expected = "a whole number, 1 or more",
    holds = function(x) x >= 1 & x == trunc(x),
    settings = c(
      "iterations", "epochs", "batch_size", "threads", "patience", "patch_px", "filters", "convs"
    )
  ),
  list(
    expected = "a whole number, 0 or more",
    holds = function(x) x >= 0 & x == trunc(x),
    settings = c("min_area_px", "min_seed_px")
  ),
  list(
    expected = "a whole number, 1 to 8", holds = function(x) x %in% 1:8, settings = "depth"
  ),
  list(
    expected = "an odd number", holds = function(x) x >= 1 & x %% 2 == 1, settings = "kernel"
  ),
  list(expected = "2 or 3", holds = function(x) x %in% 2:3, settings = "ndim"),
  list(
    expected = "a number above 0",
    holds = function(x) x > 0, settings = c("minutes", "learning_rate")
  ),
  list(
    expected = "0 or more",
    holds = function(x) x >= 0,
    settings = c(
      "elastic_px", "brightness", "illumination", "gaussian_noise", "weight_decay", "cache_gb",
      "checkpoint_s", "contact_weight"
    )
  ),
  list(expected = "1 or more", holds = function(x) x >= 1, settings = "elastic_spacing_px"),
  list(expected = "2 or more", holds = function(x) x >= 2, settings = "reach_px"),
  list(
    expected = "a share from 0 to 1",
    holds = function(x) x >= 0 & x <= 1,
    settings = c("warmup", "foreground", grep("_p$", names(formals(cl_augment)), value = TRUE))
  ),
  list(
    expected = "a number between 0 and 1",
    holds = function(x) x > 0 & x < 1,
    settings = c("threshold", "foreground_threshold", "seed_threshold")
  ),
  list(
    expected = "at least 0 and below 1",
    holds = function(x) x >= 0 & x < 1, settings = c("dropout", "neck", "peak_threshold")
  )
)

choices <- list(
  optimizer = c("adam", "adamw", "sgd"), schedule = c("cosine", "constant"),
  precision = c("auto", "float32", "bfloat16"), norm = c("batch", "none"),
  upsampling = c("transposed", "resize")
)

check_setting <- function(name, value) {
  if (name %in% names(choices)) {
    known <- choices[[name]]
    if (!list(value) %in% known) {
      refuse(name, paste("one of", toString(dQuote(known, FALSE))), value)
    }
  }
  for (rule in Filter(function(rule) name %in% rule$settings, ranges)) {
    if (!holds(rule, value) || length(value) > 1 && name != "patch_px") {
      refuse(name, rule$expected, value)
    }
  }
}

holds <- function(rule, value) {
  is.null(value) || (is.numeric(value) && all(is.finite(value)) && all(rule$holds(value)))
}

refuse <- function(name, expected, value) {
  received <- paste(deparse(value), collapse = " ")
  stop_clean("Invalid `", name, "`. Expected ", expected, ". Received: ", received, ".")
}
