"""Networks: components that say what they are, how far they see, and build a Keras model."""

from .unet import UNet, unet

__all__ = ["UNet", "unet"]
