spots <- function(cells = 4, frames = 6) {
  rows <- lapply(seq_len(frames) - 1, function(t) {
    near <- sin(seq_len(cells) * 7 + t * 3)
    data.frame(
      frame = t, object = seq_len(cells), y = 10 + near, x = 20 * seq_len(cells) + t - near
    )
  })
  do.call(rbind, rows)
}

test_that("positions, arrays and files of labels are linked", {
  need_python()
  table <- spots()
  found <- cl_track(NULL, table, minutes_per_frame = 5, progress = FALSE)
  expect_s3_class(found, "cl_tracks")
  expect_identical(nrow(found$tracks), 4L)
  expect_output(print(found), "24 positions, 20 links, 4 tracks, 0 divisions")
  expect_identical(as.data.frame(found), found$positions)
  expect_true(all(found$links$p_wrong[found$links$chosen] < 0.01))

  movie <- array(0L, c(3, 30, 40))
  for (t in 1:3) {
    movie[t, 5:10, 5:10 + t] <- 2L + t
    movie[t, 20:26, 25:30 - t] <- 9L
  }
  of_array <- cl_track(NULL, movie, progress = FALSE)
  expect_identical(of_array$tracks$positions, c(3L, 3L))
  of_list <- cl_track(NULL, lapply(1:3, function(t) movie[t, , ]), progress = FALSE)
  expect_identical(of_list$links, of_array$links)
  folder <- tempfile("labels")
  dir.create(folder)
  for (t in 1:3) {
    cl_write_labels(movie[t, , ], file.path(folder, sprintf("t%d.tif", t)), pixel_size_um = 0.5)
  }
  of_files <- cl_track(NULL, folder, out = tempfile("tracks"), progress = FALSE)
  expect_equal(unlist(of_files$spacing_um), c(0.5, 0.5))
  expect_true(file.exists(file.path(of_files$out, "tracks.csv")))
  both <- cl_track(NULL, list(a = movie, b = folder), progress = FALSE)
  expect_identical(both$tracks$recording, c("a", "a", "b", "b"))
  again <- cl_track(NULL, of_array, progress = FALSE)
  expect_identical(nrow(again$tracks), 2L)
})

test_that("links that may be wrong are listed, left out, and kept where they were looked at", {
  need_python()
  found <- cl_track(NULL, spots(), progress = FALSE)
  flagged <- cl_flagged(found, limit = 0)
  expect_true(all(c("p_wrong", "right", "y_from", "x_to") %in% names(flagged)))
  expect_identical(nrow(cl_filtered(found, 1)$tracks), 4L)
  expect_gt(nrow(cl_filtered(found, 0)$tracks), 4)
  flagged <- flagged[1, ]
  flagged$right <- "no"
  again <- cl_track(NULL, spots(), corrections = flagged, progress = FALSE)
  key <- c("frame_from", "object_from", "frame_to", "object_to")
  kept <- merge(again$links[again$links$chosen, key], flagged[key])
  expect_identical(nrow(kept), 0L)
  flagged$right <- "perhaps"
  expect_error(
    cl_track(NULL, spots(), corrections = flagged, progress = FALSE), "yes or no.*perhaps"
  )
})

family <- function() {
  data.frame(
    track = c(1, 1, 2, 2, 3, 3, 4, 5), parent = c(0, 0, 1, 1, 1, 1, 3, 3),
    frame = c(0, 1, 2, 3, 2, 3, 4, 4), y = c(5, 5, 3, 3, 7, 7, 6, 8), x = c(5, 5, 5, 5, 5, 5, 4, 6)
  )
}

test_that("tracks of other programs are read, written, scored and drawn", {
  need_python()
  tracks <- cl_read_tracks(family(), spacing_um = 0.5, minutes_per_frame = 30)
  expect_identical(tracks$tracks$parent, c(0L, 1L, 1L, 3L, 3L))
  expect_identical(cl_tree(tracks, 5)$generation, c(0L, 1L, 1L, 2L, 2L))
  expect_error(cl_tree(tracks, 9), "a track, 1 to 5")
  cycles <- cl_cell_cycles(tracks)
  expect_identical(cycles$event, c(1L, 0L, 1L, 0L, 0L))
  expect_identical(cycles$born, c(FALSE, TRUE, TRUE, TRUE, TRUE))
  expect_equal(cycles$hours, c(1, 1, 1, 0.5, 0.5))

  file <- tempfile(fileext = ".xml")
  cl_export_tracks(tracks, file, progress = FALSE)
  back <- cl_read_tracks(file)
  expect_identical(back$tracks$frame_end, tracks$tracks$frame_end)
  scores <- evaluate(back, tracks)
  expect_s3_class(scores, "cl_track_scores")
  value <- as.data.frame(scores)
  expect_equal(value$value[value$metric == "LNK"], 1)
  expect_output(print(scores), "LNK")

  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_identical(plot(tracks), tracks)
  expect_identical(plot(tracks, cell = 4, main = "one"), tracks)
  expect_identical(plot(tracks, "paths"), tracks)
  expect_error(plot(tracks, "errors"), "for error rates")
  found <- cl_track(NULL, spots(), progress = FALSE)
  expect_identical(plot(found, "errors"), found)
  expect_error(plot(found, "heat"), "kind")
})

test_that("places of tracks are those of their daughters", {
  own <- data.frame(track = 1:5, parent = c(0, 1, 1, 3, 3))
  expect_equal(tree_places(own), c(0.75, 0, 1.5, 1, 2))
  expect_equal(root_of(own), rep(1L, 5))
})

test_that("what is no movie is refused in a sentence", {
  need_python()
  expect_error(cl_track(NULL, tempfile(), progress = FALSE), "`movie`")
  expect_error(cl_track(NULL, 7, progress = FALSE), "`movie`. Expected label images, positions")
  expect_error(cl_track(NULL, array(1L, c(1, 5, 5)), progress = FALSE), "2 frames or more")
  expect_error(cl_track(NULL, spots(), solver = "magic", progress = FALSE), "`solver`")
  expect_error(cl_filtered(list()), "`tracks`")
  expect_error(cl_cell_cycles(data.frame()), "`tracks`")
})
