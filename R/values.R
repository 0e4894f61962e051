# How values cross to Python and back; the other half is python/cytoloom/r/values.py, which says
# why. Arrays cross as raw vectors with their dimensions, tables as columns of raw vectors.

# Elements handled at a time, so that no second array of doubles is made of a large image.
part_length <- 2^18

# The arguments of a call; a fault is said of the argument it is in.
pack_arguments <- function(arguments) {
  Map(pack, arguments, names(arguments))
}

pack <- function(x, what = "value") {
  if (is.data.frame(x)) {
    pack_table(x, what)
  } else if (inherits(x, "cl_component")) {
    fields <- unclass(x)
    c(list(crosses_as = "component"), Map(pack, fields, names(fields)))
  } else if (inherits(x, "cl_model")) {
    model_path(x)
  } else if (is_plain_list(x)) {
    lapply(unclass(x), pack, what)
  } else if (!is.null(dim(x))) {
    pack_array(x, what)
  } else {
    pack_plain(unfactored(x), what)
  }
}

pack_plain <- function(x, what) {
  if (is.null(x) || is.raw(x)) {
    return(x)
  }
  if (is.object(x) || !typeof(x) %in% c("character", "double", "integer", "logical")) {
    refuse(what, "text, numbers, TRUE or FALSE", x)
  }
  if (any(is.na(x) & !is.nan(x))) refuse(what, "no missing values", I("NA"))
  x <- unname(as.vector(x))
  if (is.character(x)) x <- enc2utf8(x)
  if (length(x) == 1) x else as.list(x)
}

pack_table <- function(x, what = "value") {
  odd <- vapply(x, function(column) is.list(column) && !all(vapply(column, is_packed, NA)), NA)
  if (any(odd)) refuse(what, "text, numbers, TRUE or FALSE", x)
  list(
    crosses_as = "table", n = nrow(x), names = as.list(enc2utf8(names(x))),
    columns = lapply(unname(as.list(x)), pack_column)
  )
}

is_packed <- function(x) is.character(x) || (is.list(x) && !is.null(x$crosses_as))

# Dates, times and the like as text. Images in a column were packed before.
pack_column <- function(x) {
  as_text <- is.object(x) && !inherits(x, "AsIs") || is.complex(x) || is.raw(x)
  if (as_text) x <- as.character(x)
  if (is.list(x)) {
    return(list(type = "list", values = unname(as.list(x)), n = length(x)))
  }
  missing <- is.na(x) & !(is.numeric(x) & is.nan(x))
  packed <- switch(typeof(x),
    character = list(type = "string", values = as.list(enc2utf8(replace(x, missing, "")))),
    logical = list(type = "logical", values = as.raw(x & !missing)),
    integer = list(type = "integer", values = write_raw(x, 4L)),
    double = list(type = "double", values = write_raw(as.double(x), 8L)),
    list(type = "string", values = as.list(replace(format(x), missing, "")))
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
    refuse(what, "numbers", x)
  }
  # NaN is a number to the core, as in files
  missing <- if (anyNA(x)) sum(is.na(x) & !is.nan(x)) else 0
  if (missing > 0) refuse(what, "no missing values", I(paste(missing, "NA")))
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
  small <- is.integer(x) || (length(x) > 0 && isTRUE(all(abs(range(x)) < 2^31)) && all_whole(x))
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
  isTRUE(seen[1] >= ends[1] && seen[2] <= ends[2])
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
    if (!isTRUE(all(values == trunc(values)))) {
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

# Of texts that are empty there are none.
without_blanks <- function(table) {
  texts <- vapply(table, is.character, NA)
  table[texts] <- lapply(table[texts], function(x) replace(x, x %in% "", NA))
  table
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
