# What a prediction remembers of its images, for pictures and for other verbs: parts, one for each
# call of predict(), with what the images are called there (`names`) and in the object (`called`).

# What is remembered of the images of a prediction.
remembered <- function(images, axes, pixel_size_um, pattern, names, run = NULL) {
  if (inherits(images, "cl_found")) {
    return(lapply(sources_of(images), function(part) {
      part$run <- run
      part
    }))
  }
  list(list(
    images = lasting(images, labels = FALSE),
    axes = axes, pixel_size_um = pixel_size_um, pattern = pattern,
    names = names, called = names, run = run
  ))
}

sources_of <- function(found) {
  parts <- attr(found, "source")
  if (length(parts) == 0) {
    refuse("images", "images", found, "This prediction was read from a folder: give its images.")
  }
  parts
}

# Of the images of a prediction the ones that it holds, as Python takes them.
found_sources <- function(found, how) {
  held <- Filter(function(part) any(part$called %in% found$files$image), sources_of(found))
  if (length(held) == 0) refuse("images", "at least one image", I("a prediction of none"))
  parts <- lapply(held, plain_part, found$files$image, how)
  sizes <- unique(lapply(parts, `[[`, "pixel_size_um"))
  if (length(sizes) > 1) refuse("pixel_size_um", "one for all images", sizes)
  same <- if (length(parts) == 1) parts[[1]] else list(pixel_size_um = sizes[[1]])
  c(list(source = list(parts = parts)), given_or(how, same))
}

plain_part <- function(part, held, how) {
  given <- plain_sources(part$images)
  kept <- part$called %in% held
  c(
    given["source"], given_or(given_or(how, part), given),
    list(names = as.list(part$names[kept]), called = as.list(part$called[kept]))
  )
}

# Where one image is: its part, and its name there. NULL where nobody knows.
source_of <- function(found, name) {
  for (part in attr(found, "source")) {
    place <- match(name, part$called)
    if (!is.na(place)) {
      return(c(part["images"], part["axes"], part["pattern"], name = part$names[place]))
    }
  }
}
