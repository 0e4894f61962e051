# Calls of Python: what goes in is packed, what comes out unpacked, errors are one sentence.

call_python <- function(called, ...) {
  arguments <- list(...)
  found <- within_limits(bridge()$call(called, pack_arguments(arguments)))
  for (text in found$warnings) warning(text, call. = FALSE)
  if (isTRUE(found$interrupted)) raise_interrupt()
  if (!is.null(found$error)) stop_python(found$error, found$fields)
  unpack(found$value)
}

# Runs one of the verbs, which report events; R fetches them one by one, so that Python never
# has to call R. Ctrl-C is heeded between events: were R to act on it within Python, it would jump
# out of the running work, which could not go on, not even to save its state.
run_events <- function(name, arguments, progress) {
  show <- shower(progress)
  stream <- within_limits(bridge()$start(name, pack_arguments(arguments)))
  event <- list(kind = "begun")
  on.exit({
    show(list(kind = "ended", message = ""))
    if (!ended(event)) give_up(stream)
  })
  suspendInterrupts(repeat {
    event <- tryCatch(
      {
        allowInterrupts(tell(event, show))
        within_limits(reticulate::iter_next(stream))
      },
      interrupt = function(i) stream$interrupt()
    )
    if (ended(event)) break
  })
  for (text in event$warnings) warning(text, call. = FALSE)
  switch(event$kind,
    result = return(unpack(event$value)),
    error = stop_python(event$message, event$fields)
  )
  say_kept(event)
  raise_interrupt()
}

# What R says where setTimeLimit(), setSessionTimeLimit() or R.utils::withTimeout() end something.
limits_said <- function() {
  kinds <- c("elapsed", "CPU", "session elapsed", "session CPU")
  vapply(paste("reached", kinds, "time limit"), gettext, "", domain = "R")
}

# R looks at its limits of time while Python works, too, but there the error that it raises goes
# nowhere, and the limit is lifted: what is left of it is its message.
within_limits <- function(code) {
  said <- limits_said()
  passed <- function() Filter(function(text) grepl(text, geterrmessage(), fixed = TRUE), said)
  # one of an earlier call
  if (length(passed()) > 0) try(stop("none since"), silent = TRUE)
  old <- options(show.error.messages = FALSE)
  value <- tryCatch(without_seed(code), finally = options(old))
  if (length(passed()) > 0) stop_clean(passed()[[1]])
  value
}

# Each call of reticulate makes a seed for R's random numbers where there is none, of which future
# warns as if some had been drawn.
without_seed <- function(code) {
  seeded <- function() exists(".Random.seed", globalenv(), inherits = FALSE)
  if (!seeded()) on.exit(if (seeded()) rm(".Random.seed", envir = globalenv()))
  code
}

# Ends the work for good, as a second Ctrl-C does where the first one keeps the model so far.
give_up <- function(stream) {
  event <- stream$interrupt()
  say_kept(if (ended(event)) event else stream$interrupt())
}

# "Interrupted: iteration 120 is kept in ..."; of other verbs there is nothing to say, nor of what
# the same call would not find, in a folder of the session.
say_kept <- function(event) {
  text <- event$message
  found_again <- text == shown_text(text)
  if (event$kind %in% c("interrupted", "warning") && text != "Interrupted." && found_again) {
    message(text)
  }
}

ended <- function(event) event$kind %in% c("result", "error", "interrupted")

tell <- function(event, show) {
  for (text in event$warnings) warning(text, call. = FALSE)
  switch(event$kind,
    begun = invisible(),
    warning = warning(event$message, call. = FALSE, immediate. = TRUE),
    show(event)
  )
}

in_document <- function() {
  isTRUE(getOption("knitr.in.progress"))
}

# At the console Ctrl-C keeps the model so far; in scripts and documents it stops everything.
keeps_interrupted <- function() {
  interactive() && !in_document()
}

raise_interrupt <- function() {
  if (.Platform$OS.type == "unix") {
    tools::pskill(Sys.getpid(), tools::SIGINT)
    Sys.sleep(1)
  }
  stop_clean("Interrupted.")
}
