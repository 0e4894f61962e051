# Train on a folder, measure on other images, count nuclei: the whole way on simulated images.
library(cytoloom)

train <- cl_simulate("nuclei-train", images = 6, seed = 1)
test <- cl_simulate("nuclei-test", images = 2, seed = 2)

model <- cl_train(
  train,
  network = cl_unet(filters = 4, depth = 2),
  trainer = cl_trainer(iterations = 40, batch_size = 4, patch_px = 64), # more: minutes = 10
  out = "nuclei.cytoloom"
)
print(evaluate(model, test))

found <- predict(model, "nuclei-test/images", out = "results", overwrite = TRUE)
print(aggregate(area_px ~ image, found$objects, median))

pdf("nuclei.pdf", width = 8, height = 4)
plot(model)
plot(found, 1)
invisible(dev.off())
