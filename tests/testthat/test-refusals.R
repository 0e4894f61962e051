# What nobody means to give, of every kind that R has.
odd_values <- function() {
  odd <- methods::setClass("Odd", slots = c(x = "numeric"), where = environment())
  list(
    NULL, NA, NaN, Inf, "", character(0), list(), mean, quote(x), quote(f(x)), y ~ x, 1i, as.raw(1),
    Sys.Date(), data.frame(a = 1, b = "x"), matrix(list(), 0, 0), new.env(),
    odd(x = 1), factor("a"), -1, 2^70, TRUE, strrep("x", 5000), "nope", c(1, 2), c("a", NA), 0.5,
    matrix(0, 2, 2), list(list(1)), list(a = 1), list(NULL)
  )
}

# Words of Python, and of R where it stumbles.
foreign <- paste(
  c(
    "<class", "[A-Za-z]+Error\\b", "0-based", "\\bcl\\.", "\\b(None|NoneType|True|False)\\b",
    "\\b(dict|tuple|str|int|float64|ndarray|DataFrame|Traceback|Errno)\\b", "cytoloom.debug",
    "subscript", "argument", "coerce", "missing value where", "subsettable", "not found"
  ),
  collapse = "|"
)

# A call of each function that a value is put into; nothing is trained or written by it.
usual_calls <- function() {
  nowhere <- file.path(tempfile(), "nowhere")
  image <- matrix(1:64 * 10L, 8)
  saved <- file.path(tempfile(), "saved")
  pair <- list(truth = image, found = image)
  data <- list(data = nowhere, progress = FALSE)
  made <- c("cl_augment", "cl_binary", "cl_classes", "cl_instances", "cl_normalize", "cl_trainer")
  c(
    stats::setNames(rep(list(list()), length(made)), made),
    list(
      cl_unet = list(), cl_loss = list(name = "dice"), cl_data = list(images = nowhere),
      cl_train = data, cl_plan = data, cl_check = data,
      evaluate.cl_model = c(list(x = tiny_model()), data),
      predict.cl_model = list(object = tiny_model(), images = nowhere, progress = FALSE),
      cl_load = list(path = nowhere), cl_save = list(model = tiny_model(), path = saved),
      cl_info = list(model = tiny_model(), progress = FALSE), cl_read = list(path = nowhere),
      cl_results = list(folder = nowhere), cl_write_labels = list(labels = image, path = nowhere),
      # a file is where the folder would be
      cl_simulate = list(folder = file.path(tiny_model()$path, "model.json"), progress = FALSE),
      cl_dice = pair, cl_iou = pair, cl_average_precision = pair, cl_match = pair,
      cl_measure = list(labels = image, progress = FALSE), cl_outlines = list(labels = image),
      cl_relate = list(nuclei = image, cells = image),
      cl_consensus = list(experts = list(image > 0, image > 20), progress = FALSE)
    )
  )
}

# The error of a call; of what is made without Python that of using it. NULL where there is none.
refusal <- function(fun, given) {
  tryCatch(
    {
      made <- suppressMessages(suppressWarnings(do.call(fun, given, quote = TRUE)))
      if (inherits(made, "cl_component")) call_python("plain", value = made)
      if (inherits(made, "cl_data")) cl_check(made, progress = FALSE)
      NULL
    },
    error = identity
  )
}

# What a refusal says that no user of R should read; NULL where there is none, or a good one.
odd_words <- function(error) {
  if (is.null(error)) {
    return(NULL)
  }
  text <- gsub("x{9,}", "xxx", conditionMessage(error))
  clean <- inherits(error, "cytoloom_error") && !grepl(foreign, text) && nchar(text) < 1000
  if (!clean) text
}

test_that("whatever is given for whatever argument, R's words say what is wrong with it", {
  need_python()
  calls <- usual_calls()
  # these look at the machine, and install
  apart <- c("cl_available", "cl_doctor", "cl_install", "evaluate")
  methods <- c("evaluate.cl_model", "predict.cl_model")
  expect_setequal(names(calls), c(setdiff(getNamespaceExports("cytoloom"), apart), methods))
  # what a name of a file writes lands in a folder that goes
  dir.create(scratch <- tempfile("scratch"))
  home <- setwd(scratch)
  on.exit(setwd(home))
  odd <- odd_values()
  for (name in names(calls)) {
    fun <- get(name, asNamespace("cytoloom"))
    # without a folder a picture is made, which costs time
    apart <- c("...", if (name == "cl_simulate") "folder")
    for (argument in setdiff(names(formals(fun)), apart)) {
      said <- lapply(odd, function(value) {
        given <- calls[[name]]
        given[argument] <- list(value)
        odd_words(refusal(fun, given))
      })
      expect_identical(paste(unlist(said), collapse = "\n"), "", label = paste(name, argument))
    }
  }
})
