"""The best weights so far, and the history that says when they were found."""

from __future__ import annotations

from typing import Any

from .schedule import State

Scored = dict[str, dict[str, float]]


def keep(state: State, scored: Scored, network: Any) -> None:
    """Write what was scored at a segment's end, and keep the weights if none were better.

    Parameters
    ----------
    state : State
        Changed in place.
    scored : dict of dict
        Values by metric of "train" and "validation"; the latter has a "score".
    network : keras.Model
        Whose weights these are.
    """
    for part, values in scored.items():
        for metric, value in values.items():
            at = {"iteration": state.iteration, "seconds": state.elapsed_s}
            state.history.append({**at, "set": part, "metric": metric, "value": value})
    state.loss_sum, state.loss_count = 0.0, 0
    score = scored["validation"]["score"]
    # equal is better: later weights have seen more
    if score >= state.best_score:
        state.best_score, state.best_iteration, state.stale = score, state.iteration, 0
        state.best_weights = network.get_weights()
    else:
        state.stale += 1


def restore(state: State, network: Any) -> None:
    """Give the network the weights of the best validation."""
    if state.best_weights is not None:
        network.set_weights(state.best_weights)
