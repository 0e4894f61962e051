page_of <- function(path) paste(readLines(path, warn = FALSE, encoding = "UTF-8"), collapse = "\n")

test_that("results become a page, from the object and from its folder", {
  need_python()
  folder <- file.path(test_folder(), "images")
  out <- tempfile()
  found <- predict(bundled_model(), folder, out = out, progress = FALSE)
  page <- tempfile(fileext = ".html")
  expect_identical(normalizePath(cl_report(found, page, progress = FALSE)), normalizePath(page))
  text <- page_of(page)
  expect_true(grepl(paste0("Look at ", names(found)[1]), text, fixed = TRUE))
  expect_true(grepl("data:image/jpeg;base64,", text, fixed = TRUE))
  expect_true(grepl("simulated.cytoloom", text, fixed = TRUE))
  expect_error(cl_report(found, page, progress = FALSE), "overwrite = TRUE")
  again <- page_of(cl_report(out, page, overwrite = TRUE, progress = FALSE))
  opened <- cl_report(cl_results(out), page, images = folder, overwrite = TRUE, progress = FALSE)
  for (other in list(again, page_of(opened))) {
    expect_identical(lengths(gregexpr("class=\"open\"", other)), length(found))
    expect_true(grepl("simulated.cytoloom", other, fixed = TRUE))
  }
})

test_that("arrays, scores and a consensus become pages", {
  need_python()
  image <- cl_simulate(seed = 5)
  page <- tempfile(fileext = ".html")
  found <- suppressWarnings(
    predict(bundled_model(), list(`<i>` = image$image), progress = FALSE)
  )
  text <- page_of(cl_report(found, page, progress = FALSE))
  expect_true(grepl("Look at &lt;i&gt;", text, fixed = TRUE))
  expect_true(grepl("data:image/jpeg;base64,", text, fixed = TRUE))
  data <- cl_data(list(`<i>` = image$image), list(image$labels))
  scores <- evaluate(bundled_model(), data, progress = FALSE)
  text <- page_of(cl_report(scores, page, labels = found, overwrite = TRUE, progress = FALSE))
  for (layer in c("truth", "outlines", "mistakes")) expect_true(grepl(dQuote(layer, FALSE), text))
  drawn <- list(anna = list(a = image$labels > 0), ben = list(a = image$labels > 3))
  agreed <- cl_consensus(drawn, progress = FALSE)
  expect_warning(
    cl_report(agreed, page, overwrite = TRUE, progress = FALSE), "where their images are"
  )
  text <- page_of(page)
  expect_true(grepl("STAPLE", text, fixed = TRUE))
  expect_true(grepl("Look at a", text, fixed = TRUE))
  expect_error(cl_report(image, page), "Expected predictions, scores, a consensus")
})
