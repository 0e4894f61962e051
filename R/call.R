# Calls of Python: what goes in is packed, what comes out unpacked, errors are one sentence.

call_python <- function(called, ...) {
  found <- bridge()$call(called, pack_arguments(list(...)))
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
  stream <- bridge()$start(name, pack_arguments(arguments))
  event <- list(kind = "begun")
  on.exit({
    show(list(kind = "ended", message = ""))
    if (!ended(event)) say_kept(stream$interrupt())
  })
  suspendInterrupts(repeat {
    event <- tryCatch(
      {
        allowInterrupts(tell(event, show))
        reticulate::iter_next(stream)
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

# "Interrupted: iteration 120 is kept in ..."; of other verbs there is nothing to say.
say_kept <- function(event) {
  if (event$kind %in% c("interrupted", "warning") && event$message != "Interrupted.") {
    message(event$message)
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
