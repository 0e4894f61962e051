"""Pieces that are joined where hardly any boundary is between them."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.graph import RAG, merge_hierarchical

from cytoloom.metrics import average_precision
from cytoloom.segmentation.agglomeration import agglomerate, contacts
from cytoloom.tasks import Boundary

SQUARES = np.kron(np.arange(1, 10, dtype=np.int32).reshape(3, 3), np.ones((9, 9), np.int32))


def by_scikit_image(labels, boundary, threshold):
    """Average linkage by scikit-image, of the same faces."""
    graph = RAG()
    graph.add_nodes_from((i, {"labels": [i]}) for i in range(1, labels.max() + 1))
    for (one, other), n, total in zip(*contacts(labels, boundary), strict=True):
        graph.add_edge(int(one), int(other), weight=total / n, count=int(n))

    def weight(graph, source, target, neighbour):
        none = {"weight": 0.0, "count": 0}
        edges = [graph[node].get(neighbour, none) for node in (source, target)]
        count = sum(edge["count"] for edge in edges)
        total = sum(edge["weight"] * edge["count"] for edge in edges)
        return {"weight": total / count, "count": count}

    joined = merge_hierarchical(
        labels, graph, threshold, rag_copy=False, in_place_merge=True,
        merge_func=lambda *_: None, weight_func=weight,
    )  # fmt: skip
    return joined + 1  # numbers from 0 on


@pytest.mark.parametrize("shape", [(40, 50), (12, 14, 16)])
@pytest.mark.parametrize("threshold", [0.3, 0.45, 0.5, 0.55])
def test_it_is_average_linkage(shape, threshold):
    """Beside scikit-image's, on pieces of noise."""
    chance = np.random.default_rng(len(shape))
    coarse = chance.permutation(np.arange(1, 1 + np.prod([n // 2 for n in shape])))
    pieces = coarse.reshape([n // 2 for n in shape]).astype(np.int32)
    for axis in range(len(shape)):
        pieces = pieces.repeat(2, axis)
    boundary = chance.random(shape)
    theirs = by_scikit_image(pieces.copy(), boundary, threshold)
    ours = agglomerate(pieces.copy(), boundary, threshold)
    assert 1 < ours.max() < pieces.max()
    pairs = np.unique(np.stack([ours.ravel(), theirs.ravel()]), axis=1).shape[1]
    assert pairs == ours.max() == len(np.unique(theirs))


def test_what_is_beside_both_is_divided_by_the_mean_over_all_faces():
    """1 and 2 are joined by 0; 3 has one face with 1, at 0.9, and three with 2, at 0.1: 0.3."""
    pieces = np.array([[1, 2, 2, 2], [3, 3, 3, 3]], np.int32)
    boundary = np.array([[0, 0, 0, 0], [1.8, 0.2, 0.2, 0.2]])
    pairs, faces, sums = contacts(pieces, boundary)
    assert pairs.tolist() == [[1, 2], [1, 3], [2, 3]]
    assert faces.tolist() == [1, 1, 3]
    assert np.allclose(sums, [0, 0.9, 0.3])
    assert agglomerate(pieces.copy(), boundary, 0.31).max() == 1
    assert agglomerate(pieces.copy(), boundary, 0.29).max() == 2


def test_background_and_single_pieces_stay():
    for labels in (np.zeros((3, 4), np.int32), np.ones((1, 1), np.int32), SQUARES * 0):
        assert (agglomerate(labels.copy(), labels.astype(float), 0.9) == labels).all()
    apart = np.array([[1, 0, 2]], np.int32)
    assert agglomerate(apart.copy(), apart * 0.0, 0.9).tolist() == [[1, 0, 2]]
    assert agglomerate(np.array([[7, 7, 3]], np.int32), np.ones((1, 3)), 0.9).max() == 2


def seen_badly():
    """Maps of nine squares: bright spots within, each of which is a seed of its own."""
    edge = np.zeros(SQUARES.shape, np.float32)
    for axis in (0, 1):
        edge = np.maximum(edge, SQUARES != np.roll(SQUARES, 1, axis))
        edge = np.maximum(edge, SQUARES != np.roll(SQUARES, -1, axis))
    within = np.zeros_like(edge)
    within[4::9], within[:, 4::9] = 0.6, 0.6
    boundary = np.maximum(edge * 0.9, within).astype(np.float32)[..., None]
    return {"foreground": np.ones_like(boundary), "boundary": boundary}


def test_pieces_of_an_object_are_joined_by_a_threshold_that_is_fitted():
    maps = seen_badly()
    split = Boundary(boundary_threshold=0.3)
    assert split.decode(maps).labels.max() > 30
    joined = Boundary(boundary_threshold=0.3, merge_threshold=0.75).decode(maps).labels
    assert average_precision(SQUARES, joined, 0.9) == 1
    # a weak gap in the wall: seeds at any threshold join over it or split within
    maps["boundary"][6:12, 13] = 0.55
    tuned = Boundary().tune([maps], [(SQUARES, None)])
    assert tuned.merge_threshold > 0
    assert average_precision(SQUARES, tuned.decode(maps).labels, 0.7) == 1
