"""All tasks at once, each with heads of its own on one network: that is one training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import cytoloom as cl
from cytoloom.components import component
from cytoloom.segmentation.surfaces import beside_others
from cytoloom.tasks import Task

LABELS = np.zeros((48, 48), np.int32)
LABELS[8:22, 8:22], LABELS[8:22, 22:40], LABELS[24:40, 8:20], LABELS[28:40, 26:40] = 1, 2, 3, 4

# steps that fit into objects of 12 px and into what so small a network sees
NEAR = ((0, -1, 0), (0, 0, -1), (0, -4, 0), (0, 0, 4))


def learned(ndim: int, classes: bool = False) -> dict[str, Task]:
    """Return a task of each kind, by name."""
    names = ("background", "first", "second", "third", "fourth")
    near = NEAR if ndim == 2 else ((-1, 0, 0), *NEAR)
    return {
        # those that outline what is labelled: cells are learned from by themselves, centres have
        # no outlines
        **{
            name: t()
            for name, t in cl.tasks.NAMES.items()
            if not t.learned_of and t is not cl.tasks.Centres
        },
        "affinities": cl.tasks.Affinities(ndim=ndim, neighbourhood=near),
        "lsds": cl.tasks.Affinities(ndim=ndim, neighbourhood=near, lsds=True),
        **({"classes": cl.tasks.Classes(names)} if classes else {}),
    }


@component
@dataclass(frozen=True)
class AllTogether(Task):
    """All tasks at once: the heads of each under its name."""

    ndim: int = 2
    classes: bool = True

    @property
    def tasks(self):
        return learned(self.ndim, self.classes)

    @property
    def heads(self):
        return {
            f"{name}_{head}": own
            for name, task in self.tasks.items()
            for head, own in task.heads.items()
        }

    @property
    def context_px(self):
        return max(task.context_px for task in self.tasks.values())

    def target(self, sample):
        return {
            f"{name}_{head}": pair
            for name, task in self.tasks.items()
            for head, pair in task.target(sample).items()
        }

    def decode(self, maps, spacing_um=None):
        return self.tasks["binary"].decode(of("binary", maps), spacing_um)


def of(name: str, maps: dict) -> dict:
    """Return the maps of one task, under the names that it knows."""
    return {head[len(name) + 1 :]: m for head, m in maps.items() if head.startswith(f"{name}_")}


def image_of(labels: np.ndarray) -> np.ndarray:
    """Objects of two grey levels with dark rims; some noise, since what is constant is padding."""
    rim, _ = beside_others(labels, labels >= 0, 1, (1,) * labels.ndim)
    noise = np.random.default_rng(1).integers(0, 9, labels.shape)
    grey = np.array([20, 220, 160, 220, 160])[labels]
    return (grey - rim * grey // 2 + noise).astype(np.uint8)
