# How values cross to Python and back; the other half is python/cytoloom/r/values.py, which says
# why. Arrays cross as raw vectors with their dimensions, tables as columns of raw vectors.

# Elements handled at a time, so that no second array of doubles is made of a large image.
part_length <- 2^18

pack <- function(x) {
  if (is.data.frame(x)) {
    return(pack_table(x))
  }
  if (inherits(x, "cl_component")) {
    return(c(list(crosses_as = "component"), lapply(unclass(x), pack)))
  }
  if (inherits(x, "cl_model")) {
    return(model_path(x))
  }
  if (is.list(x)) {
    return(lapply(x, pack))
  }
  if (!is.null(dim(x))) {
    return(pack_array(x))
  }
  pack_plain(x)
}

pack_plain <- function(x) {
  if (is.null(x) || is.raw(x)) {
    return(x)
  }
  if (is.factor(x)) x <- as.character(x)
  if (!is.atomic(x) || is.complex(x)) {
    stop_clean("A value of class ", class(x)[1], " cannot be passed to Python.")
  }
  if (anyNA(x) && !all(is.nan(x[is.na(x)]))) {
    stop_clean("Invalid value. Expected no missing values. Received: NA.")
  }
  x <- unname(as.vector(x))
  if (is.character(x)) x <- enc2utf8(x)
  if (length(x) == 1) x else as.list(x)
}

pack_table <- function(x) {
  list(
    crosses_as = "table", n = nrow(x), names = as.list(enc2utf8(names(x))),
    columns = lapply(unname(as.list(x)), pack_column)
  )
}

pack_column <- function(x) {
  if (is.factor(x)) x <- as.character(x)
  if (!is.atomic(x)) stop_clean("A column of class ", class(x)[1], " cannot be passed to Python.")
  missing <- is.na(x) & !(is.numeric(x) & is.nan(x))
  packed <- switch(typeof(x),
    character = list(type = "string", values = as.list(enc2utf8(replace(x, missing, "")))),
    logical = list(type = "logical", values = as.raw(x & !missing)),
    integer = list(type = "integer", values = write_raw(x, 4L)),
    double = list(type = "double", values = write_raw(as.double(x), 8L)),
    stop_clean("A column of class ", class(x)[1], " cannot be passed to Python.")
  )
  c(packed, list(n = length(x), missing = if (any(missing)) as.raw(missing)))
}

# An array with its numbers as narrow as they allow: labels, of which the type says nothing.
pack_array <- function(x, what = "array", dtype = array_dtype(x)) {
  check_numbers(x, what)
  size <- c(uint8 = 1L, uint16 = 2L, int32 = 4L, float32 = 4L, float64 = 8L)[[dtype]]
  whole <- !startsWith(dtype, "float")
  raw <- if (is.raw(x)) as.vector(x) else write_raw(x, size, whole)
  list(crosses_as = "array", dtype = dtype, dim = as.list(dim(x)), raw = raw)
}

check_numbers <- function(x, what) {
  if (!(is.numeric(x) || is.logical(x) || is.raw(x))) {
    stop_clean("Invalid `", what, "`. Expected numbers. Received: ", class(as.vector(x))[1], ".")
  }
  if (anyNA(x)) {
    stop_clean(
      "Invalid `", what, "`. Expected no missing values. Received: ", sum(is.na(x)), " NA."
    )
  }
}

# Pixels. Their type is that of the file where cl_read() or the user says it; else they cross as
# what R has, 32-bit whole numbers or doubles, which Python takes for what the files of training
# are: never as what the values of one image would fit into, by which noise looks like signal.
pack_pixels <- function(x, what = "images") {
  check_numbers(x, what)
  stored <- said_dtype(x)
  crossing <- if (is.null(stored)) bare_dtype(x) else crosses_by[[stored]]
  packed <- pack_array(x, what, crossing)
  if (!identical(stored, crossing)) packed$stored <- stored
  packed
}

bare_dtype <- function(x) {
  if (is.logical(x) || is.raw(x)) {
    return("uint8")
  }
  small <- is.integer(x) || (length(x) > 0 && all(abs(range(x)) < 2^31) && all_whole(x))
  if (small) "int32" else "float64"
}

# Types of files, and by which of those that R can write they cross.
crosses_by <- c(
  bool = "uint8", uint8 = "uint8", uint16 = "uint16", int32 = "int32", int8 = "int32",
  int16 = "int32", uint32 = "float64", int64 = "float64", uint64 = "float64",
  float16 = "float32", float32 = "float32", float64 = "float64"
)

# The least and the largest number of types that hold whole numbers.
type_ends <- c(
  list(bool = c(0, 1)),
  lapply(c(uint8 = 8, uint16 = 16, uint32 = 32, uint64 = 64), function(bits) c(0, 2^bits - 1)),
  lapply(c(int8 = 7, int16 = 15, int32 = 31, int64 = 63), function(bits) c(-2^bits, 2^bits - 1))
)

# The attribute `dtype`, which arithmetic keeps: NULL where the values are no longer of it.
said_dtype <- function(x) {
  dtype <- attr(x, "dtype", exact = TRUE)
  if (length(x) == 0 || is.raw(x) || !list(dtype) %in% names(crosses_by)) {
    return(NULL)
  }
  ends <- type_ends[[dtype]]
  if (is.null(ends) || (within_ends(x, ends) && (!is.double(x) || all_whole(x)))) dtype
}

within_ends <- function(x, ends) {
  seen <- range(x)
  seen[1] >= ends[1] && seen[2] <= ends[2]
}

array_dtype <- function(x) {
  if (is.logical(x) || is.raw(x) || length(x) == 0) {
    return("uint8")
  }
  ends <- range(x)
  if (is.double(x) && (any(abs(ends) >= 2^31) || !all_whole(x))) {
    return("float64")
  }
  if (ends[1] < 0) "int32" else c("uint8", "uint16", "int32")[1 + sum(ends[2] > c(255, 65535))]
}

all_whole <- function(x) {
  for (first in part_starts(length(x))) {
    values <- x[part_of(length(x), first)]
    if (any(values != trunc(values))) {
      return(FALSE)
    }
  }
  TRUE
}

write_raw <- function(x, size, whole = is.integer(x)) {
  raw <- raw(length(x) * size)
  for (first in part_starts(length(x))) {
    values <- x[part_of(length(x), first)]
    values <- if (whole) as.integer(values) else as.double(values)
    bytes <- (first - 1) * size + seq_len(length(values) * size)
    raw[bytes] <- writeBin(values, raw(), size = size, endian = "little")
  }
  raw
}

part_starts <- function(n) if (n > 0) seq(1, n, by = part_length)

part_of <- function(n, first) first:min(n, first + part_length - 1)

unpack <- function(x) {
  if (!is.list(x)) {
    return(x)
  }
  kind <- x[["crosses_as"]]
  if (is.null(kind)) {
    return(lapply(x, unpack))
  }
  if (kind == "table") unpack_table(x) else unpack_array(x)
}

unpack_array <- function(x) {
  dim <- as.integer(unlist(x$dim))
  values <- read_raw(x$raw, x$dtype, prod(dim))
  if (length(dim) > 1) dim(values) <- dim
  values
}

read_raw <- function(raw, dtype, n) {
  format <- list(
    bool = list(integer(), 1L, FALSE), uint8 = list(integer(), 1L, FALSE),
    uint16 = list(integer(), 2L, FALSE), int32 = list(integer(), 4L, TRUE),
    float32 = list(double(), 4L, TRUE), float64 = list(double(), 8L, TRUE)
  )[[dtype]]
  size <- format[[2]]
  values <- vector(typeof(format[[1]]), n)
  for (first in part_starts(n)) {
    part <- part_of(n, first)
    bytes <- raw[(first - 1) * size + seq_len(length(part) * size)]
    values[part] <- readBin(
      bytes, format[[1]], length(part),
      size = size, signed = format[[3]], endian = "little"
    )
  }
  if (dtype == "bool") values == 1L else values
}

unpack_table <- function(x) {
  columns <- x$columns
  if (!is.null(names(columns))) columns <- list(columns)
  values <- lapply(columns, unpack_column)
  names(values) <- as.character(unlist(x$names))
  structure(values, row.names = .set_row_names(x$n), class = "data.frame")
}

unpack_column <- function(x) {
  values <- switch(x$type,
    string = enc2utf8(as.character(unlist(x$values))),
    logical = as.logical(as.integer(x$values)),
    integer = read_raw(x$values, "int32", x$n),
    double = read_raw(x$values, "float64", x$n)
  )
  if (!is.null(x$missing)) values[x$missing == as.raw(1)] <- NA
  values
}

# Paths and patterns that outlive a change of the working directory, also within lists, tables
# and cl_data(); all else as it is.
lasting <- function(x) {
  if (is.character(x)) {
    relative <- !grepl("^(/|~|[A-Za-z]:|\\\\\\\\)", x)
    x[relative] <- file.path(getwd(), x[relative])
    x[] <- normalizePath(x, winslash = "/", mustWork = FALSE)
  } else if (is.data.frame(x)) {
    x[path_columns(x)] <- lapply(x[path_columns(x)], function(column) lasting(as.character(column)))
  } else if (inherits(x, "cl_data")) {
    x[c("images", "labels")] <- lapply(x[c("images", "labels")], lasting)
  } else if (is.list(x)) {
    x[] <- lapply(x, lasting)
  }
  x
}

path_columns <- function(table) {
  tolower(trimws(names(table))) %in% c("image", "images", "label", "labels", "mask")
}

# Paths: `~` is R's to expand, and bytes that are not UTF-8 name another file in Python.
plain_path <- function(path, what = "path") {
  if (is.character(path) && length(path) > 1) {
    stop_clean("Invalid `", what, "`. Expected one path. Received: ", length(path), ".")
  }
  plain_paths(path, what)
}

plain_paths <- function(path, what = "path") {
  if (!is.character(path) || length(path) == 0 || !is.null(dim(path))) {
    received <- if (is.character(path) && length(path) == 0) "none" else class(path)[1]
    stop_clean("Invalid `", what, "`. Expected a path. Received: ", received, ".")
  }
  if (anyNA(path)) {
    stop_clean(
      "Invalid `", what, "`. Expected a path. Received: NA in place ", which(is.na(path))[1], "."
    )
  }
  path <- path.expand(enc2utf8(path))
  if (!l10n_info()[["UTF-8"]] && any(grepl("[^ -~]", path, useBytes = TRUE))) {
    stop_clean(
      "Invalid `", what, "`. A path with other than ASCII letters needs a UTF-8 locale: ",
      "set LANG=C.UTF-8 before starting R."
    )
  }
  path
}

# "1 image", "2 images".
counted <- function(n, noun) paste0(n, " ", noun, if (n != 1) "s")
