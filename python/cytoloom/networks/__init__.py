"""Networks: components that say what they are, how far they see, and build a Keras model."""

from .autoencoder import Autoencoder
from .network import Network
from .siamese import Siamese
from .unet import UNet, unet

__all__ = ["Autoencoder", "Network", "Siamese", "UNet", "unet"]
