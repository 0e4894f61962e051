# What settings must be, so that a mistake is told where it is made and not when training begins.
# Declared in Python beside the fields, and read from a table: Python need not be started for it.
rules <- function() {
  if (is.null(session$rules)) {
    file <- file.path(core_folder(), "cytoloom", "r", "rules.csv")
    session$rules <- utils::read.csv(file, na.strings = character(), stringsAsFactors = FALSE)
  }
  session$rules
}

# The rules of one component as lists, which are much faster to look into than rows of a table.
rules_of <- function(component) {
  if (is.null(session$rules_of)) {
    table <- rules()
    each <- lapply(seq_len(nrow(table)), function(row) as.list(table[row, ]))
    session$rules_of <- split(each, table$component)
  }
  session$rules_of[[component]]
}

check_settings <- function(component, settings) {
  for (rule in rules_of(component)) {
    fields <- strsplit(rule$fields, " ")[[1]]
    if (!all(fields %in% names(settings))) next
    given <- settings[fields]
    switch(rule$test,
      one_of = check_one_of(rule, Filter(Negate(is.null), given)),
      increasing = check_increasing(rule, given),
      if (!holds(rule, given)) refuse(fields[1], rule$expected, given[[1]])
    )
  }
}

# Whether what a rule is of is right; of several settings it is of the first.
holds <- function(rule, given) {
  value <- given[[1]]
  if (is.null(value)) {
    return(rule$optional)
  }
  one <- is.atomic(value) && length(value) == 1 && !anyNA(value)
  switch(rule$test,
    value = hold_value(rule, value),
    flag = is.logical(value) && one,
    text = is.character(value) && one,
    as_many = length(value) == length(given[[2]]),
    per_axis = length(value) %in% c(1, given[[2]]),
    per_level = hold_levels(value, given[[2]], given[[3]])
  )
}

check_one_of <- function(rule, given) {
  if (length(given) > 1) refuse(tolower(rule$component), rule$expected, names(given))
}

check_increasing <- function(rule, given) {
  single <- all(lengths(given) == 1) && all(vapply(given, is.numeric, NA))
  ends <- if (single) c(rule$low, unlist(given), rule$high)
  if (!single || anyNA(ends) || is.unsorted(ends) || is.unsorted(unlist(given), strictly = TRUE)) {
    shown <- paste(names(given), "=", vapply(given, in_words, ""), collapse = ", ")
    refuse(tolower(rule$component), rule$expected, I(shown))
  }
}

hold_value <- function(rule, value) {
  if (nzchar(rule$words) && (is.character(value) || rule$length == 1)) {
    return(hold_words(rule, value))
  }
  if (rule$texts > 0) {
    return(hold_texts(rule, value))
  }
  if (rule$columns > 0) {
    return(hold_rows(rule, value))
  }
  length(value) > 0 && rule$length %in% c(0, length(value)) && hold_numbers(rule, value)
}

hold_words <- function(rule, value) {
  named <- nzchar(rule$or) && inherits(value, paste0("cl_", tolower(rule$or)))
  named || list(value) %in% strsplit(rule$words, " ")[[1]]
}

hold_texts <- function(rule, value) {
  value <- unfactored(value)
  is.character(value) && !anyNA(value) && !anyDuplicated(value) && length(value) >= rule$texts &&
    length(value) <= rule$high
}

hold_levels <- function(value, levels, axes) {
  fits <- function(row) {
    whole <- is.numeric(row) && all(is.finite(row)) && all(row == trunc(row))
    whole && length(row) == axes && all(row >= 1)
  }
  is.list(value) && length(value) == levels && all(vapply(value, fits, NA))
}

hold_rows <- function(rule, value) {
  fits <- function(row) is.numeric(row) && length(row) == rule$columns
  is.list(value) && all(vapply(value, fits, NA))
}

hold_numbers <- function(rule, x) {
  if (!is.numeric(x) || !all(is.finite(x))) {
    return(FALSE)
  }
  inside <- (if (rule$above) x > rule$low else x >= rule$low) &
    (if (rule$below) x < rule$high else x <= rule$high)
  all(
    inside | (rule$or_zero & x == 0),
    !rule$some | any(x > 0), !rule$whole | x == trunc(x), !rule$odd | x %% 2 == 1,
    !(rule$ordered & is.unsorted(x)), !(rule$rising & is.unsorted(x, strictly = TRUE))
  )
}
