# What users give for images and data, as Python takes it: paths, arrays, tables, lists of these.

# Images without labels: `source`, and how they are read.
plain_sources <- function(images, axes = NULL, pixel_size_um = NULL, pattern = NULL,
                          what = "images") {
  how <- list(axes = axes, pixel_size_um = pixel_size_um, pattern = pattern)
  pack_arguments(how) # told of each by its name
  if (inherits(images, "cl_data")) {
    how <- given_or(how, images)
    images <- images$images
  }
  if (inherits(images, "cl_found")) {
    return(found_sources(images, how))
  }
  c(list(source = plain_source(images, what)), how)
}

given_or <- function(how, otherwise) {
  missing <- vapply(how, is.null, NA)
  how[missing] <- otherwise[names(how)[missing]]
  stats::setNames(how, c("axes", "pixel_size_um", "pattern"))
}

plain_source <- function(images, what) {
  images <- unfactored(images)
  refuse_pair(images, what, "image")
  if (is.data.frame(images)) {
    return(plain_table(images, what, labels = FALSE))
  }
  if (is_one_path(images)) {
    return(plain_path(images, what))
  }
  if (is_one_array(images)) images <- list(images)
  if (!is_plain_list(images) && !is.character(images)) {
    refuse(what, "paths, arrays, a list of these or a data frame", images)
  }
  if (length(images) == 0) refuse(what, "at least one image", images)
  named_source(images, what)
}

# Whether it is an image with its labels, as cl_simulate() gives them, and not a list of two images.
is_pair <- function(x) {
  names <- if (is_plain_list(x) && length(x) == 2) tolower(names(x))
  any(names %in% c("image", "images")) && any(names %in% label_columns)
}

refuse_pair <- function(x, what, part) {
  if (is_pair(x)) {
    wanted <- names(x)[(tolower(names(x)) %in% label_columns) == (part == "labels")]
    remedy <- paste0("That is x$", wanted, ".")
    refuse(what, paste("the", part, "alone"), I("a list of an image and its labels"), remedy)
  }
}

unfactored <- function(x) if (is.factor(x)) as.character(x) else x

is_one_path <- function(x) is.character(x) && length(x) == 1 && is.null(names(x))

# A list that is no object of another kind; those of purrr, imager and I() are lists.
is_plain_list <- function(x) {
  listed <- !is.object(x) || inherits(x, c("list", "vctrs_list_of", "AsIs"))
  is.list(x) && is.null(dim(x)) && listed
}

# Several images; without names a list of paths, which may be files of one image.
named_source <- function(images, what) {
  plain <- plain_images(images, what)
  if (is.null(names(images))) {
    return(if (all(vapply(plain, is.character, NA))) plain else list(images = plain))
  }
  list(images = plain, names = as.list(all_names(images)))
}

# Arrays, and paths, factors among them.
plain_images <- function(images, what = "images") {
  each_or_refused(images, function(one) {
    one <- unfactored(one)
    refuse_pictures(one, what)
    if (is.character(one) && is.null(dim(one))) plain_path(one, what) else plain_image(one, what)
  })
}

# What cannot be used among others crosses as what is wrong with it: a row of the tables.
each_or_refused <- function(many, plain) {
  lapply(unname(as.list(many)), function(one) {
    tryCatch(plain(one), cytoloom_error = function(error) {
      if (length(many) == 1 || is.null(error$expected)) stop(error)
      list(
        crosses_as = "refused", expected = error$expected, received = error$received,
        remedy = paste(error$remedy, collapse = "")
      )
    })
  })
}

file_name <- function(path) sub("([.]ome)?[.][^.]*$", "", basename(path))

# Names of all elements; those without get that of their file, or their place.
all_names <- function(images) {
  given <- names(images)
  for (k in which(is.na(given) | !nzchar(given))) {
    one <- unfactored(images[[k]])
    place <- sprintf("image_%03d", k - 1L)
    given[k] <- if (is.character(one)) file_name(one) else place
  }
  given
}

is_one_array <- function(images) {
  known <- inherits(images, c("Image", "cimg", names(pictures)))
  known || (!is.null(dim(images)) && !is.data.frame(images))
}

# The image whose class the results have.
first_image <- function(images) {
  if (inherits(images, "cl_data")) images <- images$images
  if (inherits(images, "cl_found")) images <- sources_of(images)[[1]]$images
  if (is.data.frame(images)) {
    arrays <- Filter(is.list, as.list(images)[path_columns(images, labels = FALSE)])
    images <- if (length(arrays) > 0) arrays[[1]] else NULL
  }
  if (is_one_array(images) || !is.list(images) || !length(images)) images else images[[1]]
}

# A table whose columns of images, and of labels where they are wanted, are paths or arrays; other
# columns come along.
plain_table <- function(table, what, labels = TRUE) {
  if (nrow(table) == 0) refuse(what, "at least one image", table)
  table <- in_single_columns(as.data.frame(table), labels)
  twice <- unique(names(table)[duplicated(names(table))])
  if (any(nzchar(twice))) refuse(what, "columns of different names", I(toString(twice)))
  table <- without_lists(table, labels)
  # by their places: a column may have no name
  for (place in which(path_columns(table, labels))) {
    cells <- table[[place]]
    table[[place]] <- plain_cells(cells, names(table)[place])
    if (is.list(cells) && !is.null(names(cells)) && !"name" %in% tolower(names(table))) {
      table$name <- all_names(cells)
    }
  }
  table
}

# Without columns that no table of results can hold.
without_lists <- function(table, labels) {
  odd <- vapply(table, is.list, NA) & !path_columns(table, labels)
  if (any(odd)) {
    text <- "Columns that are lists do not come along: "
    warning(text, toString(names(table)[odd]), ".", call. = FALSE)
  }
  table[!odd]
}

# A matrix in a table is a column for each of its own, named as write.csv() does; scale() and its
# like return matrices of one column.
in_single_columns <- function(table, labels = TRUE) {
  wide <- vapply(table, function(column) length(dim(column)) > 1, NA)
  odd <- wide & path_columns(table, labels) & vapply(table, NCOL, 0L) != 1
  if (any(odd)) refuse(names(table)[odd][1], "one image in each row", table[[which(odd)[1]]])
  if (!any(wide)) {
    return(table)
  }
  listed <- vapply(table, is.list, NA) & !vapply(table, is.data.frame, NA)
  table[listed] <- lapply(table[listed], I)
  do.call(data.frame, c(as.list(table), check.names = FALSE, stringsAsFactors = FALSE))
}

plain_cells <- function(cells, column) {
  if (!is.list(cells)) {
    return(plain_paths(as.character(cells), column))
  }
  if (!tolower(trimws(column)) %in% label_columns) {
    return(I(plain_images(cells, column)))
  }
  I(each_or_refused(cells, function(one) pack(plain_label(one))))
}

# A table of results with the columns that came along as they were given: factors, dates and the
# like cross as text.
as_given <- function(told, images) {
  if (inherits(images, "cl_found")) {
    return(Reduce(as_given, lapply(attr(images, "source"), `[[`, "images"), told))
  }
  if (inherits(images, "cl_data")) images <- images$images
  if (!is.data.frame(images)) {
    return(told)
  }
  for (name in names(images)[!path_columns(images, labels = FALSE)]) {
    # what is called as one of our columns comes along as `name_given`
    suffixed <- paste0(name, strrep("_given", 3:0))
    there <- setdiff(intersect(suffixed, names(told)), setdiff(names(images), name))[1]
    if (!is.na(there)) told[[there]] <- of_type(told[[there]], images[[name]])
  }
  told
}

of_type <- function(told, given) {
  if (!is.object(given) && !typeof(given) %in% c("integer", "complex", "raw")) {
    return(told)
  }
  words <- as.character(told)
  if (!all(words %in% c(as.character(given), NA))) {
    return(told)
  }
  given[match(words, as.character(given))]
}

label_columns <- c("label", "labels", "mask", "masks")

# Which columns name images, and labels where they are wanted.
path_columns <- function(table, labels = TRUE) {
  names <- tolower(trimws(names(table)))
  images <- names %in% c("image", "images")
  if (!any(images)) {
    paths <- match(c("path", "file", "filename", "filepath"), names)
    images[stats::na.omit(paths)[1]] <- length(stats::na.omit(paths)) > 0
  }
  (images %in% TRUE)[seq_along(names)] | (labels & names %in% label_columns)
}

as_cl_data <- function(data, what = "data") {
  if (inherits(data, "cl_data")) {
    return(data)
  }
  if (!is.list(data) || !is.null(attr(data, "class"))) {
    return(new_data(data))
  }
  if (is_pair(data)) {
    labels <- tolower(names(data)) %in% label_columns
    names(data) <- ifelse(labels, "labels", "images")
  }
  odd <- setdiff(names(data), names(formals(cl_data)))
  if (!"images" %in% names(data) || length(odd) > 0) {
    refuse(what, "list(images = , labels = )", data)
  }
  do.call(cl_data, data)
}

# Annotated images: `source` and options; arrays in our index order.
plain_data <- function(data, what = "data") {
  data <- as_cl_data(data, what)
  options <- data[c(
    "group", "channels", "unknown", "axes", "pixel_size_um", "pattern", "class_ids", "weights"
  )]
  options$also <- lapply(data$also, plain_data)
  # each column as a list: of a single row R would send no vector
  classes <- data$object_classes
  options$object_classes <- if (is.data.frame(classes)) lapply(classes, as.list) else classes
  if (is.null(data$labels)) {
    return(c(list(source = plain_place(data$images, what)), options))
  }
  refuse_pair(data$labels, "labels", "labels")
  source <- labelled_source(data$images, options[c("axes", "pixel_size_um", "pattern")])
  names <- if (is.null(data$names)) source$names else data$names
  labels <- by_name(as_list(data$labels), unlist(source$names), source$images)
  source$labels <- each_or_refused(labels, plain_label)
  source$names <- if (!is.null(names)) as.list(as.character(names))
  c(list(source = source), options)
}

# Labels in the order of the images where both have names, else as they are. Files that are called
# as the others have names.
by_name <- function(labels, images, sources) {
  given <- names(labels)
  if (is.null(given) || is.null(images)) {
    called <- if (is.null(given)) file_names(labels) else given
    return(by_file_name(labels, called, if (is.null(images)) file_names(sources) else images))
  }
  if (anyDuplicated(given) || !setequal(given, images)) {
    refuse("labels", paste("the names of the images,", toString(images)), I(toString(given)))
  }
  labels[images]
}

# Labels in the order of the images where each is called as one of them; else as they are.
by_file_name <- function(labels, called, images) {
  same <- !anyDuplicated(called) && length(called) > 0 && setequal(called, images)
  if (same && length(called) == length(images)) labels[match(images, called)] else labels
}

# What files are called, without folder and ending; nothing where some are no files, or have paths
# that are longer than any system takes, at which basename() stops.
file_names <- function(many) {
  files <- vapply(many, function(one) {
    is.character(one) && length(one) == 1 && isTRUE(nchar(one, "bytes") < 4096)
  }, NA)
  if (length(files) > 0 && all(files)) file_name(unlist(many))
}

# Images to which labels are given: `images` and perhaps `names`, or parts of predictions.
labelled_source <- function(images, how) {
  if (inherits(images, "cl_found")) {
    return(found_sources(images, how)$source)
  }
  if (is.data.frame(images)) images <- images[[which(path_columns(images, labels = FALSE))[1]]]
  source <- plain_source(images, "images")
  if ("images" %in% names(source)) source else list(images = as.list(source))
}

# A folder, a CSV file or a table.
plain_place <- function(x, what) {
  x <- unfactored(x)
  if (is.data.frame(x)) {
    return(plain_table(x, what))
  }
  if (!is.character(x) || length(x) != 1) {
    refuse(what, "a folder, a CSV file, a data frame or cl_data()", x)
  }
  plain_path(x, what)
}

plain_label <- function(x) {
  x <- unfactored(x)
  refuse_pictures(x, "labels")
  if (is.character(x) && is.null(dim(x))) {
    return(plain_path(x, "labels"))
  }
  if (!inherits(x, "cl_labels") && is.null(dim(x))) refuse("labels", "paths or arrays", x)
  plain_labels(x)
}

as_list <- function(x) {
  x <- unfactored(x)
  if (is.character(x)) {
    return(as.list(x))
  }
  if (is_plain_list(x)) x else list(x)
}

# Paths and patterns that outlive a change of the working directory, also within lists, tables
# and cl_data(); all else as it is, and so a column of labels where these are not wanted.
lasting <- function(x, labels = TRUE) {
  x <- unfactored(x)
  if (is.character(x)) {
    given <- !is.na(x) & nzchar(x)
    remote <- grepl("^[A-Za-z][A-Za-z0-9]+://", x)
    relative <- given & !remote & !grepl("^(/|~|[A-Za-z]:|\\\\\\\\)", x)
    x[relative] <- file.path(getwd(), x[relative])
    local <- given & !remote
    x[local] <- normalizePath(x[local], winslash = "/", mustWork = FALSE)
  } else if (is.data.frame(x)) {
    paths <- path_columns(x, labels)
    x[paths] <- lapply(x[paths], lasting)
  } else if (inherits(x, "cl_data")) {
    x[c("images", "labels")] <- lapply(x[c("images", "labels")], lasting, labels)
  } else if (is.list(x) && !inherits(x, "cl_found")) {
    x[] <- lapply(x, lasting)
  }
  x
}

# Paths: `~` is R's to expand, and bytes that are not UTF-8 name another file in Python.
plain_path <- function(path, what = "path") {
  if (is.character(path) && length(path) != 1) refuse(what, "one path", path)
  plain_paths(path, what)
}

plain_paths <- function(path, what = "path") {
  if (!is.character(path) || length(path) == 0 || !is.null(dim(path))) {
    refuse(what, "a path", path)
  }
  if (anyNA(path)) refuse(what, "a path", I(paste("NA in place", which(is.na(path))[1])))
  if (!all(nzchar(path))) refuse(what, "a path", I("\"\""))
  # no path on any system is as long
  if (any(nchar(path, "bytes") > 4096)) refuse(what, "a path", path)
  path <- path.expand(enc2utf8(path))
  if (!l10n_info()[["UTF-8"]] && any(grepl("[^ -~]", path, useBytes = TRUE))) {
    stop_clean(
      "Invalid `", what, "`. A path with other than ASCII letters needs a UTF-8 locale: ",
      "set LANG=C.UTF-8 before starting R."
    )
  }
  unname(path)
}
