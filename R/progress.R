# How far it is, as R users expect to see it: by progressr where somebody listens, else as a bar of
# cli on a terminal that has one, else in lines. Notes are messages in any case.

# Shows events; the last has kind "ended".
shower <- function(progress) {
  if (!list(progress) %in% list(TRUE, FALSE, "auto")) {
    refuse("progress", "TRUE, FALSE or \"auto\"", progress)
  }
  if (isFALSE(progress)) {
    return(function(event) invisible())
  }
  step <- if (progress == "auto" && in_document()) function(event) NULL else stepper()
  total <- NULL
  function(event) {
    if (event$kind == "waiting") {
      return(invisible())
    }
    # a bar is closed for what follows, of which a message would be written into it
    goes_on <- event$kind == "progress" && identical(event$total, total)
    if (!goes_on) step(NULL)
    total <<- event$total
    if (event$kind == "progress") step(event)
    if (event$kind == "note") message(shown_text(event$message))
    invisible()
  }
}

# Takes events of progress, and NULL for a pause or the end.
stepper <- function() {
  if (progressr_listens()) {
    return(progressr_steps())
  }
  at_hand <- requireNamespace("cli", quietly = TRUE) && !in_document()
  if (at_hand && cli::is_dynamic_tty()) cli_steps() else line_steps()
}

line_steps <- function() {
  due <- pacer()
  function(event) if (!is.null(event) && due()) message(shown_text(event$message))
}

# TRUE at most twice a second, and less often in long runs.
pacer <- function() {
  began <- proc.time()[["elapsed"]]
  last <- -Inf
  function() {
    now <- proc.time()[["elapsed"]]
    if (now - last < max(0.5, (now - began) / 50)) {
      return(FALSE)
    }
    last <<- now
    TRUE
  }
}

# Whether this is called within with_progress(), or handlers(global = TRUE) was said.
progressr_listens <- function() {
  if (!isNamespaceLoaded("progressr")) {
    return(FALSE)
  }
  within <- lapply(seq_len(sys.nframe()), sys.function)
  list(progressr::with_progress) %in% within || isTRUE(progressr::handlers(global = NA))
}

progressr_steps <- function() {
  done <- 0
  tell <- NULL
  function(event) {
    if (is.null(event)) {
      if (!is.null(tell)) tell(type = "finish")
      tell <<- NULL
      return()
    }
    if (is.null(tell)) {
      steps <- max(event$total, 1)
      tell <<- progressr::progressor(steps, auto_finish = FALSE, on_exit = FALSE)
      done <<- 0
    }
    tell(message = shown_text(event$message), amount = max(event$done - done, 0))
    done <<- event$done
  }
}

cli_steps <- function() {
  bar <- NULL
  here <- environment()
  function(event) {
    if (is.null(event)) {
      if (!is.null(bar)) cli::cli_progress_done(bar, .envir = here)
      bar <<- NULL
      return()
    }
    if (is.null(bar)) {
      bar <<- cli::cli_progress_bar(
        format = "{cli::pb_bar} {cli::pb_percent} {cli::pb_status}", total = max(event$total, 1),
        current = FALSE, auto_terminate = FALSE, .auto_close = FALSE, .envir = here
      )
    }
    cli::cli_progress_update(
      set = event$done, status = shown_text(event$message), id = bar, .envir = here
    )
  }
}
