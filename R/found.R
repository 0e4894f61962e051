#' What was found
#'
#' What [predict()][predict.cl_model] returns: a list of label images with the names of the images,
#' for `[[`, `[`, `lapply()`, `Map()`, `for` and `purrr::map()` alike. Beside it are three tables,
#' `found$files` (a row per image, also for those that failed, which the list lacks),
#' `found$objects` (a row per object) and `found$summary` (how far to trust them, a row per image:
#' see `summary()` below).
#'
#' Labels are kept in the object, so that `saveRDS()` and other processes have them, up to
#' `options(cytoloom.keep_mb = 512)` megabytes, 4 bytes a pixel. Larger ones stay in their files:
#' then `found[[i]]`, `lapply()`, `Map()` and `purrr::map()` read one at a time, and `for` gives
#' what `as.matrix()` or `as.array()` reads.
#'
#' @param x,object A `cl_found`.
#' @param name `files`, `objects`, `summary` or the name of an image.
#' @param i Name or number of an image; of several for `[`, also `TRUE` or `FALSE` for each row of
#'   `files` or `summary`. Numbers count the images that have labels: those that failed have none.
#' @param value For `names(x) <-`: names that differ, which the tables then have, too; for
#'   `x$objects <-` and its like: the table with what you made of it. Where rows of `objects`
#'   were left out, `files`, `print()` and `summary()` count those that are left; the labels keep
#'   all, and so does what works on labels, such as [cl_measure()] and `plot()`. For an image:
#'   `NULL`, which leaves it out. Labels are not replaced, for the tables would be those of others.
#' @param exact Ignored; it belongs to the generic function.
#' @param row.names,optional,stringsAsFactors Ignored; they belong to the generic function.
#' @param ... Must be empty; for `plot()`, settings of [graphics::plot.default()] such as `main`,
#'   `xlab` and `xlim`, which take the place of ours; lengths along the axes are px.
#' @return `x[[i]]`: labels, an integer matrix `[y, x]` or stack `[z, y, x]`, or the class of the
#'   images that went in. `x[i]`: a `cl_found` of these images, with their rows of the tables.
#'   `as.data.frame()`: the objects. `as.list()`: the labels of all images by name. `summary()`:
#'   a data frame of objects, between which numbers of them the true one lies in 90 of 100 images,
#'   their median area, and how unlike the images of the training an image looks, `NA` of an image
#'   that failed; `x$summary` says more, see [predict()][predict.cl_model].
#'   `c()`: the images of several predictions as one, `c(plate1 = a, plate2 = b)` where images have
#'   the same names (they become `plate1.A01` ...); with anything else a plain list.
#'   Workers of future and its like need `packages = "cytoloom"` to know `predict()` and
#'   `found[[1]]`, which do not say whose they are.
#' @name cl_found
#' @examplesIf cl_available()
#' model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
#' found <- predict(model, list(a = cl_simulate(seed = 1)$image), progress = FALSE)
#' vapply(found, max, 0L)
#' head(found$objects[, c("image", "object", "area_px")], 3)
NULL

# `told` are Python's tables. Labels that R does not ask to be kept in a folder of their own lie in
# a temporary one, which is given up when they are in the object.
new_found <- function(told, source = NULL, like = NULL, temporary = NULL) {
  files <- told$files
  for (end in c("low", "high")) files[[end]] <- as_numbers(files[[end]])
  done <- files$status == "ok"
  paths <- lasting(files$labels[done])
  labels <- labels_in_memory(paths, like)
  if (!is.null(temporary)) {
    paths <- if (is.null(labels)) keep_folder(temporary, paths) else NA_character_
    unlink(temporary, recursive = TRUE)
    told$origin$sha256[] <- "" # of no other run's folder
  }
  files$labels[!done] <- NA
  files$labels[done] <- paths
  if (is.null(labels)) labels <- in_files(paths, like, told$origin$sha256)
  names(labels) <- files$image[done]
  make_found(labels, files, told$objects, told$summary, source, told$origin)
}

# The one place that knows what a `cl_found` is made of; `origin` has how large pixels are, and
# which label images in files are those of the tables, by their hash.
make_found <- function(labels, files, objects, summary, source, origin = no_origin) {
  rownames(files) <- rownames(objects) <- rownames(summary) <- rownames(origin) <- NULL
  structure(
    labels,
    files = files, objects = objects, summary = summary, source = source, origin = origin,
    class = c("cl_found", "list")
  )
}

no_origin <- data.frame(image = character(), sha256 = character(), pixel_size_um = character())

# Texts of numbers with spaces between: a vector, or a matrix with a row each.
as_numbers <- function(texts) {
  parts <- strsplit(texts, " ", fixed = TRUE)
  width <- max(lengths(parts), 1)
  rows <- vapply(parts, function(part) as.numeric(part)[seq_len(width)], numeric(width))
  if (width == 1) as.numeric(rows) else t(rows)
}

# All labels, or NULL where they are too large to be kept in memory, as those in a Zarr store
# may be.
labels_in_memory <- function(paths, like) {
  if (any(dir.exists(paths))) {
    return(NULL)
  }
  room <- getOption("cytoloom.keep_mb", 512) * 2^20
  labels <- vector("list", length(paths))
  for (k in seq_along(paths)) {
    labels[[k]] <- read_labels(paths[[k]], like)
    room <- room - as.numeric(utils::object.size(labels[[k]]))
    if (room < 0) {
      return(NULL)
    }
  }
  labels
}

# With `sha256`: of the run that wrote it so, or as somebody has corrected it since.
read_labels <- function(path, like, sha256 = NULL) {
  if (!file.exists(path)) {
    stop_clean("The labels in ", path, " are gone. Predict again, or put them back.")
  }
  labels <- call_python("read", path = path, labels = TRUE, sha256 = sha256)$array
  as_class(labels, like, stack = length(dim(labels)) == 3)
}

# Labels too large for the object outlive the session, which they would not in tempdir().
keep_folder <- function(temporary, paths) {
  folder <- file.path(tools::R_user_dir("cytoloom", "data"), "found")
  dir.create(folder, recursive = TRUE, showWarnings = FALSE)
  kept <- tempfile(format(Sys.time(), "%Y-%m-%d-"), folder)
  dir.create(file.path(kept, "labels"), recursive = TRUE)
  places <- file.path(kept, "labels", basename(paths))
  if (!all(file.copy(paths, places))) stop_clean("Labels cannot be written to ", kept, ".")
  message(
    "Labels of ", counted(length(paths), "image"), " are too large to be kept in the object; ",
    "they stay in ", kept, " until you delete it. Pass `out` to keep them elsewhere."
  )
  places
}

#' @rdname cl_found
#' @export
`[[.cl_found` <- function(x, i, exact = TRUE) {
  one <- unclass(x)[[found_place(x, i)]]
  if (inherits(one, "cl_labels")) in_memory(one) else one
}

# What chooses images: a factor by its names, and what was asked of a table by its rows, which are
# more than there are labels where an image has failed.
as_index <- function(x, i) {
  if (is.factor(i)) {
    return(as.character(i))
  }
  if (!is.logical(i) || isTRUE(i) || isFALSE(i)) {
    return(i)
  }
  done <- attr(x, "files")$status == "ok"
  lengths <- unique(c(length(x), length(done)))
  if (anyNA(i) || !length(i) %in% lengths) {
    expected <- paste("TRUE or FALSE for each image,", paste(lengths, collapse = " or "))
    refuse("i", expected, if (anyNA(i)) NA else i)
  }
  if (length(i) == length(done)) i[done] else i
}

found_place <- function(x, i) {
  if (is.factor(i)) i <- as.character(i)
  place <- if (is.character(i)) match(i, names(x)) else i
  if (length(place) == 1 && place %in% seq_along(x)) {
    return(place)
  }
  failed <- if (length(i) == 1) match(i, attr(x, "files")$image)
  if (is.character(i) && !anyNA(failed)) {
    stop_clean(i, " has no labels: ", attr(x, "files")$status[failed])
  }
  no_such_image(x, i)
}

no_such_image <- function(x, i) {
  if (length(x) == 0) refuse("i", "a prediction of at least one image", I("one without any"))
  some <- toString(c(utils::head(names(x), 5), if (length(x) > 5) "..."))
  stop_clean(
    "Invalid image. Expected a number up to ", length(x), " or one of ", some,
    ". Received: ", toString(i), ".",
    if (is.character(i) && all(i %in% tables_of_found)) paste0(" The table is found$", i, ".")
  )
}

#' @rdname cl_found
#' @export
`[.cl_found` <- function(x, i) {
  places <- stats::setNames(seq_along(x), names(x))
  files <- attr(x, "files")
  if (!missing(i)) {
    i <- as_index(x, i)
    places <- places[i]
  }
  if (anyNA(places)) found_place(x, i[is.na(places)][1])
  if (anyDuplicated(places)) {
    again <- names(places)[duplicated(places)][1]
    refuse("i", "each image once, since tables know it by its name", I(paste(again, "again")))
  }
  files <- files[which(files$status == "ok")[places], ]
  objects <- attr(x, "objects")
  objects <- objects[objects$image %in% files$image, ]
  summary <- attr(x, "summary")
  summary <- summary[match(files$image, summary$image), ]
  origin <- attr(x, "origin")
  origin <- origin[origin$image %in% files$image, ]
  make_found(unclass(x)[places], files, objects, summary, attr(x, "source"), origin)
}

tables_of_found <- c("files", "objects", "summary")

#' @rdname cl_found
#' @export
`$.cl_found` <- function(x, name) {
  if (name %in% tables_of_found) attr(x, name) else x[[name]]
}

#' @rdname cl_found
#' @export
`$<-.cl_found` <- function(x, name, value) { # nolint: object_name_linter.
  if (!name %in% tables_of_found) {
    x[[name]] <- value
    return(x)
  }
  known <- switch(name,
    files = c("image", "status", "objects"), objects = c("image", "object"),
    summary = c("image", "count", "count_low", "count_high", "unlikeness", "flags")
  )
  if (!is.data.frame(value) || !all(known %in% names(value))) {
    refuse(name, paste("a data frame with", paste0("`", known, "`", collapse = ", ")), value)
  }
  images <- if (name == "files") value$image[value$status == "ok"] else value$image
  rows <- switch(name, files = names(x), summary = attr(x, "files")$image, objects = images)
  if (!identical(images, rows)) refuse(name, "a row for each image, in their order", value)
  if (name == "objects") attr(x, "files") <- counted_again(x, value)
  attr(x, name) <- as.data.frame(value)
  x
}

# The table of files of which `objects` are those that are left.
counted_again <- function(x, objects) {
  files <- attr(x, "files")
  elsewhere <- nrow(attr(x, "objects")) == 0 && nrow(objects) == 0 # in Parquet files
  done <- files$status == "ok"
  if (!elsewhere) {
    left <- each_once(objects)
    files$objects[done] <- tabulate(match(left$image, files$image[done]), sum(done))
  }
  files
}

# The rows of a table of objects, one of each: joined to a table that has several rows of an image,
# an object has several, too.
each_once <- function(objects) {
  objects[!duplicated(data.frame(image = as.character(objects$image), object = objects$object)), ]
}

#' @rdname cl_found
#' @export
`[[<-.cl_found` <- function(x, i, value) {
  if (!is.null(value)) {
    stop_clean(
      "Labels of a prediction go with its tables and are not replaced: change a copy, ",
      "labels <- as.list(found), and measure it, cl_measure(labels, images)."
    )
  }
  x[-found_place(x, i)]
}

#' @rdname cl_found
#' @export
`[<-.cl_found` <- function(x, i, value) {
  if (is.null(value)) x[setdiff(names(x), names(x[i]))] else `[[<-`(x, i, value)
}

#' @rdname cl_found
#' @export
`names<-.cl_found` <- function(x, value) { # nolint: object_name_linter.
  if (is.null(value)) {
    return(unname(plain_list(x)))
  }
  value <- as.character(value)
  if (length(value) != length(x) || anyNA(value) || !all(nzchar(value)) || anyDuplicated(value)) {
    refuse("names", paste(counted(length(x), "name"), "that differ"), value)
  }
  renamed_images(x, names(x), value)
}

# Other names in the list, in the tables and in what is remembered of the images.
renamed_images <- function(x, old, value) {
  renamed <- function(names) ifelse(names %in% old, value[match(names, old)], names)
  files <- attr(x, "files")
  objects <- attr(x, "objects")
  files$image <- renamed(files$image)
  objects$image <- renamed(objects$image)
  summary <- attr(x, "summary")
  summary$image <- renamed(summary$image)
  source <- lapply(attr(x, "source"), function(part) {
    part$called <- renamed(part$called)
    part
  })
  origin <- attr(x, "origin")
  origin$image <- renamed(origin$image)
  labels <- stats::setNames(plain_list(x), renamed(names(x)))
  make_found(labels, files, objects, summary, source, origin)
}

#' @rdname cl_found
#' @export
c.cl_found <- function(...) {
  given <- list(...)
  if (!all(vapply(given, inherits, NA, "cl_found"))) {
    plain <- lapply(given, function(x) if (inherits(x, "cl_found")) as.list(x) else x)
    return(do.call(c, plain))
  }
  given <- Map(prefixed, given, if (is.null(names(given))) "" else names(given))
  files <- bind_tables(lapply(given, attr, "files"))
  twice <- unique(files$image[duplicated(files$image)])
  if (length(twice) > 0) {
    stop_clean(
      "Invalid predictions. Expected images of different names. Received: ",
      toString(utils::head(twice, 5)), " in several. ",
      "Give each a name: c(plate1 = ..., plate2 = ...)."
    )
  }
  given <- unname(given)
  labels <- unlist(lapply(given, plain_list), recursive = FALSE)
  objects <- bind_tables(lapply(given, attr, "objects"))
  source <- unlist(lapply(given, attr, "source"), recursive = FALSE)
  origin <- bind_tables(lapply(given, attr, "origin"))
  summary <- bind_tables(lapply(given, attr, "summary"))
  make_found(labels, files, objects, summary, unique(source), origin)
}

# As c() of lists has it: c(a = list(b = 1)) is called a.b; images that failed as well.
prefixed <- function(found, name) {
  all <- attr(found, "files")$image
  if (nzchar(name)) renamed_images(found, all, paste0(name, ".", all)) else found
}

# Rows of several tables; a column that one lacks is NA there, and so is one of a matrix.
bind_tables <- function(tables) {
  columns <- unique(unlist(lapply(tables, names)))
  for (name in columns) {
    ones <- Filter(Negate(is.null), lapply(tables, `[[`, name))
    width <- max(vapply(ones, NCOL, 0L))
    tables <- lapply(tables, function(table) {
      one <- table[[name]]
      if (is.null(one)) one <- rep(ones[[1]][NA_integer_], nrow(table))
      table[[name]] <- if (width > 1) widened(one, width) else one
      table
    })
  }
  do.call(rbind, lapply(tables, `[`, columns))
}

widened <- function(x, width) {
  x <- as.matrix(x)
  unname(cbind(x, matrix(NA, nrow(x), width - ncol(x))))
}

#' @importFrom utils .DollarNames
#' @export
.DollarNames.cl_found <- function(x, pattern = "") { # nolint: object_name_linter.
  grep(pattern, c(tables_of_found, names(x)), value = TRUE)
}

#' @rdname cl_found
#' @export
as.list.cl_found <- function(x, ...) {
  no_dots(...)
  # what is in files is read one at a time, by `[[`, where lapply() and its like get there
  if (any(vapply(unclass(x), inherits, NA, "cl_labels"))) x else plain_list(x)
}

plain_list <- function(x) stats::setNames(unclass(x)[seq_along(x)], names(x))

#' @rdname cl_found
#' @export
print.cl_found <- function(x, ...) {
  no_dots(...)
  cat(format(x), "\n", sep = "")
  if (length(x) > 0) {
    cat("  labels: found[[1]] or found[[", deparse(names(x)[1]), "]]", sep = "")
    cat("; tables: found$files, found$objects", several_rows(x), ", found$summary\n", sep = "")
  }
  files <- attr(x, "files")
  failed <- files[files$status != "ok" & !of_a_part(files$status), ]
  shown <- utils::head(failed, 10)
  if (nrow(failed) > 0) cat(sprintf("failed: %s: %s\n", shown$image, shown$status), sep = "")
  if (nrow(failed) > 10) cat("failed: ", nrow(failed) - 10, " more, in found$files\n", sep = "")
  invisible(x)
}

# " (32 rows)" of a table that has several rows of an object.
several_rows <- function(x) {
  objects <- attr(x, "objects")
  if (nrow(each_once(objects)) < nrow(objects)) paste0(" (", counted(nrow(objects), "row"), ")")
}

#' @rdname cl_found
#' @export
format.cl_found <- function(x, ...) {
  files <- attr(x, "files")
  part <- unique(files$status[of_a_part(files$status)])
  if (length(part) > 0) return(paste("<cl_found>", paste(part, collapse = " ")))
  found <- counted(sum(files$objects, na.rm = TRUE), "object")
  paste0("<cl_found> ", found, " in ", counted(sum(files$status == "ok"), "image"))
}

# Of which images a part was done, and no more; prediction/predictions.py says it the same way.
of_a_part <- function(status) grepl("^Part [0-9]+ of [0-9]+ is done", status)

#' @rdname cl_found
#' @importFrom utils str
#' @export
str.cl_found <- function(object, ...) {
  cat(" ", format(object), "\n", sep = "")
  utils::str(utils::head(plain_list(object), 5), give.attr = FALSE, no.list = TRUE)
  if (length(object) > 5) cat(" and ", length(object) - 5, " more\n", sep = "")
  invisible()
}

#' @rdname cl_found
#' @export
summary.cl_found <- function(object, ...) {
  no_dots(...)
  files <- attr(object, "files")
  objects <- each_once(attr(object, "objects"))
  per_image <- split(objects$area_px, factor(objects$image, unique(files$image)))
  per_image <- per_image[match(files$image, names(per_image))]
  told <- attr(object, "summary")
  more <- c("count_low", "count_high", "unlikeness", "flags")
  told <- told[match(files$image, told$image), more]
  data.frame(
    image = files$image, status = files$status, objects = files$objects,
    median_area_px = vapply(per_image, stats::median, 0), told, row.names = NULL
  )
}

#' @rdname cl_found
#' @export
as.data.frame.cl_found <- function(x, row.names = NULL, optional = FALSE, ...,
                                   stringsAsFactors = FALSE) { # nolint
  no_dots(...)
  attr(x, "objects")
}

#' Open results again
#'
#' Takes up what a prediction wrote with `out`, whether from R, Python or the command line.
#'
#' @param folder The folder.
#' @param ... Must be empty.
#' @return A [cl_found], with the tables that were written: of columns that came along from a table
#'   factors and dates are text, and a column is of numbers or of `TRUE` and `FALSE` where its text
#'   is written as R and Python write these (`"001"` stays a text, `"10"` becomes a number). Its
#'   `plot()` draws the outlines alone unless `images` says where the images are.
#' @export
#' @examplesIf cl_available()
#' out <- tempfile("results")
#' model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
#' predict(model, list(a = cl_simulate(seed = 1)$image), out = out, progress = FALSE)
#' cl_results(out)
cl_results <- function(folder, ...) {
  no_dots(...)
  new_found(call_python("results", folder = plain_path(folder, "folder")))
}

#' @rdname cl_found
#' @param images For `plot()`: where the images are, where `x` does not know, as one of
#'   [cl_results()].
#' @export
plot.cl_found <- function(x, i = 1, ..., images = NULL) {
  draw_picture(picture(x, i, images), names(x)[found_place(x, i)], ...)
  invisible(x)
}

# The outlines of what was found on the image, where it is known.
picture <- function(x, i, images = NULL) {
  place <- found_place(x, i)
  labels <- plain_labels(x[[place]])
  name <- names(x)[place]
  source <- if (is.null(images)) source_of(x, name) else list(images = images, name = name)
  image <- if (is.null(source)) {
    array(0L, dim(labels))
  } else {
    call_python(
      "image",
      images = plain_sources(source$images, source$axes, pattern = source$pattern),
      name = source$name
    )
  }
  outlined(image, list(`#FFB000` = labels))
}
