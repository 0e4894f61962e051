"""OME-Zarr 0.4 and 0.5 and plain Zarr: what is read of them, and what is refused."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.cli import main
from cytoloom.datasets.data import as_data
from cytoloom.datasets.files import FileSource
from cytoloom.datasets.unlabelled import as_images
from cytoloom.errors import InvalidError
from cytoloom.images import probe, read, read_labels, scenes
from cytoloom.images.files import read_part
from cytoloom.images.reader import Part
from extras import need
from zarr_files import grey, said_of, write_array, write_image, write_labels

need("zarr", "volumes")
BOTH = pytest.mark.parametrize("version", [2, 3])
LABELS = np.zeros((30, 40), np.uint16)
LABELS[2:9, 3:12], LABELS[15:25, 20:33] = 1, 2


@BOTH
def test_an_image_of_ome_zarr_has_its_axes_sizes_and_names(tmp_path, version):
    """Scales in nanometres become micrometres, channels come last, time stays first."""
    array = grey((3, 2, 4, 30, 40))
    omero = {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}
    path = tmp_path / "a.ome.zarr"
    write_image(path, array, "tczyx", (1, 1, 2000, 250, 125), version, "nanometer", omero=omero)
    image = read(path)
    assert (image.name, image.axes, image.array.dtype) == ("a", "tzyxc", np.uint16)
    assert image.pixel_size_um == (2.0, 0.25, 0.125)
    assert image.channel_names == ("DAPI", "GFP")
    np.testing.assert_array_equal(image.array, np.moveaxis(array, 1, -1))
    one = read(path, frame=2, channels="gfp")
    np.testing.assert_array_equal(one.array[..., 0], array[2, 1])


def test_scales_of_all_resolutions_count_and_place_an_image(tmp_path):
    """0.5 um of the resolution times 2 of all: 1 um; 3 um moved before it is 6 after it, plus 1."""
    path = tmp_path / "a.zarr"
    write_image(path, grey(), "yx", (0.5, 0.5), moved=[3, 0])
    image = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]["multiscales"][0]
    image["coordinateTransformations"] = [
        {"type": "scale", "scale": [2, 2]},
        {"type": "translation", "translation": [1, 0]},
    ]
    said_of(path, {"multiscales": [image]})
    info = probe(path)
    assert (info.pixel_size_um, info.origin_um) == ((1.0, 1.0), (7.0, 0.0))


def test_a_size_without_unit_is_not_believed(tmp_path):
    write_image(tmp_path / "a.zarr", grey(), "yx", (0.5, 0.5), unit=None)
    write_image(tmp_path / "b.zarr", grey(), "yx", unit=None)
    write_image(tmp_path / "c.zarr", grey(), "yx", (0.5, 0.5), unit="furlong")
    infos = [probe(tmp_path / f"{name}.zarr") for name in "abc"]
    assert [info.pixel_size_um for info in infos] == [None] * 3
    assert "in no unit" in infos[0].notes[0]
    assert infos[1].notes == ()
    assert "in furlong" in infos[2].notes[0]


@BOTH
def test_regions_are_read_without_the_rest(tmp_path, version):
    """A chunk that is damaged hinders nothing that does not meet it."""
    array = grey((5, 30, 40))
    write_image(tmp_path / "a.zarr", array, "zyx", version=version)
    assert probe(tmp_path / "a.zarr").regions
    rng = np.random.default_rng(1)
    for _ in range(15):
        ends = [sorted(rng.integers(0, n + 1, 2).tolist()) for n in array.shape]
        region = tuple(slice(*pair) for pair in ends)
        found = read_part(tmp_path / "a.zarr", Part(region=region))
        np.testing.assert_array_equal(found[..., 0], array[region])
    chunk = tmp_path / "a.zarr/0" / ("c/0/1/2" if version == 3 else "0.1.2")
    chunk.write_bytes(chunk.read_bytes()[:40])
    region = (slice(0, 5), slice(0, 16), slice(0, 40))
    np.testing.assert_array_equal(
        read_part(tmp_path / "a.zarr", Part(region=region))[..., 0], array[:, :16]
    )
    with pytest.raises(InvalidError, match=r"chunks that can be decoded.*0:5, 16:30"):
        read_part(tmp_path / "a.zarr", Part(region=(slice(0, 5), slice(16, 30), slice(0, 40))))


@BOTH
def test_a_plain_array_has_axes_where_they_are_named_and_else_guessed(tmp_path, version):
    array = grey((3, 30, 40))
    write_array(tmp_path / "plain.zarr", array, version)
    with pytest.warns(UserWarning, match="taken for z, y, x"):
        assert read(tmp_path / "plain.zarr").axes == "zyxc"
    assert read(tmp_path / "plain.zarr", axes="cyx").array.shape == (30, 40, 3)
    names = {"attributes": {"_ARRAY_DIMENSIONS": ["time", "y", "x"]}}
    names = {"dimension_names": ["time", "y", "x"]} if version == 3 else names
    write_array(tmp_path / "named.zarr", array, version, **names)
    assert read(tmp_path / "named.zarr").axes == "tyxc"


def test_sizes_of_funlib_are_read_with_their_units(tmp_path):
    said = {
        "axis_names": ["c^", "z", "y", "x"],
        "units": ["nm", "nm", "nm"],
        "voxel_size": [40, 4, 8],
    }
    write_array(tmp_path / "raw", grey((2, 5, 30, 40)), 2, attributes=said)
    info = probe(tmp_path / "raw")
    assert (info.shape, info.pixel_size_um) == ((5, 30, 40, 2), (0.04, 0.004, 0.008))


def test_an_array_alone_in_a_group_is_the_image_and_of_several_one_is_named(tmp_path):
    said_of(tmp_path / "a.zarr", {})
    write_array(tmp_path / "a.zarr/raw", grey())
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").array[..., 0], grey())
    write_array(tmp_path / "a.zarr/mask", LABELS)
    with pytest.raises(InvalidError, match=r"2 arrays: mask, raw. Give one of them, .*mask"):
        read(tmp_path / "a.zarr")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr/mask"), LABELS)


@pytest.mark.parametrize("numbered", [True, False])
def test_a_series_of_bio_formats_has_an_image_for_each(tmp_path, numbered):
    path = tmp_path / "a.zarr"
    said_of(path, {"bioformats2raw.layout": 3}, version=2)
    for k, name in enumerate(("0", "1", "10")):
        write_image(path / name, grey(seed=k), "yx", version=2)
    if not numbered:
        said_of(path / "OME", {"series": ["10", "0"]}, version=2)
    assert scenes(path) == (("0", "1", "10") if numbered else ("10", "0"))
    np.testing.assert_array_equal(read(path, scene="10").array[..., 0], grey(seed=2))
    with pytest.raises(InvalidError, match="Choose one by name with `scene`"):
        read(path)
    assert next(item.id for item in as_images(path)) == ("a_0" if numbered else "a_10")


@BOTH
def test_a_plate_has_a_scene_for_each_field(tmp_path, version):
    """Wells that were not imaged are passed over."""
    path = tmp_path / "plate.zarr"
    wells = [{"path": p, "rowIndex": 0, "columnIndex": 0} for p in ("A/1", "B/2", "B/3")]
    said_of(path, {"plate": {"wells": wells}}, version)
    for name in ("A/1", "B/2"):
        said_of(path / name, {"well": {"images": [{"path": "0"}, {"path": "1"}]}}, version)
    for k, name in enumerate(("A/1/0", "A/1/1", "B/2/0", "B/2/1")):
        write_image(path / name, grey(seed=k), "yx", version=version)
    assert scenes(path) == ("A/1/0", "A/1/1", "B/2/0", "B/2/1")
    items = as_images(path)
    assert [item.id for item in items][2:] == ["plate_B_2_0", "plate_B_2_1"]
    np.testing.assert_array_equal(items[3].image.read()[..., 0], grey(seed=3))
    np.testing.assert_array_equal(read(path / "A/1", scene="1").array[..., 0], grey(seed=1))


def test_folders_of_stores_pair_by_name(tmp_path):
    for k in range(3):
        write_image(tmp_path / f"images/a{k}.ome.zarr", grey(seed=k), "yx")
        write_image(tmp_path / f"labels/a{k}.zarr", LABELS, "yx")
    data = as_data(tmp_path)
    assert ([i.id for i in data.items], data.problems) == (["a0", "a1", "a2"], ())
    np.testing.assert_array_equal(data.items[1].annotations[0].read(), LABELS)
    assert cl.check(tmp_path).ok


@BOTH
def test_labels_in_an_image_are_its_own(tmp_path, version):
    for k in range(2):
        write_image(tmp_path / f"a{k}.zarr", grey(seed=k), "yx", version=version)
        write_labels(tmp_path / f"a{k}.zarr", LABELS, "cells", version=version)
    for given, count in ((tmp_path, 2), (tmp_path / "a0.zarr", 1)):
        data = as_data(given)
        assert (len(data.items), data.problems) == (count, ())
        np.testing.assert_array_equal(data.items[0].annotations[0].read(), LABELS)
    assert [item.id for item in as_images(tmp_path)] == ["a0", "a1"]
    with pytest.raises(InvalidError, match=r"group of labels: cells. Give one of them"):
        read_labels(tmp_path / "a0.zarr/labels")


def test_of_several_label_images_the_one_that_is_meant_has_to_be_given(tmp_path):
    path = tmp_path / "a.zarr"
    write_image(path, grey(), "yx")
    for name in ("cells", "nuclei"):
        write_labels(path, LABELS, name)
    said_of(path / "labels", {"labels": ["cells", "nuclei"]})
    assert "holds 2 label images (cells, nuclei): give the" in as_data(path).problems[0]
    assert as_data((path, path / "labels/nuclei")).problems == ()


@BOTH
def test_labels_in_an_image_given_as_data_mean_the_image_with_these(tmp_path, version):
    path = tmp_path / "a.zarr"
    write_image(path, grey(), "yx", version=version)
    for name, labels in (("cells", LABELS), ("nuclei", LABELS[::-1])):
        write_labels(path, labels, name, version=version)
    for region, box in (("", np.s_[:]), (":[3:20, 5:30]", np.s_[3:20, 5:30])):
        data = as_data(f"{path / 'labels/nuclei'}{region}")
        assert (data.problems, [item.id for item in data.items]) == ((), ["a"])
        (item,) = data.items
        np.testing.assert_array_equal(item.image.read()[..., 0], grey()[box])
        np.testing.assert_array_equal(item.annotations[0].read(), LABELS[::-1][box])


def test_labels_that_a_prediction_wrote_are_left_out_where_others_are(tmp_path, trained, capsys):
    """Predict into a store, then score against what is in it: both as the docs recommend."""
    image, labels = cl.simulate.nuclei(shape=(64, 64), count=4, seed=1)
    path = tmp_path / "v.zarr"
    cl.volumes.write(path, image, axes="yx", spacing_um=(0.5, 0.5))
    cl.volumes.write(path / "labels/truth", labels.astype(np.uint16))
    cl.predict(trained, path, out=path / "labels/cells", progress=False)
    how = {"rescale": None, "progress": False}
    wanted = cl.evaluate(trained, (image, labels), **how).per_image
    for given in (path, path / "labels/truth"):
        scores = cl.evaluate(trained, given, **how).per_image
        assert scores["ap50"].tolist() == wanted["ap50"].tolist()
    data = as_data(path)
    assert any("v.zarr/labels/cells" in note for note in data.notes)
    assert not any("found by a model" in note for note in data.notes)
    notes = as_data(path / "labels/cells").notes
    assert any("found by a model" in note for note in notes), "said where they are meant"
    assert main(["check", str(path / "labels/truth")]) == 0
    assert "1 image" in capsys.readouterr().out


def test_hidden_label_images_are_none(tmp_path, trained):
    path = tmp_path / "a.zarr"
    write_image(path, grey(), "yx")
    for name in (".hid", "cells"):
        write_labels(path, LABELS, name)
    said_of(path / "labels", {"labels": [".hid", "cells"]})
    assert as_data(path).problems == ()
    for write in (
        lambda place: cl.predict(trained, path, out=place, progress=False),
        lambda place: cl.volumes.write(place, LABELS),
    ):
        with pytest.raises(InvalidError, match=r"does not begin with a dot.*labels/new"):
            write(path / "labels/.new")
    assert not (path / "labels/.new").exists()


def test_labels_that_a_model_has_put_into_an_image_are_said_to_be_no_truth(tmp_path, trained):
    image, labels = cl.simulate.nuclei(shape=(64, 64), count=4, seed=1)
    for name in "ab":
        write_image(tmp_path / f"{name}.zarr", image, "yx", (0.5, 0.5))
    write_labels(tmp_path / "a.zarr", labels.astype(np.uint16))
    cl.predict(trained, tmp_path / "b.zarr", out=tmp_path / "b.zarr/labels/cells", progress=False)
    notes = as_data(tmp_path).notes
    assert any("1 of 2 label images in" in n and "were found by a model" in n for n in notes)
    assert not any("found by a model" in note for note in as_data(tmp_path / "a.zarr").notes)


def test_measuring_and_predicting_take_a_store_as_a_file(tmp_path, trained):
    image, labels = cl.simulate.nuclei(shape=(64, 64), count=4, seed=1)
    write_image(tmp_path / "a.zarr", image, "yx", (0.5, 0.5))
    write_labels(tmp_path / "a.zarr", labels.astype(np.uint16))
    np.save(tmp_path / "b.npy", image)
    objects = cl.measure(tmp_path / "a.zarr/labels/labels", tmp_path / "a.zarr")
    assert objects["image"].tolist() == ["a"] * 4
    assert objects["area_um2"].tolist() == [0.25 * n for n in np.bincount(labels.ravel())[1:]]
    in_store, in_file = (cl.predict(trained, tmp_path / n, rescale=None, progress=False)
                         for n in ("a.zarr", "b.npy"))  # fmt: skip
    np.testing.assert_array_equal(in_store["a"], in_file["b"])
    with pytest.raises(InvalidError, match="other than that of the images"):
        cl.predict(trained, tmp_path / "a.zarr", out=tmp_path, progress=False)


@BOTH
def test_a_store_that_was_written_anew_is_read_anew(tmp_path, version):
    import zarr

    write_image(tmp_path / "a.zarr", grey(), "yx", version=version)
    source = FileSource(tmp_path / "a.zarr")
    assert source.read().max() < 65000
    zarr.open_array(str(tmp_path / "a.zarr/0"), mode="r+")[20:, 30:] = 65000
    assert source.read().max() == 65000


def changed(path, **said):
    """Change what a file of metadata says."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **said}))


def grid(*sizes):
    """Say how large chunks are."""
    return {"name": "regular", "configuration": {"chunk_shape": list(sizes)}}


SCALE = {"type": "scale", "scale": [1, 1]}
ODD_IMAGES = [
    ({"datasets": [{"path": "7"}]}, "the resolution 7. Received: none: its array is missing"),
    ({"datasets": [{"path": "../../secret/0"}]}, r"the path '../../secret/0'"),
    ({"datasets": [{"path": "/secret"}]}, "names of folders within it"),
    ({"datasets": [{"path": 0}]}, "the path 0"),
    ({"datasets": {"0": 1}}, r"an image with resolutions \(datasets\)"),
    ({"axes": [{"name": "y"}, {"name": "angle"}]}, "the axes y, angle"),
    ({"axes": [{"name": "y"}]}, "the axes y"),
    ({"axes": "yx"}, "the axes None"),
    ({"coordinateTransformations": [{"type": "scale", "scale": ["a", 1]}]}, "numbers as its scale"),
]
INNER = {"chunk_shape": [8, 8], "codecs": [{"name": "mine.pickle"}], "index_codecs": []}
ODD_ARRAYS = [
    ({"shape": [2**40, 2**40]}, "an image that fits into memory"),
    ({"shape": ["30", None]}, "a shape of whole numbers"),
    ({"shape": [0, 40]}, "an image with pixels"),
    ({"chunk_grid": grid(2**40, 2**40)}, "an image that fits into memory"),
    ({"chunk_grid": grid("a", 2)}, "chunks of 2 sizes above 0"),
    ({"data_type": "string"}, "the type string"),
    ({"node_type": "file"}, "an array or a group"),
    ({"codecs": [{"name": "numcodecs.pickle"}]}, "the codec numcodecs.pickle"),
    ({"codecs": [{"name": "sharding_indexed", "configuration": INNER}]}, "the codec mine.pickle"),
]
ODD_OLD_ARRAYS = [
    ({"dtype": "|O", "filters": [{"id": "pickle"}]}, r"the type \|O"),
    ({"compressor": {"id": "pickle"}}, "the codec pickle.*never loaded"),
    ({"filters": [{"id": "mine"}]}, "the codec mine"),
    ({"dtype": [["a", "<u2"]]}, "an array of numbers"),
    ({"chunks": [16]}, "chunks of 2 sizes above 0"),
]


def refused(path, words):
    """Check that an image is refused in one sentence with its path, by whoever reads it."""
    with pytest.raises(InvalidError, match=words) as said:
        read(path)
    assert str(path) in str(said.value)
    assert not cl.check((path, path)).ok


@pytest.mark.parametrize(("said", "words"), ODD_IMAGES)
def test_what_is_wrong_with_an_image_is_one_sentence(tmp_path, said, words):
    path = tmp_path / "a.zarr"
    write_image(path, grey(), "yx")
    image = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]["multiscales"][0]
    said_of(path, {"multiscales": [{**image, **said}]})
    refused(path, words)


@pytest.mark.parametrize(("said", "words"), ODD_ARRAYS)
def test_what_is_wrong_with_an_array_is_one_sentence(tmp_path, said, words):
    write_image(tmp_path / "a.zarr", grey(), "yx")
    changed(tmp_path / "a.zarr/0/zarr.json", **said)
    refused(tmp_path / "a.zarr", words)


@pytest.mark.parametrize(("said", "words"), ODD_OLD_ARRAYS)
def test_what_is_wrong_with_an_array_of_version_2_is_one_sentence(tmp_path, said, words):
    write_image(tmp_path / "a.zarr", grey(), "yx", version=2)
    changed(tmp_path / "a.zarr/0/.zarray", **said)
    refused(tmp_path / "a.zarr", words)


@pytest.mark.parametrize("text", ["[1, 2", "[]", "[" * 100_000, '{"zarr_format": 3}', "null", ""])
def test_metadata_that_are_none_are_one_sentence(tmp_path, text):
    write_image(tmp_path / "a.zarr", grey(), "yx")
    (tmp_path / "a.zarr/0/zarr.json").write_text(text)
    refused(tmp_path / "a.zarr", "metadata in JSON|an array or a group")


def test_a_pickle_is_not_run(tmp_path):
    """A codec that loads Python objects runs what is in a chunk, as soon as it is read."""
    path = tmp_path / "a.zarr"
    write_image(path, grey(), "yx", version=2)
    changed(path / "0/.zarray", compressor={"id": "pickle"}, chunks=[30, 40])
    for chunk in (path / "0").glob("0.*"):
        chunk.write_bytes(b"cos\nmkdir\n(S'" + os.fsencode(tmp_path / "ran") + b"'\ntR.")
    refused(path, "never loaded")
    assert not (tmp_path / "ran").exists()


@BOTH
def test_a_pipe_in_place_of_a_chunk_is_not_waited_for(tmp_path, version):
    """Nobody may ever write into it."""
    write_image(tmp_path / "a.zarr", grey(), "yx", version=version)
    chunk = tmp_path / "a.zarr/0" / ("c/1/2" if version == 3 else "1.2")
    chunk.unlink()
    os.mkfifo(chunk)
    refused(tmp_path / "a.zarr", "chunks in files")
    (tmp_path / "a.zarr/0" / (".zarray" if version == 2 else "zarr.json")).unlink()
    os.mkfifo(tmp_path / "a.zarr/0" / (".zarray" if version == 2 else "zarr.json"))
    refused(tmp_path / "a.zarr", "its array is missing")


def test_chunks_in_shards_are_read_by_region(tmp_path):
    array = grey((64, 64))
    write_array(tmp_path / "a.zarr", array, chunks=(8, 8), shards=(32, 32))
    region = (slice(5, 41), slice(30, 34))
    found = read_part(tmp_path / "a.zarr", Part(region=region))
    np.testing.assert_array_equal(found[..., 0], array[region])


def test_a_store_without_a_chunk_is_said_to_be_so(tmp_path):
    write_image(tmp_path / "a.zarr", np.zeros((30, 40), np.uint16), "yx")
    with pytest.warns(UserWarning, match="no pixel of it is stored"):
        assert read(tmp_path / "a.zarr").array.max() == 0


def test_folders_that_are_no_stores_are_said_to_be_so(tmp_path):
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(InvalidError, match=r"with zarr.json, .zgroup or .zarray"):
        read(tmp_path / "empty.zarr")


def test_a_missing_package_is_named_with_how_to_install_it(tmp_path, monkeypatch):
    write_image(tmp_path / "a.zarr", grey(), "yx")
    monkeypatch.setitem(sys.modules, "zarr", None)
    advice = r'pip install "cytoloom\[volumes\]", in R cl_install\(extras = "volumes"\)'
    with pytest.raises(InvalidError, match=rf"a.zarr.*package zarr .*{advice}"):
        probe(tmp_path / "a.zarr")
