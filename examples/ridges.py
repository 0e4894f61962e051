"""Lines as a task of one's own: cytoloom train DATA --task ridges:Ridges."""

from dataclasses import dataclass

import numpy as np
from cytoloom.components import component
from cytoloom.losses import Tversky
from cytoloom.tasks import Found, Head, Task


@component
@dataclass(frozen=True)
class Ridges(Task):
    threshold: float = 0.4

    @property
    def heads(self):
        return {"ridge": Head(1, "sigmoid", Tversky(alpha=0.3))}

    def target(self, sample):
        known = sample["known"][..., None].astype(np.float32)
        return {"ridge": ((sample["labels"] > 0)[..., None] * known, known)}

    def decode(self, maps, spacing_um=None):
        found = maps["ridge"][..., 0] > self.threshold
        return Found(found.astype(np.uint8), semantic=True)
