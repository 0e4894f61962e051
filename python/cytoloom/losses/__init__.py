"""What training minimises: losses by name, on pixels that may be unknown."""

from .losses import Loss, dice_coef, dice_coef_loss, get

__all__ = ["Loss", "dice_coef", "dice_coef_loss", "get"]
