"""Several views of an image, flipped and turned, and the mean of what is found in them."""

import numpy as np
import pytest

import cytoloom as cl
import small
from cytoloom.events import result_of
from cytoloom.models.engine import DISAGREEMENT, Engine
from cytoloom.models.turned import in_views, seen_in
from cytoloom.models.untrained import untrained
from cytoloom.tasks.head import Head

TURNS = (
    (lambda a: a, lambda a: a),
    (np.flipud, np.flipud),
    (np.fliplr, np.fliplr),
    (lambda a: np.rot90(a, 2), lambda a: np.rot90(a, 2)),
    (lambda a: np.rot90(a), lambda a: np.rot90(a, -1)),
    (lambda a: np.rot90(a, -1), lambda a: np.rot90(a)),
    (lambda a: a.swapaxes(0, 1), lambda a: a.swapaxes(0, 1)),
    (
        lambda a: np.rot90(a, 2).swapaxes(0, 1),
        lambda a: np.rot90(a.swapaxes(0, 1), 2),
    ),
)
"""All ways to lay a rectangle on itself, and back."""


@pytest.fixture
def image():
    """Of sides that are no multiples of the network's grid."""
    return small.nuclei(1)[0][0][:52, :61]


@pytest.mark.parametrize("views", [4, 8])
def test_what_is_found_is_the_mean_of_views(tmp_path, capsys, views):
    # sides that the grid divides: of others a flipped image lies otherwise on the grid
    model, image = untrained(), small.nuclei(1)[0][0][:48]
    how = {"rescale": None, "maps": True, "out": tmp_path, "progress": True}
    run = cl.predict(model, {"a": image}, views=views, **how).run
    assert run["settings"]["views"] == views
    assert f"each tile passes through the network {views} times" in capsys.readouterr().err
    each = [back(model.predict_proba(there(image))) for there, back in TURNS[:views]]
    found = cl.images.read(tmp_path / "maps" / "a.tif").array
    assert np.abs(found - np.mean(each, axis=0)).max() < 1e-3
    assert np.abs(found - each[0]).max() > 5e-3


def test_tiles_in_views_are_those_of_the_whole(trained, image):
    turned = result_of(seen_in(trained, 8))
    whole, tiles = (turned.predict_maps(image, tile_px=size) for size in (None, 16))
    for head, found in whole.items():
        assert np.array_equal(found, tiles[head])


def test_evaluate_scores_what_predict_finds(trained, image):
    labels = small.nuclei(1)[1][0][:52, :61]
    scores = cl.evaluate(
        trained, ([image], [labels]), views=8, allow_training_images=True, progress=False
    )
    found = cl.predict(trained, [image], views=8, progress=False)
    ((_, own),) = found
    dice = cl.metrics.dice(labels > 0, own > 0)
    assert scores.per_image["dice"].item() == pytest.approx(dice)


def test_disagreement_of_members_is_averaged_over_views():
    def forward(images):
        right = np.arange(images.shape[2], dtype=np.float32) / 4
        shown = np.broadcast_to(right[:, None], images.shape)
        return {"foreground": shown.copy(), DISAGREEMENT: shown.copy()}

    heads = {"foreground": Head(1, "sigmoid")}
    found = in_views(Engine("e", forward, 1, 1, disagreeing=forward), 4, heads)
    maps = found.disagreeing(np.zeros((1, 2, 5, 1), np.float32))
    assert np.allclose(maps[DISAGREEMENT], 0.5)
    assert found.name == "e, 4 views"


class TestRefused:
    """What cannot be meant, before anything is read."""

    @pytest.mark.parametrize("views", [0, 2, 16, -8])
    def test_other_numbers(self, trained, views):
        for verb in (cl.predict, cl.evaluate):
            with pytest.raises(cl.InvalidError, match=r"`views`\. Expected 1, 4 or 8"):
                verb(trained, "no-such-folder", views=views)

    def test_turning_where_axes_are_not_alike(self, image):
        model = untrained(network=cl.UNet(filters=2, depth=1, pooling=((2, 1),)))
        with pytest.raises(cl.InvalidError, match="treats y and x in different ways"):
            result_of(seen_in(model, 8))
        assert result_of(seen_in(model, 4)).engine.name.endswith("4 views")

    def test_views_of_images_that_were_scored_in_training(self, trained):
        with pytest.raises(cl.InvalidError, match="1 without images"):
            cl.evaluate(trained, views=4)
