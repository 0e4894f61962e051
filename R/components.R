# Components are named lists of settings; their formals carry the defaults of the Python classes,
# and a test compares the two.

component <- function(name, settings) {
  settings <- lapply(settings, unfactored)
  check_settings(name, settings)
  losses <- vapply(loss_settings, `[[`, "", 1L)
  snake <- tolower(gsub("([a-z])([A-Z])", "\\1_\\2", name))
  class <- if (name %in% losses) "cl_loss" else paste0("cl_", snake)
  structure(c(list(name = name), settings), class = c(class, "cl_component"))
}

# What makes it in R: cl_unet, cl_loss("dice"). A class of one's own has Python's name.
maker_of <- function(component) {
  losses <- vapply(loss_settings, `[[`, "", 1L)
  known <- match(component$name, losses)
  if (!is.na(known)) {
    return(sprintf("cl_loss(\"%s\")", names(losses)[known]))
  }
  maker <- class(component)[1]
  if (maker %in% getNamespaceExports("cytoloom")) maker else component$name
}

# A component as Python tells it.
as_component <- function(plain) {
  component(plain$name, lapply(plain[names(plain) != "name"], plain_setting))
}

plain_setting <- function(x) {
  if (!is.list(x)) {
    return(x)
  }
  if ("name" %in% names(x)) {
    return(as_component(x))
  }
  # what has names is no vector: ids by class
  flat <- length(x) > 0 && is.null(names(x)) && all(vapply(x, is.atomic, NA))
  if (flat) unlist(x) else lapply(x, plain_setting)
}

# The arguments of the calling function, as they are.
settings <- function() {
  frame <- parent.frame()
  as.list(mget(names(formals(sys.function(sys.parent()))), envir = frame))
}

#' How long and how to train
#'
#' Give one of `minutes`, `iterations` and `epochs`; without any it is 10 minutes.
#'
#' @param minutes Wall time of the whole call.
#' @param iterations Number of batches.
#' @param epochs An epoch is as many patches as there are training images.
#' @param batch_size Patches in a batch; `NULL`: planned, 8 in 2-D and 2 in 3-D as a rule.
#' @param patch_px Patch size in pixels, one number or one per axis; `NULL`: planned, 128 in 2-D
#'   as a rule, see [cl_plan()].
#' @param learning_rate Peak learning rate.
#' @param optimizer `"adam"`, `"adamw"`, `"sgd"` or `"adagrad"`.
#' @param momentum Nesterov's, for `"sgd"`.
#' @param weight_decay Decoupled weight decay, for `"adamw"`.
#' @param schedule `"cosine"` or `"constant"`.
#' @param warmup Share of the run in which the learning rate rises.
#' @param patience Stop after so many validations without improvement; `NULL`: never.
#' @param augment A [cl_augment()], `"light"`, `"default"` or `"strong"`; `"none"` or `NULL`: no
#'   changes.
#' @param foreground Share of the patches that are centred on a foreground pixel.
#' @param balance Draw the class of such a pixel first, so that rare classes are seen as often.
#' @param precision `"auto"`, `"float32"` or `"bfloat16"`.
#' @param threads Cores to use; `NULL`: all that the process may.
#' @param devices `"all"`: train on all GPUs (without one, on all that the backend takes for a
#'   processor), each on its part of every batch, whose size they must divide; not with PyTorch.
#'   `NULL`: one device.
#' @param cache_gb Decoded images kept in memory at most, in GB.
#' @param checkpoint_s Seconds between the states saved on disk.
#' @param annotators Whose labels are learned where an image has several: `"consensus"`, what they
#'   agree on; `"soft"`, the mean of what each asks for; `"draw"`, one that is drawn for each patch;
#'   or `"first"`.
#' @param knots List of `c(iteration, progress, slope)` of a timed run, to replay it.
#' @return A list of class `cl_trainer`, for [cl_train()];
#'   a setting that cannot be used is refused here, before any training.
#' @export
#' @examples
#' cl_trainer(minutes = 10)
#' cl_trainer(iterations = 500, augment = "strong")
cl_trainer <- function(minutes = NULL, iterations = NULL, epochs = NULL, batch_size = NULL,
                       patch_px = NULL, learning_rate = 0.001, optimizer = "adam",
                       momentum = 0.9, weight_decay = 0, schedule = "cosine", warmup = 0.05,
                       patience = NULL, augment = "default", foreground = 0.5, balance = TRUE,
                       precision = "auto", threads = NULL, devices = NULL, cache_gb = 2,
                       checkpoint_s = 30, annotators = "consensus", knots = NULL) {
  component("Trainer", settings())
}

#' Settings that deepflash2 trained with
#'
#' What they say of length, batch, tiles, learning rate, optimizer, augmentation and precision is
#' taken over. Its default of 25 epochs of 400 tiles or more becomes 2500 iterations of 4 patches.
#'
#' @param path A file of its `Config.save`, such as `config.json`, of any version.
#' @param ... Must be empty.
#' @return A [cl_trainer()]. A warning says what is to be given elsewhere (members, folds, seed,
#'   task), and what has no counterpart.
#' @export
#' @examplesIf cl_available()
#' file <- tempfile(fileext = ".json")
#' writeLines('{"n_iter": 1000, "batch_size": 4}', file)
#' suppressWarnings(cl_trainer_from_deepflash2(file))$iterations
cl_trainer_from_deepflash2 <- function(path, ...) {
  no_dots(...)
  as_component(call_python("trainer_from_deepflash2", path = plain_path(path)))
}

#' The network: a U-Net
#'
#' @param filters Feature channels of the first level; each deeper level has twice as many.
#' @param depth Number of poolings; there are `depth + 1` levels.
#' @param convs Convolutions per level, at most 16.
#' @param kernel Odd width of the convolutions in pixels.
#' @param residual Add each level's input to its last convolution.
#' @param norm `"batch"` or `"none"`.
#' @param dropout Share of feature maps of the deeper levels that training drops.
#' @param upsampling `"transposed"` or `"resize"`.
#' @param stem_stride Above 1 the image is first reduced by this factor and restored at the end:
#'   a quarter of the work. 1 for a plain U-Net.
#' @param refine Whether the end of that is a small level at full size, which also sees the image;
#'   without it, as training chooses for stacks, a patch of a stack takes two thirds of the time
#'   and outlines are coarser.
#' @param pooling List of one factor vector per level, such as `list(c(1, 2, 2), c(2, 2, 2))`;
#'   `NULL`: from the distances of the pixels.
#' @param ndim 2 for images, 3 for stacks.
#' @return A list of class `cl_unet`, for [cl_train()];
#'   a setting that cannot be used is refused here, before any training.
#' @export
#' @examples
#' cl_unet(filters = 32)
cl_unet <- function(filters = 16, depth = 3, convs = 2, kernel = 3, residual = FALSE,
                    norm = "batch", dropout = 0, upsampling = "transposed", stem_stride = 2,
                    refine = TRUE, pooling = NULL, ndim = 2) {
  component("UNet", settings())
}

#' The network for cells: an autoencoder
#'
#' @param layers The way in, in the words of CellCognition Explorer, layers joined by `_`:
#'   `c16.5r` is a convolution of 16 filters of 5 x 5 px, `p2` a max-pooling by 2, `d256.1r` a dense
#'   layer of 256 units before which a tenth is dropped; `r` is ReLU, `s` sigmoid, of dense layers
#'   `l` linear. The way out mirrors it, dense layers with the same weights.
#' @param size_px Edges of the crops; `NULL`: those of the cells.
#' @param corruption Share of the pixels that training sets to 0 before the way in.
#' @return A list of class `cl_autoencoder`, for [cl_train()] with cells of [cl_cells()].
#' @export
#' @examples
#' cl_autoencoder("c8.3r_p2_d16.0l")
cl_autoencoder <- function(layers = "c16.5r_p2_c32.3r_p2_d256.1r_d64.0s", size_px = NULL,
                           corruption = 0) {
  component("Autoencoder", settings())
}

#' What to learn of cells: to give their crops back
#'
#' @param of `"controls"`: of control cells, where some were said to be; or `"all"`.
#' @param samples Cells that are drawn from these at most.
#' @param turned Whether training turns and flips them, each time anew.
#' @param channels Of the crops; training takes those of the cells.
#' @return A list of class `cl_reconstruction`, for [cl_train()] with cells of [cl_cells()].
#' @export
#' @examples
#' cl_reconstruction(turned = TRUE)
cl_reconstruction <- function(of = "controls", samples = 50000, turned = FALSE, channels = 1) {
  component("Reconstruction", settings())
}

#' Random changes of image and labels together, for training
#'
#' Every `..._p` is the probability of one change; its strength is drawn anew each time.
#' Presets are named in [cl_trainer()]: `augment = "light"`.
#'
#' @param flip_p Flip of an axis, each on its own.
#' @param right_angle_p Turn by right angles.
#' @param rotate_p,rotate_degrees Rotation by up to so many degrees either way.
#' @param scale_p,scale_range Magnification of all axes alike.
#' @param shear_p,shear_degrees Shear by up to so many degrees either way.
#' @param elastic_p,elastic_px,elastic_spacing_px Smooth random displacement, its size and the
#'   distance over which it varies, in pixels.
#' @param gamma_p,gamma_range Bending of intensities, each channel on its own.
#' @param contrast_p,contrast_range Stretching about the patch's mean.
#' @param brightness_p,brightness A constant of up to `brightness` either way is added.
#' @param illumination_p,illumination Linear gradient across the patch.
#' @param blur_p,blur_px Gaussian blur and the range of its standard deviation.
#' @param poisson_noise_p,poisson_photons Shot noise and the range of photons at intensity 1.
#' @param gaussian_noise_p,gaussian_noise Read noise and its largest standard deviation.
#' @return A list of class `cl_augment`, for [cl_trainer()];
#'   a setting that cannot be used is refused here, before any training.
#' @export
#' @examples
#' cl_trainer(minutes = 10, augment = cl_augment(elastic_p = 0.5, blur_p = 0))
cl_augment <- function(flip_p = 0.5, right_angle_p = 1, rotate_p = 0.3, rotate_degrees = 45,
                       scale_p = 0.3, scale_range = c(0.8, 1.25), shear_p = 0.1,
                       shear_degrees = 10, elastic_p = 0.2, elastic_px = 3,
                       elastic_spacing_px = 32, gamma_p = 0.3, gamma_range = c(0.7, 1.5),
                       contrast_p = 0.3, contrast_range = c(0.7, 1.4), brightness_p = 0.3,
                       brightness = 0.1, illumination_p = 0.15, illumination = 0.3,
                       blur_p = 0.1, blur_px = c(0.5, 1.2), poisson_noise_p = 0.15,
                       poisson_photons = c(30, 1000), gaussian_noise_p = 0.2,
                       gaussian_noise = 0.05) {
  component("Augment", settings())
}

#' Scaling of each image by its own percentiles, or of all by a fixed range
#'
#' Per image and channel, the `low` percentile becomes 0 and the `high` percentile 1; with `range`
#' the same two values in all images. It is stored in the model, so that training and prediction
#' cannot differ.
#'
#' @param low,high Percentiles, 0 to 100.
#' @param floor Least distance of the two percentiles of each channel, so that an empty field of
#'   noise stays empty; `NULL`: learned in training.
#' @param floor_dtype Pixel type for which `floor` holds.
#' @param range Instead of percentiles: the two values that become 0 and 1 in every image;
#'   `"dtype"`: the least and the largest value of its pixel type, which must be of whole numbers of
#'   8 or 16 bits.
#' @return A list of class `cl_normalize`, for [cl_train()];
#'   a setting that cannot be used is refused here, before any training.
#' @export
#' @examples
#' cl_normalize(low = 0.1, high = 99.9)
#' cl_normalize(range = c(0, 65535))
cl_normalize <- function(low = 1, high = 99.8, floor = NULL, floor_dtype = NULL, range = NULL) {
  component("Normalize", settings())
}

#' What to learn: touching objects told apart
#'
#' The default task. Thresholds are fitted to the validation images in training.
#'
#' @param min_area_px Objects below this area are dropped.
#' @param fill_holes Fill holes inside objects.
#' @param exclude_border Drop objects that touch the border of the image.
#' @param reach_px Depth inside an object, in pixels, below which it is all the same to the part
#'   of the network that tells touching objects apart.
#' @param distance_loss Loss of that part, as for [cl_binary()].
#' @param contact_weight How much more a pixel counts in that loss where objects meet.
#' @param foreground_threshold,seed_threshold,min_seed_px Set in training.
#' @param peak_threshold An object in which what that part finds is nowhere larger is dropped: so
#'   debris looks. Set in training.
#' @param neck An object is divided where it is narrower than this share of the narrower part on
#'   either side; 0 divides nothing. Set in training.
#' @param classes Names of the classes that objects may have, such as `c("live", "dead")`: each
#'   object found is then of one of them. Which class the objects of the training have is said by
#'   [cl_data()]. `NULL`: none.
#' @param class_loss Loss of the classes, as for [cl_binary()].
#' @return A list of class `cl_instances`, for [cl_train()];
#'   a setting that cannot be used is refused here, before any training.
#' @export
#' @examples
#' cl_instances(min_area_px = 30, exclude_border = TRUE)
#' cl_instances(classes = c("live", "dead"))
cl_instances <- function(min_area_px = 0, fill_holes = TRUE, exclude_border = FALSE,
                         reach_px = 5, distance_loss = "ce", contact_weight = 10,
                         foreground_threshold = 0.5, seed_threshold = 0.25, min_seed_px = 4,
                         neck = 0, peak_threshold = 0, classes = NULL, class_loss = "ce") {
  component("Instances", settings())
}

#' What to learn: objects told apart by the boundaries between them
#'
#' For cells in tissue and neurites that fill the image. Seeds are where the boundary is unlikely;
#' they grow by watershed over the foreground; pieces without a likely boundary between them are
#' joined. Scored as [cl_instances()], and by bits of split and of merge and the adapted Rand error.
#'
#' @param min_area_px Objects below this area are dropped.
#' @param thickness_px An object pixel is boundary where its middle is nearer than this to something
#'   else, in units of the smallest pixel spacing.
#' @param loss Loss of the boundary, as for [cl_binary()].
#' @param foreground_threshold,boundary_threshold,min_seed_px Set in training.
#' @param merge_threshold Pieces are joined while the mean probability of boundary between them is
#'   smaller; with 0 none are. Set in training.
#' @return A list of class `cl_boundary`, for [cl_train()];
#'   a setting that cannot be used is refused here, before any training.
#' @export
#' @examples
#' cl_boundary(min_area_px = 30)
cl_boundary <- function(min_area_px = 0, thickness_px = 1, loss = "ce_dice",
                        foreground_threshold = 0.5, boundary_threshold = 0.5, min_seed_px = 4,
                        merge_threshold = 0) {
  component("Boundary", settings())
}

#' What to learn: objects told apart by which pixels are of one object
#'
#' For objects of any shape that lie side by side, such as neurites. A part of the network says of
#' each pixel and each offset whether the pixel there is of the same object; the mutex watershed
#' makes objects of that. Needs `cl_install(extras = "affinities")`. Scored as [cl_boundary()].
#'
#' @param ndim 2 for images, 3 for stacks.
#' @param neighbourhood A list of offsets in pixels, each `c(z, y, x)`, of either sign; z is 0 for
#'   images. Neighbours over a face join, all others only part. `NULL`: neighbours, and along each
#'   axis 3 and 9 px, in stacks 3 planes and 9 px.
#' @param lsds Whether the network also learns local shape descriptors, which help the affinities.
#' @param balance Whether pairs of one object and all others weigh the same.
#' @param loss Loss of the affinities, as for [cl_binary()].
#' @param lsd_sigma_px Of the window of the descriptors, in units of the smallest pixel spacing.
#' @param min_area_px Objects below this area are dropped.
#' @param bias,foreground_threshold,min_piece_px Set in training.
#' @return A list of class `cl_affinities`, for [cl_train()];
#'   a setting that cannot be used is refused here, before any training.
#' @export
#' @examples
#' cl_affinities(ndim = 3, lsds = TRUE)
cl_affinities <- function(ndim = 2, neighbourhood = NULL, lsds = FALSE, balance = TRUE,
                          loss = "ce", lsd_sigma_px = 4, min_area_px = 0, bias = 0.5,
                          foreground_threshold = 0.5, min_piece_px = 4) {
  component("Affinities", settings())
}

#' What to learn: foreground by the distance to its surface
#'
#' `cl_distance()`: tanh of the distance over a scale, positive inside and negative outside.
#' `cl_inner_distance()`: 0 outside. `cl_hot_distance()`: a mask and the distance, together.
#' Scored by Dice and by how far what is wrong lies from what is right: Hausdorff and mean false
#' distances in micrometres where pixels have a size.
#'
#' @param threshold Value above which a pixel is foreground; fitted in training.
#' @param loss Loss of the distance, in `cl_hot_distance()` of the mask: `"mse"` or `"l1"` for
#'   `cl_distance()`, else as for [cl_binary()].
#' @param scale_px Distance at which the target is 0.76, in units of the smallest pixel spacing.
#' @param scale_um The same in micrometres, where images have a pixel size; `NULL`: `scale_px`.
#' @param distance_loss Loss of the distance: `"mse"` or `"l1"`.
#' @return A list of class `cl_distance`, `cl_inner_distance` or `cl_hot_distance`, for
#'   [cl_train()]; a setting that cannot be used is refused here, before any training.
#' @export
#' @examples
#' cl_distance(scale_um = 0.5)
cl_distance <- function(threshold = 0.5, loss = "mse", scale_px = 3, scale_um = NULL) {
  component("Distance", settings())
}

#' @rdname cl_distance
#' @export
cl_inner_distance <- function(threshold = 0.08, loss = "ce", scale_px = 3, scale_um = NULL) {
  component("InnerDistance", settings())
}

#' @rdname cl_distance
#' @export
cl_hot_distance <- function(threshold = 0.5, loss = "ce_dice", scale_px = 3, scale_um = NULL,
                            distance_loss = "mse") {
  component("HotDistance", settings())
}

#' What to learn: centres of objects, near as these may lie
#'
#' For nuclei that are too crowded to be outlined. Labels are objects, of which the middle counts,
#' or small marks. [cl_train_tracker()] learns this of movies; scored by F1 of centres within half
#' the usual distance of neighbours.
#'
#' @param threshold Peaks lower than this are none; fitted in training.
#' @param distance_px The usual distance of a centre to the nearest other one, in units of the
#'   smallest pixel spacing; `NULL`: the median of the training labels.
#' @param distance_um The same in micrometres, where images have a pixel size.
#' @param slope,offset Of what makes a probability of the height of a peak; fitted in training.
#' @return A list of class `cl_centres`, for [cl_train()];
#'   a setting that cannot be used is refused here, before any training.
#' @export
#' @examples
#' cl_centres(distance_um = 8)
cl_centres <- function(threshold = 0.3, distance_px = NULL, distance_um = NULL, slope = 1,
                       offset = 0) {
  component("Centres", settings())
}

#' What to learn: foreground and background
#'
#' @param threshold Probability above which a pixel is foreground; fitted in training.
#' @param loss `"ce_dice"`, `"ce"`, `"dice"`, `"tversky"` or `"focal"`; with settings a [cl_loss()].
#' @return A list of class `cl_binary`, for [cl_train()];
#'   a setting that cannot be used is refused here, before any training.
#' @export
#' @examples
#' cl_binary(loss = "focal")
cl_binary <- function(threshold = 0.5, loss = "ce_dice") {
  component("Binary", settings())
}

#' What to learn: one class per pixel
#'
#' @param names Names of the classes of label 0, 1, 2, ...
#' @param class_weights One weight per class, in their order or by their names, or `NULL`.
#' @param loss `"ce_dice"`, `"ce"`, `"dice"`, `"tversky"` or `"focal"`; with settings a [cl_loss()].
#' @return A list of class `cl_classes`, for [cl_train()];
#'   a setting that cannot be used is refused here, before any training.
#' @export
#' @examples
#' cl_classes(c("background", "cytoplasm", "nucleus"))
cl_classes <- function(names = c("background", "foreground"), class_weights = NULL,
                       loss = "ce_dice") {
  class_weights <- weights_of(class_weights, names)
  component("Classes", settings())
}

# Weights with names go to the classes of these names.
weights_of <- function(weights, classes) {
  given <- names(weights)
  if (is.null(given) || !is.character(classes)) {
    return(weights)
  }
  if (!setequal(given, classes) || anyDuplicated(given)) {
    refuse("class_weights", paste("a weight for each of", toString(classes)), I(toString(given)))
  }
  unname(weights[classes])
}

#' A loss with its settings
#'
#' A name alone, as in `cl_binary(loss = "tversky")`, means that loss with its defaults.
#'
#' @param name `"ce_dice"`, `"ce"`, `"dice"`, `"tversky"`, `"focal"`, `"mse"` or `"l1"`.
#' @param class_weights Factor of each class in the mean over classes; `NULL`: all alike.
#' @param smooth Pixels added to both sides of the fraction of Dice and Tversky; `NULL`: 1.
#' @param alpha,beta Tversky's factors of false and of missed pixels; `NULL`: 0.3 and 0.7.
#' @param gamma Focal loss's exponent, 0 or from 1 up; `NULL`: 2.
#' @return A list of class `cl_component`, for [cl_binary()], [cl_classes()] and [cl_instances()].
#' @export
#' @examples
#' cl_binary(loss = cl_loss("tversky", alpha = 0.2, beta = 0.8))
cl_loss <- function(name, class_weights = NULL, smooth = NULL, alpha = NULL, beta = NULL,
                    gamma = NULL) {
  here <- sys.nframe()
  all_given(here)
  if (!list(name) %in% names(loss_settings)) {
    refuse("name", paste("one of", toString(names(loss_settings))), name)
  }
  known <- loss_settings[[name]]
  given <- Filter(Negate(is.null), settings()[-1])
  if (!is.null(names(class_weights))) {
    refuse(
      "class_weights", "numbers in the order of the classes, without names",
      I(toString(names(class_weights)))
    )
  }
  odd <- setdiff(names(given), c("class_weights", known[-1]))
  if (length(odd) > 0) {
    refuse("cl_loss", paste("settings of", name), I(toString(odd)))
  }
  component(known[[1]], given)
}

# Python's classes, and which settings each has beside class_weights; a test compares them.
loss_settings <- list(
  ce = "CrossEntropy", ce_dice = c("CrossEntropyDice", "smooth"), dice = c("Dice", "smooth"),
  focal = c("Focal", "gamma"), l1 = "AbsoluteError", mse = "SquaredError",
  tversky = c("Tversky", "smooth", "alpha", "beta")
)

# Settings are changed as they are made: those that there are, to what each may be.
#' @export
`$<-.cl_component` <- function(x, name, value) { # nolint: object_name_linter.
  losses <- vapply(loss_settings, `[[`, "", 1L)
  more <- if (x$name %in% losses) c("class_weights", loss_settings[[match(x$name, losses)]][-1])
  known <- union(names(x)[-1], more)
  if (!list(name) %in% known) {
    refuse(maker_of(x), paste("settings that it has,", toString(known)), I(in_words(name)))
  }
  settings <- unclass(x)[-1]
  settings[name] <- list(value)
  component(x$name, if (length(more) > 0) Filter(Negate(is.null), settings) else settings)
}

#' @export
`[[<-.cl_component` <- `$<-.cl_component`

#' @export
`[<-.cl_component` <- function(x, i, value) {
  for (k in seq_along(i)) x[[i[[k]]]] <- value[[(k - 1) %% max(length(value), 1) + 1]]
  x
}

# The settings alone: what Python calls it is none of them.
#' @export
as.list.cl_component <- function(x, ...) unclass(x)[-1]

#' @export
print.cl_component <- function(x, ...) {
  no_dots(...)
  given <- vapply(unclass(x)[-1], shown, "")
  cat(maker_of(x), "\n", sprintf("  %-22s%s\n", names(given), given), sep = "")
  invisible(x)
}

shown <- function(value) {
  if (inherits(value, "cl_component")) {
    return(maker_of(value))
  }
  if (is.null(value)) "-" else paste(deparse(value), collapse = " ")
}
