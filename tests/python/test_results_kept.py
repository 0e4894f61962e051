"""Results and inputs are never destroyed: kills, runs at once, folders that hold other things."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image as Pillow

import cytoloom as cl
import kills
import small
from cytoloom import cli
from cytoloom.errors import GuessWarning
from cytoloom.storage import results
from cytoloom.storage.written import RECORD
from extras import need

TABLES = ("files.csv", "files_run.json", "objects.csv", "summary.csv")
KEEP = "cytoloom.storage.unfinished:Unfinished.keep"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills by SIGKILL")


@pytest.fixture(scope="module")
def model(trained: cl.Model) -> cl.Model:
    """A model that starts no backend."""
    return kills.ruled(trained.path)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images in files."""
    folder = tmp_path_factory.mktemp("plate") / "images"
    folder.mkdir()
    for k, image in enumerate(small.nuclei(6)[0]):
        cl.images.write_labels(folder / f"w{k}.tif", image)
    return folder


def predict(model: cl.Model, images: Path, out: Path, **rest) -> cl.Predictions:
    return cl.predict(model, images, out=out, rescale=None, progress=False, **rest)


def killed(model: cl.Model, images: Path, out: Path, where: str, number: int, *more: str) -> None:
    """Run a prediction that kills itself."""
    script = Path(kills.__file__)
    words = [sys.executable, script, model.path, images, out, where, number, *more]
    ended = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert ended.returncode == -9, ended.stderr


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the sign of a run that was killed, and the list of what was written."""
    hidden = (".in-use", RECORD)
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in hidden)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_killed_prediction_goes_on_where_it_was(model, images, tmp_path, capsys):
    whole = predict(model, images, tmp_path / "whole")
    out = tmp_path / "killed"
    killed(model, images, out, KEEP, 4)
    done = {path: path.stat().st_mtime_ns for path in (out / "labels").glob("w[012].tif")}
    assert len(done) == 3
    assert not (out / "files.csv").exists()
    found = cl.predict(model, images, out=out, rescale=None)
    assert "3 images of 6 are finished" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert contents(out) == contents(tmp_path / "whole")
    pd.testing.assert_frame_equal(found.objects, whole.objects)


def test_a_killed_prediction_says_what_differs(model, images, tmp_path):
    own = shutil.copytree(images, tmp_path / "images")
    out = tmp_path / "out"
    killed(model, own, out, KEEP, 3)
    before = contents(out)
    with pytest.raises(cl.InvalidError, match=r"begun in .*other overlay\..*overwrite=True"):
        predict(model, own, out, overlay=True)
    other = kills.ruled(model.path)
    other.info["seed"] = 12
    with pytest.raises(cl.InvalidError, match="other model"):
        predict(other, own, out)
    with pytest.raises(cl.InvalidError, match=r"images \(w0 is not given\)"):
        predict(model, own / "w5.tif", out)
    image = cl.images.read(own / "w1.tif").array[..., 0].copy()
    state = (own / "w1.tif").stat()
    image[0, 0] += 1
    cl.images.write_labels(own / "w1.tif", image, overwrite=True)
    os.utime(own / "w1.tif", ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(cl.InvalidError, match=r"w1 has other pixels, or another pixel size"):
        predict(model, own, out)
    assert contents(out) == before
    predict(model, own / "w5.tif", out, overwrite=True)
    assert sorted(contents(out)) == [*TABLES[:2], "labels/w5.tif", *TABLES[2:]]


def sized(path: Path, image: np.ndarray, size_um: float) -> None:
    cl.images.write_labels(path, image, size_um, overwrite=True)


@pytest.fixture
def known_size(model) -> cl.Model:
    """A model that knows how large its pixels were."""
    other = kills.ruled(model.path)
    other.info["pixel_size_um"] = [0.5, 0.5]
    return other


@pytest.mark.parametrize("kept", [1, 3])
def test_a_scale_holds_for_the_images_it_was_decided_by(known_size, tmp_path, kept):
    """Images that are not finished get another pixel size, or are taken away, before it goes on."""
    own = tmp_path / "images"
    own.mkdir()
    images = small.nuclei(4)[0]
    for k, image in enumerate(images):
        sized(own / f"w{k}.tif", image, 1.0)
    out = tmp_path / "out"
    events = cl.predict.events(known_size, own, out=out)
    next(event for event in events if event.message.startswith(f"image {kept + 1}/4"))
    events.close()
    left = [k for k in range(4) if not (out / "labels" / f"w{k}.tif").exists()]
    assert left
    for k in left:
        sized(own / f"w{k}.tif", images[k], 0.5)
    found = cl.predict(known_size, own, out=out, progress=False)
    assert found.files["scale"].tolist() == [1.0 if k in left else 2.0 for k in range(4)]
    assert contents(out) == contents(cl.predict(known_size, own, out=tmp_path / "whole").out)


def test_groups_are_part_of_what_a_scale_was_decided_by(model, images, tmp_path, monkeypatch):
    def by_group(model, items, rescale):
        yield from ()
        return {item.id: [2.0 if item.group == "20x" else 1.0] * 2 for item in items}

    monkeypatch.setattr("cytoloom.prediction.decided.factors_for", by_group)
    out, files = tmp_path / "out", sorted(images.iterdir())[:3]
    told = pd.DataFrame({"image": [str(file) for file in files], "group": "plate"})
    events = cl.predict.events(model, told, out=out)
    next(event for event in events if event.message.startswith("image 2/3"))
    events.close()
    with pytest.raises(cl.InvalidError, match=r"w0 has other pixels, or another pixel size or gr"):
        cl.predict(model, told.assign(group="20x"), out=out, progress=False)
    later = told.assign(group=["plate", "20x", "20x"])
    found = cl.predict(model, later, out=out, progress=False)
    assert found.files["scale"].tolist() == [1.0, 2.0, 2.0]


def test_a_scale_that_would_be_another_now_is_told(known_size, images, tmp_path, monkeypatch):
    """It was decided from all images together, of which one was taken away since."""

    def by_number(model, items, rescale):
        yield from ()
        return {item.id: [float(len(items)) / 4] * 2 for item in items}

    monkeypatch.setattr("cytoloom.prediction.decided.factors_for", by_number)
    own = shutil.copytree(images, tmp_path / "images")
    (own / "w5.tif").unlink()
    out = tmp_path / "out"
    events = cl.predict.events(known_size, own, out=out)
    next(event for event in events if event.message.startswith("image 2/5"))
    events.close()
    (own / "w4.tif").unlink()
    with pytest.raises(cl.InvalidError, match=r"w4 is not given, and by it the scale of all"):
        cl.predict(known_size, own, out=out, progress=False)
    found = cl.predict(known_size, own, out=out, progress=False, overwrite=True)
    assert set(found.files["scale"]) == {1.0}


def test_images_that_came_since_are_taken_along(model, images, tmp_path):
    own = shutil.copytree(images, tmp_path / "images")
    killed(model, own, tmp_path / "out", KEEP, 3)
    cl.images.write_labels(own / "w9.tif", small.nuclei(1)[0][0])
    assert predict(model, own, tmp_path / "out").names[-1] == "w9"


@pytest.mark.parametrize("number", [1, 2])
def test_files_keep_their_names_whatever_is_given_beside_them_now(model, tmp_path, number):
    """Images whose names become the same name of a file, in another order and with one more."""
    images = dict(zip(["b/c", "b_c", "z", "b:c"], small.nuclei(4)[0], strict=True))
    first = {name: images[name] for name in ("b/c", "b_c", "z")}
    out = tmp_path / "out"
    events = cl.predict.events(model, first, out=out, rescale=None)
    next(event for event in events if event.message.startswith(f"image {number + 1}/3"))
    events.close()
    before = {path: path.read_bytes() for path in (out / "labels").iterdir()}
    again = {name: images[name] for name in ("b:c", "z", "b_c", "b/c")}
    found = cl.predict(model, again, out=out, rescale=None, progress=False)
    assert before
    assert {path: path.read_bytes() for path in before} == before
    files = found.files.set_index("image")
    assert len(set(files["labels"])) == 4
    for name, image in images.items():
        assert (found[name] == model.predict(image)).all()
        assert files["objects"][name] == len(np.unique(found[name])) - 1


def test_earlier_results_give_way_to_those_of_the_same_image(model, tmp_path):
    """One that fails now keeps its file, though another image given before it would have it."""
    one, other = small.nuclei(2)[0]
    out = tmp_path / "out"
    cl.predict(model, {"b_c": one}, out=out, rescale=None, progress=False)
    before = contents(out)
    given = {"b/c": other, "b_c": tmp_path / "nothing.tif"}
    with pytest.raises(cl.InvalidError, match="b_c, which could not be used"):
        cl.predict(model, given, out=out, rescale=None, progress=False, overwrite=True)
    assert before.items() <= contents(out).items()


def test_a_label_image_that_was_lost_is_made_again(model, images, tmp_path):
    out = tmp_path / "out"
    killed(model, images, out, KEEP, 4)
    (out / "labels" / "w1.tif").write_bytes(b"II*")
    with pytest.raises(cl.InvalidError, match=r"w1\.tif, which is another file or was changed"):
        predict(model, images, out)
    (out / "labels" / "w1.tif").unlink()
    assert predict(model, images, out)["w1"].any()


@pytest.fixture(scope="module")
def broken_off(model, images, tmp_path_factory) -> Path:
    """Results of which four images of six are there."""
    out = tmp_path_factory.mktemp("broken") / "out"
    events = cl.predict.events(model, images, out=out, rescale=None)
    next(event for event in events if event.message.startswith("image 5/6"))
    events.close()
    return out


def test_what_is_kept_and_was_damaged_is_made_again(model, images, broken_off, tmp_path):
    """A digit of a table, a byte that is no text, a line of something else: same results."""
    whole = predict(model, images, tmp_path / "whole")
    done = (broken_off / ".predicting" / "finished.jsonl").read_bytes()
    for number, (old, new) in enumerate(
        [(b"w1,1,", b"w1,7,"), (b"csv", b"\xff\xfe"), (b"{", b"[3]{")]
    ):
        out = shutil.copytree(broken_off, tmp_path / str(number))
        damaged = done.replace(old, new, 1)
        assert damaged != done
        (out / ".predicting" / "finished.jsonl").write_bytes(damaged)
        found = predict(model, images, out)
        pd.testing.assert_frame_equal(found.objects, whole.objects)
        assert contents(out) == contents(whole.out)


def test_a_damaged_file_does_not_replace_an_earlier_one(model, images, tmp_path):
    """The results that are to be replaced have the file as it should be, of the same image."""
    out = predict(model, images, tmp_path / "out").out
    whole = contents(out)
    events = cl.predict.events(model, images, out=out, rescale=None, overwrite=True)
    next(event for event in events if event.message.startswith("image 3/6"))
    events.close()
    (out / ".predicting" / "new" / "labels" / "w0.tif").write_bytes(b"II*")
    predict(model, images, out, overwrite=True)
    assert contents(out) == whole


def test_what_was_asked_and_was_damaged_is_not_gone_on_with(model, images, broken_off, tmp_path):
    out = shutil.copytree(broken_off, tmp_path / "out")
    head = out / ".predicting" / "asked.json"
    head.write_text(head.read_text().replace("1.0", "2.0"))
    before = contents(out)
    with pytest.raises(cl.InvalidError, match="with files in labels/ that are no results"):
        predict(model, images, out)
    assert contents(out) == before


@pytest.mark.parametrize("name", ["mine.txt", "new/labels/x.tif", "asked.json", "finished.jsonl"])
def test_a_state_that_no_prediction_wrote_stays(model, images, tmp_path, name):
    file = tmp_path / "out/.predicting" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(cl.InvalidError, match=r"which no run wrote.*Move it away"):
            predict(model, images, tmp_path / "out", overwrite=overwrite)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("name", [".predicting/finished.jsonl", "labels/w1.tif", "files.csv"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(model, images, broken_off, tmp_path, name):
    out = shutil.copytree(broken_off, tmp_path / "out")
    (out / name).unlink(missing_ok=True)
    os.mkfifo(out / name)
    with pytest.raises(cl.InvalidError, match="`out`"):
        predict(model, images, out)


@pytest.mark.parametrize("step", [5, 9, 11, 17, 20])
def test_earlier_results_stay_until_the_new_ones_take_their_place(model, images, tmp_path, step):
    """Killed at a label image, at a table, and while files take their place: the call ends it.

    Files are renamed in the order head, what was decided, six label images, two tables, the list of
    what was written; then label images and tables again, and the list.
    """
    out = tmp_path / "out"
    cl.predict(model, {"old": small.nuclei(1)[0][0]}, out=out, rescale=None, progress=False)
    earlier = contents(out)
    killed(model, images, out, "os:replace", step, "overwrite")
    assert step > 11 or earlier.items() <= contents(out).items()
    predict(model, images, out, overwrite=True)
    assert contents(out) == contents(predict(model, images, tmp_path / "whole").out)


def test_what_fails_leaves_the_earlier_results(model, tmp_path):
    out = tmp_path / "out"
    image = small.nuclei(1)[0][0]
    cl.predict(model, {"a": image}, out=out, progress=False, overlay=True)
    before = contents(out)
    with pytest.raises(cl.InvalidError, match="1 channel"):
        cl.predict(model, np.eye(8)[..., None] * [1, 2, 3], out=out, overwrite=True, progress=False)
    assert contents(out) == before


def test_results_of_images_that_fail_this_time_stay(model, images, tmp_path):
    given = tmp_path / "images"
    shutil.copytree(images, given)
    out = predict(model, given, tmp_path / "out").out
    before = contents(out)
    (given / "w1.tif").write_bytes((given / "w1.tif").read_bytes()[:200])
    with pytest.raises(cl.InvalidError, match=r"Received: w1, which could not be used.* stay"):
        predict(model, given, out, overwrite=True)
    assert before.items() <= contents(out).items()
    (given / "w1.tif").unlink()
    assert len(predict(model, given, out, overwrite=True)) == 5
    assert not (out / "labels/w1.tif").exists()


def test_an_input_among_the_results_is_never_replaced(model, images, tmp_path):
    out = tmp_path / "ol"
    predict(model, images, out)
    before = contents(out)
    for given in (out / "labels", out / "files.csv", [out / "labels" / "w0.tif"]):
        with pytest.raises(cl.InvalidError, match="Invalid `out`"):
            predict(model, given, out, overwrite=True)
        assert contents(out) == before


@pytest.mark.parametrize("name", ["labels/w0.tif", "overlays/w0.png", "maps/w0.tif"])
def test_a_file_that_no_prediction_wrote_is_never_touched(model, images, tmp_path, name):
    """Corrected by hand, or put where an earlier run had not written anything."""
    out = tmp_path / "out"
    predict(model, images, out)
    (out / name).parent.mkdir(exist_ok=True)
    cl.images.write_labels(tmp_path / "mine.tif", np.eye(64, dtype=np.uint16))
    shutil.copy(tmp_path / "mine.tif", out / name)
    before = contents(out)
    with pytest.raises(cl.InvalidError, match=f"{name}.*Move it away"):
        predict(model, images, out, overwrite=True)
    assert contents(out) == before
    cl.predict(model, {"b": small.nuclei(1)[0][0]}, out=out, overwrite=True, progress=False)
    assert (out / name).read_bytes() == (tmp_path / "mine.tif").read_bytes()
    assert len(contents(out)) == 6


def corrected_in_an_editor(path: Path) -> None:
    """Change a pixel in a program that keeps the tags of a TIFF, what wrote it among them."""
    with Pillow.open(path) as picture:
        picture.load()
        picture.putpixel((0, 0), 9)
        picture.save(path, compression="tiff_deflate", tiffinfo=picture.tag_v2)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.pages.first.software == "cytoloom"


def with_a_row_more(path: Path) -> None:
    path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")


def as_a_link(path: Path) -> None:
    path.rename(path.with_suffix(".mine"))
    path.symlink_to(path.with_suffix(".mine"))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("labels/w0.tif", corrected_in_an_editor),
        ("labels/w0.tif", as_a_link),
        ("objects.csv", with_a_row_more),
        ("files.csv", with_a_row_more),
        (RECORD, lambda path: path.write_text("mine")),
        (RECORD, Path.unlink),
    ],
)
def test_what_was_changed_by_hand_is_not_replaced(model, images, tmp_path, name, change):
    """Without the list of what was written nothing is known to be ours."""
    out = tmp_path / "out"
    predict(model, images / "w0.tif", out)
    change(out / name)
    before = contents(out)
    with pytest.raises(cl.InvalidError, match=r"Move it away, or pass another name"):
        predict(model, images / "w0.tif", out, overwrite=True)
    assert contents(out) == before


def test_what_is_changed_while_files_take_their_place_stays(model, images, tmp_path, monkeypatch):
    """With many images that takes seconds, in which people save what they have corrected."""
    predict(model, images, tmp_path)
    plain, mine = results.move_there, tmp_path / "labels/w5.tif"

    def corrected(stage, folder, names):
        plain(stage, folder, names)
        mine.write_bytes(b"mine")

    with monkeypatch.context() as patch:
        patch.setattr(results, "move_there", corrected)
        with pytest.raises(cl.InvalidError, match=r"w5\.tif, which is another file or was changed"):
            predict(model, images, tmp_path, overwrite=True)
    assert mine.read_bytes() == b"mine"
    with pytest.raises(cl.InvalidError, match="a prediction that has ended"):
        cl.measure(tmp_path, progress=False)
    mine.rename(tmp_path.parent / "mine.tif")
    found = predict(model, images, tmp_path, overwrite=True)
    assert (
        cl.measure(tmp_path, progress=False)["object"].tolist() == found.objects["object"].tolist()
    )


def test_what_is_changed_while_new_results_are_made_is_not_replaced(model, images, tmp_path):
    """What was found by then is kept, and takes its place when the file was moved away."""
    out = tmp_path / "out"
    predict(model, images / "w0.tif", out)
    events = cl.predict.events(model, images / "w0.tif", out=out, rescale=None, overwrite=True)
    while next(events).kind != "progress":
        pass
    with_a_row_more(out / "objects.csv")
    before = contents(out)
    with pytest.raises(
        cl.InvalidError, match=r"objects\.csv, which is another file or was changed"
    ):
        list(events)
    assert before.items() <= contents(out).items()
    (out / "objects.csv").rename(tmp_path / "mine.csv")
    predict(model, images / "w0.tif", out, overwrite=True)
    assert sorted(contents(out)) == [*TABLES[:2], "labels/w0.tif", *TABLES[2:]]


def put_a_label(out: Path) -> None:
    (out / "labels").mkdir(exist_ok=True)
    (out / "labels" / "w1.tif").write_text("mine")


def link_the_labels(out: Path) -> None:
    (out.parent / "precious").mkdir()
    (out.parent / "precious" / "w1.tif").write_text("mine")
    shutil.rmtree(out / "labels", ignore_errors=True)
    (out / "labels").symlink_to("../precious")


def remove_a_label(out: Path) -> None:
    (out / "labels" / "w0.tif").unlink()


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (put_a_label, r"w1\.tif, which is another file"),
        (link_the_labels, "labels, a link"),
        (remove_a_label, r"w0\.tif, which disappeared.*The same call makes it again"),
    ],
)
def test_what_is_done_to_results_during_the_first_run_is_told(model, images, tmp_path, act, said):
    out = tmp_path / "out"
    events = cl.predict.events(model, images, out=out, rescale=None)
    while not (out / "labels" / "w0.tif").exists():
        next(events)
    act(out)
    with pytest.raises(cl.InvalidError, match=said):
        list(events)
    assert not (out / "files.csv").exists()
    mine = [path for path in tmp_path.rglob("*.tif") if path.read_bytes() == b"mine"]
    assert len(mine) == (act is not remove_a_label)
    for path in mine:
        path.unlink()
    if (out / "labels").is_symlink():
        (out / "labels").unlink()
    assert len(predict(model, images, out)) == 6


@pytest.mark.parametrize("name", ["objects.csv", "files.csv"])
def test_tables_of_others_are_not_replaced(model, images, tmp_path, name):
    (tmp_path / name).write_text("reagent,volume\n")
    with pytest.raises(cl.InvalidError, match=name):
        predict(model, images, tmp_path, overwrite=True)
    assert contents(tmp_path) == {name: b"reagent,volume\n"}


def a_file(path: Path) -> None:
    path.write_text("mine")


def a_dangling_link(path: Path) -> None:
    path.symlink_to("nothing")


def a_link_elsewhere(path: Path) -> None:
    (path.parent.parent / "elsewhere").mkdir()
    path.symlink_to(path.parent.parent / "elsewhere")


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("labels", a_file, r"labels, a file\. Move it away"),
        ("labels", a_dangling_link, r"labels, a link\. Let out itself be the link"),
        ("overlays", a_link_elsewhere, r"overlays, a link\. Let out itself be the link"),
        (".predicting", a_file, r"\.predicting, a file\. Move it away"),
        ("below", a_file, r"below is a file"),
        ("below", a_dangling_link, r"below is a link to nothing"),
    ],
)
def test_what_stands_in_the_way_is_said_in_one_sentence(model, images, tmp_path, name, make, words):
    """Before anything is computed, and nothing of it is touched."""
    out = tmp_path / "out"
    out.mkdir()
    make(out / name)
    with pytest.raises(cl.InvalidError, match=rf"Invalid `out`.*{words}"):
        predict(model, images, out / "below" if name == "below" else out)
    assert [path.name for path in out.iterdir()] == [name]
    assert not contents(tmp_path / "elsewhere")


def test_names_that_no_disk_takes_are_said_by_every_verb_that_writes(trained, images, tmp_path):
    out = tmp_path / "made" / ("x" * 300)
    verbs = {
        "out": [
            lambda: cl.predict(trained, images, out=out, progress=False),
            lambda: cl.evaluate(trained, small.nuclei(1), out=out, progress=False),
            lambda: small.train(out=out),
        ],
        "path": [lambda: trained.save(out)],
        "folder": [lambda: cl.simulate.write(out)],
    }
    for argument, calls in verbs.items():
        for call in calls:
            with pytest.raises(cl.InvalidError, match=f"Invalid `{argument}`.*shorter name"):
                call()
    assert not (tmp_path / "made").exists()


def test_a_full_disk_ends_a_prediction_which_goes_on_when_there_is_room(
    model, images, tmp_path, monkeypatch
):
    out, plain, written = tmp_path / "out", tifffile.imwrite, []

    def full(path, *args, **kwargs):
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(path)
        return plain(path, *args, **kwargs)

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(
        cl.InvalidError, match=r"labels/w\d\.tif`.*No space left.*Make room"
    ) as said:
        predict(model, images, out)
    assert ".predicting" not in str(said.value)
    # images are made side by side: those after the one that failed are not kept
    assert len(list(out.glob("labels/*"))) <= 2
    monkeypatch.undo()
    assert predict(model, images, out).names == [f"w{k}" for k in range(6)]


def test_remedies_in_files_are_spelled_for_all(model, images, tmp_path):
    own = shutil.copytree(images, tmp_path / "images")
    tifffile.imwrite(own / "odd.tif", np.zeros((5, 20, 20), np.uint8))
    found = predict(model, own, tmp_path / "out")
    (said,) = found.files["status"][found.files["status"] != "ok"]
    (kept,) = pd.read_csv(tmp_path / "out" / "files.csv")["status"][found.files["status"] != "ok"]
    assert "slices=True" in said
    assert "slices = true" in kept


def test_objects_as_parquet_are_those_of_the_table(model, images, tmp_path):
    """A file for each image as it is finished, also after a kill; over a table, it is the one."""
    need("pyarrow", "parquet")
    out = tmp_path / "out"
    whole = predict(model, images, out)
    killed(model, images, out, KEEP, 4, "overwrite", "parquet")
    found = predict(model, images, out, overwrite=True, objects="parquet")
    assert sorted(p.name for p in out.iterdir()) == [
        RECORD,
        "files.csv",
        "files_run.json",
        "labels",
        "objects",
        "summary.csv",
    ]
    again = pd.read_parquet(out / "objects")
    assert again.pop("class").isna().all()
    expected = whole.objects.drop(columns="class")
    pd.testing.assert_frame_equal(again, expected, check_dtype=False, check_exact=True)
    assert len(found.objects) == 0
    assert f"{len(again)} objects" in str(found)
    predict(model, images / "w0.tif", out, overwrite=True)
    assert sorted(contents(out)) == [*TABLES[:2], "labels/w0.tif", *TABLES[2:]]


def test_labels_that_R_holds_have_the_classes_of_their_own_parquet_files(tmp_path):
    from cytoloom.models.untrained import untrained
    from cytoloom.r.functions import begin
    from cytoloom.r.functions import told as crossing
    from cytoloom.tasks import Classes

    need("pyarrow", "parquet")
    model = untrained(Classes(["background", "cell", "nucleus"]))
    images = {name: np.random.default_rng(k).random((48, 48)) for k, name in enumerate("ab")}
    found = predict(model, images, tmp_path / "out", objects="parquet")
    own = pd.read_parquet(tmp_path / "out" / "objects" / "b.parquet")
    told = crossing(found)["origin"].merge(found.files[["image", "status", "labels"]])[1:]
    told = told.assign(image="called so", pixel_size_um="0.5 0.5")
    source = {"images": [found["b"]], "names": ["called so"]}
    value = {"source": source, "files": told, "objects": found.objects, "folder": str(found.out)}
    *_, ended = begin("measure", {"labels": value})
    assert ended.value["image"].eq("called so").all()
    assert ended.value["class"].tolist() == own["class"].tolist()
    assert (ended.value["area_um2"] == own["area_px"] / 4).all()
    predict(model, {"b": 1 - images["b"]}, found.out, overwrite=True)
    with pytest.raises(cl.InvalidError, match=r"b\.tif, which another run wrote since"):
        list(begin("measure", {"labels": value}))


def test_parquet_is_refused_where_it_cannot_be_written(model, images, tmp_path, monkeypatch):
    with pytest.raises(cl.InvalidError, match='"csv" or "parquet"'):
        cl.predict(model, images, objects="feather")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(cl.InvalidError, match=r"cytoloom\[parquet\]"):
        predict(model, images, tmp_path / "out", objects="parquet")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    with pytest.raises(cl.InvalidError, match=r"Invalid `objects`\. Expected `out` with it"):
        cl.predict(model, images, objects="parquet")
    assert not (tmp_path / "out").exists()


def test_ctrl_c_says_what_is_kept(model, images, tmp_path):
    events = cl.predict.events(model, images, out=tmp_path / "out", rescale=None)
    while not next(events).message.startswith("image 3/6"):
        pass
    with pytest.raises(KeyboardInterrupt, match=r"2 images kept in .*out, the same call goes"):
        events.throw(KeyboardInterrupt())
    assert predict(model, images, tmp_path / "out").names == [f"w{k}" for k in range(6)]


def test_a_link_to_itself_is_no_folder_for_results(model, images, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    for out in (tmp_path / "loop", tmp_path / "loop" / "out"):
        with pytest.raises(cl.InvalidError, match="`out`"):
            predict(model, images, out)


def test_results_opened_again_say_which_labels_were_corrected_since(model, images, tmp_path):
    out = tmp_path / "out"
    predict(model, images, out)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cl.results(out)
    corrected = np.eye(64, dtype=np.uint16)
    path = cl.images.write_labels(out / "labels/w2.tif", corrected, overwrite=True)
    later = (out / "files.csv").stat().st_mtime + 5
    os.utime(path, (later, later))
    with pytest.warns(UserWarning, match=r"1 label image changed since.*labels/w2\.tif.*measure"):
        assert (cl.results(out)["w2"] == corrected).all()


def test_what_was_taken_out_of_results_is_said(model, images, tmp_path):
    out = tmp_path / "out"
    count = len(predict(model, images, out).objects)
    for name in ("objects.csv", "summary.csv", "labels/w3.tif"):
        (out / name).rename(tmp_path / Path(name).name)
        with pytest.warns(GuessWarning, match=f"1 file .* no longer there .{name}.: what they"):
            opened = cl.results(out)
        assert len(opened.objects) == (0 if name == "objects.csv" else count)
        (tmp_path / Path(name).name).rename(out / name)
    # copied without what is hidden, nobody knows what was there, but objects are always
    (out / ".written.sha256").unlink()
    (out / "objects.csv").unlink()
    with pytest.warns(GuessWarning, match=r"no longer there .objects\.csv"):
        cl.results(out)


def test_parts_of_objects_that_were_taken_out_are_said(model, images, tmp_path):
    pytest.importorskip("pyarrow")
    out = tmp_path / "out"
    cl.predict(model, images, out=out, rescale=None, objects="parquet", progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cl.results(out)
    shutil.rmtree(out / "objects")
    with pytest.warns(GuessWarning, match=r"6 files .* no longer there .objects/w0\.parquet"):
        cl.results(out)


def as_excel(path, separator=";", encoding="utf-8-sig"):
    """Save a table as a spreadsheet with decimal commas does."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    numbers = table.apply(lambda c: c.str.replace(r"^(-?\d+)\.(\d)", r"\1,\2", regex=True))
    numbers.to_csv(path, sep=separator, index=False, encoding=encoding, lineterminator="\r\n")


@pytest.mark.parametrize(("separator", "encoding"), [(";", "cp1252"), ("\t", "utf-16")])
def test_results_that_a_spreadsheet_saved_are_the_same(
    model, images, tmp_path, separator, encoding
):
    out = tmp_path / "out"
    predict(model, images, out)
    before = cl.results(out)
    for name in ("files", "objects", "summary"):
        as_excel(out / f"{name}.csv", separator, encoding)
    with pytest.warns(GuessWarning, match=r"objects\.csv and files\.csv changed since"):
        after = cl.results(out)
    for name in ("files", "objects", "summary"):
        pd.testing.assert_frame_equal(getattr(before, name), getattr(after, name))
    assert (cl.measure(out, progress=False)["area_px"] > 0).all()
    (out / "objects.csv").write_text("image,object\na,1\nb,2,3\n")
    with (
        pytest.warns(GuessWarning),
        pytest.raises(cl.InvalidError, match=r"objects\.csv`.* a table of text .*fields in line 3"),
    ):
        cl.results(out)


def test_export_says_which_labels_were_changed_and_every_face_says_it_in_a_line(
    model, images, tmp_path, capsys
):
    out = tmp_path / "out"
    predict(model, images, out)
    other = np.eye(64, dtype=np.uint16)
    cl.images.write_labels(out / "labels/w2.tif", other, overwrite=True)
    for given in (out, out / "labels"):
        assert cli.main(["export", str(given), str(tmp_path / given.name), "--format", "coco"]) == 0
        said = [line for line in capsys.readouterr().err.splitlines() if "changed since" in line]
        assert len(said) == 1
        assert said[0].startswith(f"Warning: {out}: 1 label image changed since the prediction (l")
        assert "cytoloom measure gives them anew" in said[0]


def test_what_was_found_stays_that_of_its_own_run(model, images, tmp_path, monkeypatch):
    """In another working directory, and after another run has replaced the files."""
    monkeypatch.chdir(tmp_path)
    found = predict(model, images, Path("out"))
    whole = {name: labels.copy() for name, labels in found}
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    cl.predict(model, images, out="out", rescale=2.0, progress=False)
    assert all((found[name] == labels).all() for name, labels in whole.items())
    table = cl.measure(found, progress=False)
    assert table["object"].tolist() == found.objects["object"].tolist()
    opened = cl.results(found.out)
    cl.predict(model, images, out=found.out, rescale=2.0, overwrite=True, progress=False)
    in_memory = cl.predict(model, images, rescale=None, pixel_size_um=0.5, progress=False)
    table = cl.measure(in_memory, progress=False)
    assert (table["area_um2"] == table["area_px"] / 4).all()
    for held in (found, opened):
        with pytest.raises(cl.InvalidError, match=r"tif, which another run wrote since.*results"):
            held["w1"]
        with pytest.raises(cl.InvalidError, match="another run wrote since"):
            cl.measure(held, progress=False)
        with pytest.raises(cl.InvalidError, match="another run wrote since"):
            cl.export(held, tmp_path / "drawn", "geojson", progress=False)


def test_a_consensus_stays_that_of_its_own_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawn = {"anna": [[0, 1, 1]], "ben": [[0, 1, 0]], "eva": [[0, 1, 1]]}
    found = cl.consensus(drawn, "majority", out="agreed", progress=False)
    monkeypatch.chdir("/")
    assert found["image"].tolist() == [[0, 1, 1]]
    drawn["eva"] = [[1, 0, 0]]
    cl.consensus(drawn, "majority", out=found.out, overwrite=True, progress=False)
    with pytest.raises(cl.InvalidError, match="which another run wrote since"):
        found["image"]


def test_data_are_those_of_where_they_were_given(model, images, tmp_path, monkeypatch):
    for place in ("here", "there"):
        for kind in ("images", "labels"):
            shutil.copytree(images, tmp_path / place / "data" / kind)
    cl.images.write_labels(
        tmp_path / "there/data/images/w0.tif", np.zeros((64, 64), np.uint16), overwrite=True
    )
    monkeypatch.chdir(tmp_path / "here")
    given = cl.Data.from_folder("data")
    monkeypatch.chdir(tmp_path / "there")
    found = cl.predict(model, given, rescale=None, progress=False)
    assert found["w0"].any()


def corrected(folder: Path, name: str, labels: np.ndarray, seconds: float | None = None) -> None:
    """Replace a label image, with a date of its own."""
    path = folder / "labels" / f"{name}.tif"
    cl.images.write_labels(path, labels, overwrite=True)
    if seconds is not None:
        os.utime(path, (seconds, seconds))


def test_tables_that_were_changed_or_are_of_another_prediction_are_named(model, images, tmp_path):
    out = predict(model, images, tmp_path / "out").out
    other = predict(model, images / "w0.tif", tmp_path / "other").out
    for names in (["objects.csv"], ["objects.csv", "files.csv"]):
        for name in names:
            shutil.copy(other / name, out / name)
        with pytest.warns(GuessWarning, match=f": {' and '.join(names)} changed since the pred"):
            assert set(cl.results(out).objects["image"]) == {"w0"}


def test_labels_that_were_corrected_are_named_whatever_their_date(model, images, tmp_path):
    out = predict(model, images, tmp_path / "out").out
    cl.results(out)
    corrected(out, "w1", np.eye(64, dtype=np.uint16), 1e9)
    with pytest.warns(GuessWarning, match=r"1 label image changed .*w1\.tif"):
        assert cl.results(out)["w1"].sum() == 64
    (out / RECORD).unlink()
    with pytest.warns(GuessWarning, match="nobody knows whether label images were changed"):
        cl.results(out)
