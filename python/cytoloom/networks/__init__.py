"""Networks: components that say what they are, how far they see, and build a Keras model."""

from .network import Network
from .unet import UNet, unet

__all__ = ["Network", "UNet", "unet"]
