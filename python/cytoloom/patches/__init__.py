"""The patches room: samples, the sampler that draws them, augmentation, and tiles."""
