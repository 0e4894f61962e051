"""Stores for tests, and what a process of its own does with one."""

from __future__ import annotations

import multiprocessing
from typing import Any

import cytoloom as cl
from cytoloom.runs.parts import Run

NUCLEI = cl.DataSplit("data/nuclei", test="data/test")
SMALL, LARGE = cl.UNet(filters=8, depth=2), cl.UNet(filters=16)


def run(name: str = "first", **changes: Any) -> Run:
    """A run of `NUCLEI` with a small network."""
    return Run(name, **({"data": NUCLEI, "network": SMALL} | changes))


def write_many(place: str, models: str | None, who: int, count: int) -> None:
    """Add runs of one's own, runs that all add, and tables; as one of several processes."""
    store = cl.Store(place, models=models)
    for k in range(count):
        store.add(run(f"shared{k}", seed=k))
        own = f"own{who}.{k}"
        store.add(run(own, seed=k))
        store.record(own, {"status": "failed", "why": f"{who} {k}"})
        try:
            store.put("network", f"unlike{k}", cl.UNet(filters=8 + who))
        except cl.InvalidError:
            pass


def many(place: str, models: str | None, processes: int = 4, count: int = 10) -> None:
    """Let several processes write to one store at once."""
    context = multiprocessing.get_context("spawn")
    started = [
        context.Process(target=write_many, args=(place, models, who, count))
        for who in range(processes)
    ]
    for one in started:
        one.start()
    for one in started:
        one.join()
        assert one.exitcode == 0


def check_many(store: cl.Store, processes: int = 4, count: int = 10) -> None:
    """Nothing of what several processes wrote was lost, and of each name there is one."""
    own = [f"own{who}.{k}" for who in range(processes) for k in range(count)]
    assert store.names() == sorted([*own, *(f"shared{k}" for k in range(count))])
    for who in range(processes):
        for k in range(count):
            assert store.outcome(f"own{who}.{k}")["why"] == f"{who} {k}"
    filters = [store.part("network", f"unlike{k}").filters for k in range(count)]
    assert set(filters) <= {8 + who for who in range(processes)}
    assert store.run("shared3") == run("shared3", seed=3)
