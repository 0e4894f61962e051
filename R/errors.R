# Errors: one sentence, with the argument, what was expected and what came as fields of a condition
# of class `cytoloom_error`, so that scripts can tell them apart.

stop_clean <- function(..., fields = NULL) {
  condition <- c(list(message = paste0(...), call = NULL), fields)
  stop(structure(condition, class = c("cytoloom_error", "error", "condition")))
}

# `received` is any value, which is put into words; words themselves as I("words").
refuse <- function(argument, expected, received, remedy = NULL) {
  words <- if (inherits(received, "AsIs")) unclass(received) else in_words(received)
  text <- paste0("Invalid `", argument, "`. Expected ", expected, ". Received: ", words, ".")
  if (!is.null(remedy)) text <- paste(text, remedy)
  fields <- list(argument = argument, expected = expected, received = words, remedy = remedy)
  stop_clean(text, fields = fields)
}

whole_from <- function(least, value, argument) {
  whole <- is.numeric(value) && length(value) == 1 && is.finite(value) && value == trunc(value)
  if (!whole || value < least) {
    refuse(argument, paste0("a whole number, ", least, " or more"), value)
  }
}

# What match.arg() does, in our words.
one_of <- function(value, choices, argument) {
  if (identical(value, choices)) {
    return(choices[1])
  }
  if (list(value) %in% choices) {
    return(value)
  }
  refuse(argument, paste0("\"", choices, "\"", collapse = " or "), value)
}

# Any value in one line, as one would write it where that is short.
in_words <- function(x) {
  if (is.null(x) || (is.atomic(x) && is.null(dim(x)) && is.null(attr(x, "class")))) {
    return(in_code(x))
  }
  if (is.data.frame(x)) {
    columns <- if (length(x) > 0) paste0(" (", shorten(toString(names(x))), ")")
    return(paste0("a data frame of ", counted(nrow(x), "row"), columns))
  }
  kinds <- c(
    "a function" = is.function(x), "an environment" = is.environment(x),
    "a factor" = is.factor(x), "code" = is.language(x), "an empty list" = identical(x, list())
  )
  if (any(kinds)) names(kinds)[kinds][1] else of_class(x)
}

of_class <- function(x) {
  if (is.null(attr(x, "class")) && !is.null(dim(x))) {
    kind <- c(double = "numbers", integer = "whole numbers", list = "lists", character = "texts")
    kind <- if (typeof(x) %in% names(kind)) kind[[typeof(x)]] else paste(typeof(x), "values")
    return(sprintf("an array of %s %s", paste(dim(x), collapse = " x "), kind))
  }
  if (is.list(x) && is.null(attr(x, "class"))) {
    named <- setdiff(names(x), "")
    inside <- if (length(named) > 0) paste0(" (", shorten(toString(named)), ")")
    return(paste0("a list of ", length(x), inside))
  }
  paste(if (grepl("^[aeiouAEIOU]", class(x)[1])) "an" else "a", class(x)[1])
}

in_code <- function(x) {
  if (length(x) > 8) {
    return(sprintf("%s and more, %d in all", in_code(utils::head(x, 3)), length(x)))
  }
  text <- paste(deparse(unname(x)), collapse = " ")
  shorten(gsub("NA_[a-z]+_", "NA", gsub("([0-9])L\\b", "\\1", text)))
}

shorten <- function(text, longest = 120) {
  if (nchar(text) <= longest) {
    return(text)
  }
  end <- nchar(text)
  paste0(substr(text, 1, longest - 40), "...", substr(text, end - 36, end))
}

counted <- function(n, what) {
  paste0(n, " ", what, if (n != 1) "s")
}

stop_python <- function(message, fields = NULL) {
  if (isTRUE(getOption("cytoloom.debug"))) {
    message(bridge()$last_traceback())
  }
  stop_clean(message, fields = fields)
}

# A misspelt argument must not vanish in `...`. What lacks is told of the function that was called,
# and not of one inside that meets it first.
no_dots <- function(...) {
  caller <- sys.parent()
  odd <- if (...length() > 0) unused(as.list(substitute(list(...)))[-1], caller)
  all_given(caller, odd)
  if (!is.null(odd)) stop_clean(odd)
}

# "Unused argument: `iuo`.", and of what has no name what it may have been meant for.
unused <- function(given, caller) {
  named <- if (is.null(names(given))) rep(FALSE, length(given)) else nzchar(names(given))
  values <- vapply(given, function(code) shorten(paste(deparse(code), collapse = " "), 60), "")
  shown <- ifelse(named, paste0("`", names(given), "`"), paste(values, "(without a name)"))
  known <- names(formals(sys.function(caller)))
  later <- known[seq_along(known) > match("...", known)]
  text <- paste0("Unused argument: ", toString(shown), ".")
  if (all(named) || length(later) == 0) {
    return(text)
  }
  paste0(text, " Give it by its name: ", paste0("`", later, "`", collapse = " or "), ".")
}

# Refuses a call that lacks an argument without a default; `odd` says what else is wrong with it.
all_given <- function(caller, odd = NULL) {
  formals <- as.list(formals(sys.function(caller)))
  needed <- setdiff(names(Filter(is_nothing, formals)), "...")
  frame <- sys.frame(caller)
  lacking <- Filter(function(name) eval(call("missing", as.name(name)), frame), needed)
  if (length(lacking) > 0) {
    stop_clean(
      "Missing argument: ", toString(paste0("`", lacking, "`")), called(sys.call(caller)[[1]]), ".",
      if (!is.null(odd)) paste0(" ", odd),
      fields = list(argument = lacking[1], expected = "a value", received = "nothing")
    )
  }
}

# The default that an argument without one has.
is_nothing <- function(default) is.name(default) && !nzchar(default)

# " of predict()"; nothing where a function without a name was called.
called <- function(code) {
  name <- sub("^.*:::?", "", paste(deparse(code), collapse = " "))
  if (is.name(code) || is.call(code) && identical(code[[1]], as.name("::"))) {
    paste0(" of ", sub("[.](cl_[a-z]+|character)$", "", name), "()")
  }
}

# How many digits print() shows, as base R takes them.
checked_digits <- function(digits) {
  one <- is.numeric(digits) && length(digits) == 1 && isTRUE(digits %in% 0:22)
  if (!is.null(digits) && !one) refuse("digits", "a whole number from 0 to 22", digits)
  digits
}
