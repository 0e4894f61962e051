# Two channels, three classes, arrays in memory: cytoplasm and nucleus of simulated cells.
library(cytoloom)

cells <- lapply(1:4, function(seed) cl_simulate(kind = "cells", seed = seed))
names(cells) <- paste0("well", 1:4)
images <- lapply(cells, `[[`, "image")
labels <- lapply(cells, `[[`, "labels")

# Images of one plate are never on both sides of the split.
data <- cl_data(images, labels, group = c("plate1", "plate1", "plate2", "plate2"))
task <- cl_classes(c("background", "cytoplasm", "nucleus"))
print(cl_check(data, task))

model <- cl_train(
  data,
  task = task,
  network = cl_unet(filters = 4, depth = 2),
  trainer = cl_trainer(iterations = 40, batch_size = 4, patch_px = 64),
  out = "cells.cytoloom"
)

probabilities <- predict(model, images$well1, type = "prob")
cat("share of nucleus pixels:", round(mean(probabilities[, , 3] > 0.5), 3), "\n")
found <- predict(model, images, rescale = NULL)
cat("Dice of foreground:", round(cl_dice(labels$well1 > 0, found[["well1"]] > 0), 3), "\n")
