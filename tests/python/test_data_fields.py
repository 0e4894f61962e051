"""Files of one field that differ only in channel, plane or time are one image."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import tifffile

import cytoloom as cl
import kills
import small
from cytoloom.cli import main
from cytoloom.datasets.data import as_data
from cytoloom.datasets.fields import join
from cytoloom.datasets.unlabelled import as_images, gather_images
from cytoloom.errors import InvalidError

LABELS = np.zeros((6, 8), np.uint8)
LABELS[1:3, 1:4] = 1


def put(folder, *names, shape=(6, 8), labels=False):
    """Write an image for each name, of values that no other has."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        values = np.full(shape, 10 * len(list(folder.iterdir())), np.uint16)
        values[..., 0] += 5
        tifffile.imwrite(folder / name, LABELS if labels else values, photometric="minisblack")
    return folder


def joined(images, labels=(), **options):
    found = join([f"{n}.tif" for n in images], [f"{n}.tif" for n in labels], **options)
    return {name[:-4]: len(one.files) for name, one in found.images.items()}


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (("A01_s1_w1", "A01_s1_w2"), ("w1", "w2")),
        (("img-ch1", "img-ch2", "img-ch10"), ("ch1", "ch2", "ch10")),
        (("x_c1", "x_c2"), ("c1", "c2")),
        (("C1-x", "C2-x"), ("C1", "C2")),
        (("x_DAPI", "x_GFP"), ("DAPI", "GFP")),
        (("x_c2_DAPI", "x_c1_GFP"), ("c1_GFP", "c2_DAPI")),
        (
            ("img_channel000_position001", "img_channel001_position001"),
            ("channel000", "channel001"),
        ),
        (("r01c02f03p01-ch1sk1fk1fl1", "r01c02f03p01-ch2sk1fk1fl1"), ("ch1", "ch2")),
        (("p_B02_T0001F001L01A01Z01C01", "p_B02_T0001F001L01A02Z01C02"), ("C01", "C02")),
        (
            (
                "A01_s1_w100000000-0000-0000-0000-000000000001",
                "A01_s1_w200000000-0000-0000-0000-000000000002",
            ),
            ("w1", "w2"),
        ),
        (("p/A01/w1", "p/A01/w2"), ("w1", "w2")),
        (("/p.1/A01/DAPI", "/p.1/A01/GFP"), ("DAPI", "GFP")),
        (("A01/C01", "A01/C02"), ("C01", "C02")),
        (("DAPI/A01", "GFP/A01"), ("DAPI", "GFP")),
        (("p/ch1/A01", "p/ch2/A01"), ("ch1", "ch2")),
    ],
)
def test_names_of_channels(files, names):
    found = join([f"{n}.tif" for n in files])
    (one,) = found.images.values()
    assert one.channel_names == names
    assert f"{len(files)} files are 1 image" in found.notes[0]


@pytest.mark.parametrize(
    "files",
    [
        ("plate_C01", "plate_C02"),  # wells of one row
        ("x_A1", "x_B1", "x_C1", "x_C2"),  # wells
        tuple(f"cell_c{k}" for k in range(1, 40)),  # forty cells are no channels
        ("w1", "w2"),  # nothing is left to call the image by
        ("img_0001", "img_0002"),
        ("A01_s1", "A01_s2"),
        ("x", "x_c1"),
        ("c1/a", "c2/a"),  # two controls
        ("w1/a_c1", "w2/b_c1"),
    ],
)
def test_names_that_are_no_channels(files):
    found = join([f"{n}.tif" for n in files])
    assert list(found.images) == [f"{n}.tif" for n in files]
    assert found.notes == found.problems == ()


def test_labels_decide_what_is_one_image():
    channels = ("A_w1", "A_w2")
    assert joined(channels, ["A"]) == joined(channels, ["A_w2"]) == {"A": 2}
    assert joined(channels, ["A_w1_mask", "A_w2_mask"]) == {"A_w1": 1, "A_w2": 1}
    planes = ("A_z01", "A_z02", "A_z03")
    assert joined(planes) == joined(planes, planes) == joined(planes, ["A"]) == {"A": 3}
    assert joined(planes, ["A_z02"]) == {"A_z01": 1, "A_z02": 1, "A_z03": 1}
    times = ("A_t1", "A_t2")
    assert joined(times) == joined(times, times) == {"A_t1": 1, "A_t2": 1}
    assert joined(times, ["A"]) == {"A": 2}


def test_channels_are_joined_for_training_and_prediction(tmp_path):
    put(tmp_path / "images", "A01_s1_w1.tif", "A01_s1_w2.tif", "B01_s1_w1.tif", "B01_s1_w2.tif")
    put(tmp_path / "labels", "A01_s1_w2.tif", "B01_s1_w2.tif", labels=True)
    data = as_data(tmp_path)
    items = as_images(tmp_path)
    for found in (data.items, items):
        assert [(i.id, i.image.shape) for i in found] == [
            ("A01_s1", (6, 8, 2)),
            ("B01_s1", (6, 8, 2)),
        ]
        assert found[1].image.channel_names == ("w1", "w2")
        np.testing.assert_array_equal(found[1].image.read()[0, :2], [[25, 35], [20, 30]])
        region = found[1].image.read((slice(1, 3), slice(0, 1)))
        np.testing.assert_array_equal(region[..., 1], [[35], [35]])
    assert data.problems == ()
    assert "4 files are 2 images: those that differ only in channel are joined" in data.notes[0]
    assert "pattern='{name}'" in data.notes[0]
    assert data.notes[0] in gather_images(tmp_path).notes
    assert as_data(tmp_path, channels="w2").items[0].image.shape == (6, 8, 1)
    assert cl.check(tmp_path).ok


def test_files_given_as_a_list_or_by_a_pattern_of_names(tmp_path):
    folder = put(tmp_path, "A_w1.tif", "A_w2.tif", "B_w1.tif", "B_w2.tif")
    for x in ([str(p) for p in sorted(folder.iterdir())], str(folder / "*.tif")):
        assert [(i.id, i.image.shape[-1]) for i in as_images(x)] == [("A", 2), ("B", 2)]
    assert [i.id for i in as_images(str(folder / "*_w1.tif"))] == ["A_w1", "B_w1"]
    put(tmp_path / "more", "A_w1.tif", "A_w2.tif")
    assert [i.id for i in as_images([folder / "more", folder / "B_w1.tif"])] == ["A", "B_w1"]
    (folder / "more" / "A_w1.tif").unlink()
    (folder / "more" / "A_w2.tif").unlink()
    alone = as_images(folder, pattern="{name}")
    assert [i.id for i in alone] == ["A_w1", "A_w2", "B_w1", "B_w2"]


@pytest.mark.skipif(sys.platform == "win32", reason="names of files with line feeds")
def test_a_pattern_fits_names_with_any_sign(tmp_path):
    put(tmp_path, "a\nb.tif", "c [1].tif", "d\\.tif")
    assert len(as_images(tmp_path, pattern="{name}")) == 3
    assert len(as_images(tmp_path, pattern="{name}{channel}")) == 3


def test_a_pattern_of_ones_own(tmp_path):
    put(tmp_path / "images", "A1 site 1 wave red.tif", "A1 site 1 wave green.tif", "notes.tif")
    put(tmp_path / "labels", "A1 site 1.tif", labels=True)
    data = as_data(tmp_path, pattern="{well} site {site} wave {channel}")
    (item,) = data.items
    assert (item.id, item.image.shape) == ("A1 site 1", (6, 8, 2))
    assert item.image.channel_names == ("green", "red")
    assert data.problems == (
        "1 (notes.tif) do not fit the pattern {well} site {site} wave {channel}",
    )
    for wrong in ("no fields", "{c}_{channel}", "{1}", 7):
        with pytest.raises(InvalidError, match="pattern"):
            as_data(tmp_path, pattern=wrong)
    with pytest.raises(InvalidError, match="that fits the names"):
        as_data(tmp_path, pattern="{well}_w{channel}")


LABELLED = ["labels/{}.tif", "labels/{}/w1.tif", "labels/{}/nuclei.tif", "images/{}/mask.tif"]


@pytest.mark.parametrize("labelled", LABELLED)
@pytest.mark.parametrize("pattern", [None, "{well}/w{channel}"])
def test_a_folder_for_each_field_and_a_file_for_each_channel(tmp_path, labelled, pattern):
    if "{well}" in (pattern or "") and "w1" in labelled:
        labelled = "labels/{}.ome.tif"
    for well in ("A01", "B01"):
        put(tmp_path / "images" / well, "w1.tif", "w2.tif")
        path = tmp_path / labelled.format(well)
        put(path.parent, path.name, labels=True)
    folder = tmp_path / ("images" if "mask" in labelled else "")
    data, items = as_data(folder, pattern=pattern), as_images(folder, pattern=pattern)
    for found in (data.items, items):
        assert [(i.id, i.image.shape) for i in found] == [("A01", (6, 8, 2)), ("B01", (6, 8, 2))]
        assert found[1].image.channel_names == ("w1", "w2")
    assert data.items[1].annotations[0].read().max() == 1
    assert (data.items[1].group, data.problems) == (None, ())
    assert "4 files are 2 images" in str(data.notes)


def test_a_folder_for_each_channel(tmp_path):
    for channel in ("DAPI", "GFP"):
        put(tmp_path / channel, "A01.tif", "B01.tif")
    put(tmp_path / "masks", "A01.tif", "B01.tif", labels=True)
    data = as_data(tmp_path)
    assert [(i.id, i.image.shape[-1]) for i in data.items] == [("A01", 2), ("B01", 2)]
    assert [i.id for i in as_images(tmp_path)] == ["A01", "B01"]
    alone = as_images([str(tmp_path / c / "A01.tif") for c in ("DAPI", "GFP")])
    assert [(i.id, i.image.channel_names) for i in alone] == [("A01", ("DAPI", "GFP"))]
    by = as_images(str(tmp_path / "*" / "A01.tif"), pattern="{channel}/{well}")
    assert [i.image.channel_names for i in by] == [("DAPI", "GFP", "masks")]


def test_planes_are_joined_with_their_labels(tmp_path):
    names = [f"A_c{c}_z{z:02d}.tif" for z in range(1, 4) for c in (1, 2)]
    put(tmp_path / "images", *names)
    put(tmp_path / "labels", *(f"A_z{z:02d}_mask.tif" for z in range(1, 4)), labels=True)
    (item,) = as_data(tmp_path).items
    assert (item.id, item.image.shape, item.image.axes) == ("A", (3, 6, 8, 2), "zyxc")
    assert item.image.read()[:, 0, 1].tolist() == [[0, 10], [20, 30], [40, 50]]
    assert item.annotations[0].shape == (3, 6, 8)
    part = item.annotations[0].read((slice(1, 3), slice(0, 6), slice(0, 8)))
    np.testing.assert_array_equal(part, [LABELS, LABELS])
    assert cl.check(tmp_path).ok


def test_the_pixel_size_of_joined_planes_is_asked_for(tmp_path):
    for z in range(2):
        cl.images.write_labels(tmp_path / f"A_z{z}.tif", LABELS, pixel_size_um=0.5)
    (item,) = as_images(tmp_path)
    assert item.spacing_um is None
    assert "the distance of its planes is in no file" in item.notes[-1]
    (item,) = as_data((tmp_path, tmp_path), pixel_size_um=(2, 0.5, 0.5)).items
    assert (item.spacing_um, item.notes) == ((2.0, 0.5, 0.5), ())


def test_time_points_are_images_of_one_group(tmp_path):
    names = [f"mov{m}_t{t:03d}.tif" for m in (1, 2) for t in range(3)]
    put(tmp_path / "images", *names)
    put(tmp_path / "labels", *names, labels=True)
    data = as_data(tmp_path)
    assert [(i.id, i.group) for i in data.items] == [(n[:-4], n[:4]) for n in names]
    assert "time points of 2 recordings" in data.notes[0]


def test_time_points_with_labels_in_one_file_are_a_series(tmp_path):
    put(tmp_path / "images", *(f"mov_t{t}_w{w}.tif" for t in range(3) for w in (1, 2)))
    stack = np.stack([LABELS, LABELS * 2, LABELS * 3])
    path = put(tmp_path / "labels") / "mov.tif"
    tifffile.imwrite(path, stack, photometric="minisblack")
    data = as_data(tmp_path)
    assert [(i.id, i.image.shape, i.group) for i in data.items] == [
        (f"mov_t00{t}", (6, 8, 2), "mov") for t in range(3)
    ]
    assert [int(i.annotations[0].read().max()) for i in data.items] == [1, 2, 3]


def test_channels_that_are_time_series(tmp_path):
    for c in (1, 2):
        path = put(tmp_path) / f"mov_c{c}.tif"
        stack = np.full((4, 6, 8), c, np.uint8)
        tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "TYX"})
    items = as_images(tmp_path)
    assert [(i.id, i.image.shape) for i in items] == [(f"mov_t00{t}", (6, 8, 2)) for t in range(4)]
    assert items[3].image.read()[0, 0].tolist() == [1, 2]


def test_what_is_missing_or_does_not_fit_is_named(tmp_path):
    assert "plane 2 is missing" in join(["A_z01.tif", "A_z03.tif"]).problems[0]
    grid = ["A_w1_z1.tif", "A_w1_z2.tif", "A_w2_z1.tif"]
    assert "3 files are not 2 planes of 2 channels; one is missing" in join(grid).problems[0]
    put(tmp_path / "images", "A_w1.tif", "A_w2.tif", "B_w1.tif")
    put(tmp_path / "images", "C_w1.tif", shape=(6, 8))
    put(tmp_path / "images", "C_w2.tif", shape=(5, 8))
    put(tmp_path / "labels", "A.tif", "B.tif", "C.tif", labels=True)
    problems = str(cl.check(tmp_path).problems)
    assert "images need the same channels: A: 2 channels; B: 1 channel" in problems
    assert "C_w2.tif`. Expected 6 x 8 pixels, as" in problems


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        (("A_w1", "A_w2", "B_w1", "B_w2", "X_w2"), ["w1"]),
        (("A_w1", "A_w2", "A_w3", "B_w1", "B_w3", "X_w1", "X_w3"), ["w2"]),
        (("A_w1", "A_w2", "B_w2", "B_w3", "X_w3"), ["w1", "w2"]),
        (("DAPI/A", "GFP/A", "GFP/X"), ["DAPI"]),
        (("X_z1_w2", "X_z2_w2", *(f"A_z{z}_w{c}" for z in (1, 2) for c in (1, 2))), ["w1"]),
        (("X_0001", *(f"{n}_000{c}" for n in "AB" for c in range(2))), ["0000"]),
    ],
)
def test_the_number_of_a_channel_is_the_same_in_each_image(tmp_path, files, missing):
    """Whatever files of it are missing: none of the others is taken in its place."""
    for name in files:
        put((tmp_path / name).parent, f"{(tmp_path / name).name}.tif")
    pattern = "{name}_{channel}" if "X_0001" in files else None
    every = sorted({*missing, *(name.partition("/")[0].rpartition("_")[2] for name in files)})
    whole = {item.id: item for item in as_images(tmp_path, pattern=pattern)}
    for k, channel in enumerate(every):
        for chosen in (k, channel) if not channel.isdecimal() else (k,):
            items = as_images(tmp_path, channels=[chosen], pattern=pattern)
            image = next(item for item in items if item.id == "X").image
            if channel in missing:
                with pytest.raises(InvalidError, match=f"a file of channel {channel} too"):
                    image.read()
                continue
            own = [name for name in every if name not in missing].index(channel)
            assert (image.read() == whole["X"].image.read()[..., [own]]).all()
    if "DAPI/A" in files:  # names of two kinds have no numbers in common
        put(tmp_path / "ch1", "Y.tif")
        [other] = [i for i in as_images(tmp_path, channels=[0]) if i.id == "Y"]
        assert other.image.read().shape == (6, 8, 1)


def test_an_image_without_its_channel_is_said_by_every_verb(trained, tmp_path, capsys):
    for k, (image, truth) in enumerate(zip(*small.nuclei(3), strict=True)):
        for name, pixels in (
            ("images/{}_w1", image),
            ("images/{}_w2", image),
            ("labels/{}", truth),
        ):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / f"{name.format('ABX'[k])}.tif", pixels)
    (tmp_path / "images/X_w1.tif").unlink()
    model, words = kills.ruled(trained.path), "a file of channel w1 too, as others have"
    data = cl.Data.from_folder(tmp_path, channels=[0])
    for one in (data, as_data(tmp_path).with_channels([0])):
        assert words in str(cl.check(one))
    for refused in (lambda: small.train(data=data), lambda: cl.evaluate(model, data)):
        with pytest.raises(InvalidError, match=words):
            refused()
    rule = {"rescale": None, "progress": False}
    named = replace(model, info={**model.info, "channels": {"count": 1, "names": ["w1"]}})
    labels, images = tmp_path / "labels", tmp_path / "images"
    calls = {
        "predict": lambda: cl.predict(model, images, channels=[0], **rule).objects,
        "by name": lambda: cl.predict(named, images, **rule).objects,
        "measure": lambda: cl.measure(labels, images, channels=[0], progress=False),
    }
    capsys.readouterr()
    for verb, call in calls.items():
        assert set(call()["image"]) == {"A", "B"}, verb
        assert words in capsys.readouterr().err, verb


def test_nnunet_names_its_channels_by_four_digits(tmp_path):
    put(tmp_path / "imagesTr", *(f"case_{k:03d}_000{c}.tif" for k in range(2) for c in range(2)))
    put(tmp_path / "labelsTr", "case_000.tif", "case_001.tif", labels=True)
    put(tmp_path / "imagesTs", "case_007_0000.tif", "case_007_0001.tif")
    for x in (tmp_path, (str(tmp_path / "imagesTr"), str(tmp_path / "labelsTr"))):
        data = as_data(x)
        assert [(i.id, i.image.shape[-1]) for i in data.items] == [("case_000", 2), ("case_001", 2)]
        assert data.problems == ()
    assert [(i.id, i.image.shape[-1]) for i in as_images(tmp_path / "imagesTs")] == [
        ("case_007", 2)
    ]


def test_every_verb_takes_the_same_images(tmp_path, capsys):
    images, labels = small.nuclei(3)
    for k, (image, truth) in enumerate(zip(images, labels, strict=True)):
        for part in ("train", "test"):
            (tmp_path / part / "images").mkdir(parents=True, exist_ok=True)
            (tmp_path / part / "masks").mkdir(exist_ok=True)
            shown = image + (part == "test")
            own = f"images/{k}_" if part == "train" else f"images/{k}/"
            (tmp_path / part / f"{own}ch1.tif").parent.mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / part / f"{own}ch1.tif", shown)
            tifffile.imwrite(tmp_path / part / f"{own}ch2.tif", shown // 2)
            tifffile.imwrite(tmp_path / part / f"masks/{k}.tif", truth)
    trainer = small.trainer(iterations=2)
    model = small.train(data=tmp_path / "train", trainer=trainer, out=tmp_path / "m.cytoloom")
    assert (model.channels, model.info["channels"]["names"]) == (2, ["ch1", "ch2"])
    scores = cl.evaluate(model, tmp_path / "test", progress=False)
    found = cl.predict(model, tmp_path / "test", rescale=None, progress=False)
    assert scores.per_image["image"].tolist() == found.files["image"].tolist() == ["0", "1", "2"]
    capsys.readouterr()
    options = ["--pattern", "{name}", "--out", str(tmp_path / "out")]
    assert main(["predict", str(model.path), str(tmp_path / "test/images"), *options]) == 1
    assert "Expected 2 channels (ch1, ch2), as the model was trained" in capsys.readouterr().err


def test_a_folder_without_images_is_one_sentence_with_a_pattern_too(tmp_path):
    (tmp_path / "notes.csv").write_text("a,b\n", encoding="utf-8")
    with pytest.raises(InvalidError, match="at least one image"):
        as_images(tmp_path, pattern="{well}_{site}")
