"""Which label images were given, and which image belongs to each."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.data import Data
from ..datasets.drawn import is_drawn, is_together
from ..datasets.folders import called_as, is_folder, refuse_other_order
from ..datasets.given import ReadOptions, is_file, is_pixels, listed
from ..datasets.ids import make_ids, named
from ..datasets.items import Gathered, Item, shown_names
from ..datasets.layouts import find_folders
from ..datasets.listing import some, walk
from ..datasets.make_items import make_items
from ..datasets.unlabelled import gather_images
from ..errors import GuessWarning, InvalidError, invalid
from ..images.formats import is_one_image
from ..messages import Argument, VerbName, joined, say
from ..prediction.predictions import Predictions
from ..prediction.reopened import corrected, files_of, is_predicted
from ..storage.atomic import meant
from ..storage.results import (
    CLASSES,
    OBJECTS,
    PIXELS,
    RUNS,
    UNFINISHED,
    read_run,
    refuse_mixed,
)
from ..storage.tables import read_table
from ..storage.written import Written

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LabelImages:
    """Label images by name.

    Parameters
    ----------
    images : dict, default {}
        From names to files or arrays.
    classes : dict, default {}
        Of images whose labels are numbers of classes: from names to the class of each of their
        objects, which are connected pieces numbered class by class.
    names : dict, default {}
        Where the labels of all images are numbers of classes: what these are called.
    spacing_um : dict, default {}
        From names to micrometres per pixel of each axis, where that is known of pixels in memory.
    probabilities : callable
        Returns from names to how sure it is of each object that it is real, as a prediction says.

    Examples
    --------
    >>> given = LabelImages(classes={"a": {1: "nucleus", 2: "nucleus"}})
    >>> given.named("a", {1: 4, 2: 4}), given.named("b", {1: 4}) is None
    ({1: 'nucleus', 2: 'nucleus'}, True)
    >>> given.named("a", {1: 4}), LabelImages(names={4: "nucleus"}).named("b", {1: 4})
    ({1: '4'}, {1: 'nucleus'})
    """

    images: Mapping[str, Any] = field(default_factory=dict)
    classes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    spacing_um: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    probabilities: Callable[[], Mapping[str, Mapping[int, float]]] = dict

    def are_classes(self, image: str) -> bool:
        """Whether the labels of an image are numbers of classes."""
        return bool(self.names) or image in self.classes

    def named(self, image: str, values: Mapping[int, int]) -> Mapping[int, str] | None:
        """Return the class of each object, from its number and label; None where there are none.

        A label that has no name is its own. So are all of an image that has other objects than it
        had when their classes were told: they were drawn anew.
        """
        if not self.are_classes(image):
            return None
        told = self.classes.get(image)
        if told is not None and not self.names and len(told) == len(values):
            return told
        return {number: self.names.get(value, str(value)) for number, value in values.items()}


Labelled = tuple[Item, LabelImages]


def predicted(
    files: pd.DataFrame,
    objects: pd.DataFrame,
    labels: Mapping[str, Any],
    spacing_um: Mapping[str, tuple[float, ...]] | None = None,
) -> LabelImages:
    """Take what a prediction found: its tables, and labels that are in memory or files.

    Examples
    --------
    >>> import pandas as pd
    >>> files = pd.DataFrame({"image": ["a", "b"], "status": ["ok", "cut off"]})
    >>> objects = pd.DataFrame({"image": ["a"], "object": [1], "class": ["nucleus"]})
    >>> found = predicted(files, objects, {"a": np.array([[1]])})
    >>> found.images, found.classes
    ({'a': array([[1]])}, {'a': {1: 'nucleus'}})
    """
    names = [str(name) for name in files["image"][files["status"] == "ok"]]
    classes = {
        str(image): dict(zip(rows["object"], rows["class"], strict=True))
        for image, rows in objects.groupby("image")
        if rows["class"].fillna("").astype(bool).any()
    }
    images = {name: labels[name] for name in names}
    sure = partial(_probabilities, objects)
    return LabelImages(images, classes, spacing_um=spacing_um or {}, probabilities=sure)


def corrected_since(labels: Any) -> list[str]:
    """Say what somebody has changed in the folder of a prediction since it was written.

    Parameters
    ----------
    labels : object
        As `label_images` takes them: such a folder, that of its label images, or anything else,
        of which nothing is said.
    """
    if isinstance(labels, Predictions):
        labels = labels.out
    if labels is None or not (is_file(labels) and str(labels)):
        return []
    given = meant(labels)
    folder = next((one for one in (given, given.parent) if is_predicted(one)), None)
    if folder is None or (given != folder and given.name != "labels"):
        return []
    below = [name for name in files_of(folder)["labels"] if name and (folder / name).is_file()]
    return corrected(folder, below)


def seen_beside(items: Iterable[Item]) -> dict[str, str]:
    """Return what the images were of which one prediction has written these label images.

    By name, see `has_other_pixels`; nothing of others, or where that was not written.
    """
    files = [getattr(item.annotations[0], "path", None) for item in items]
    folders = {Path(path).absolute().parent.parent for path in files if path is not None}
    if len(folders) != 1 or None in files:
        return {}
    return dict(read_run(folders.pop() / RUNS["predict"]).get(PIXELS) or {})


def _probabilities(objects: pd.DataFrame) -> dict[str, dict[int, float]]:
    """Return how sure it is of each object, by image, where the table says so."""
    if "probability" not in objects:
        return {}
    known = objects[objects["probability"].notna()]
    return {
        str(image): dict(zip(rows["object"], rows["probability"].astype(float), strict=True))
        for image, rows in known.groupby("image")
    }


def as_label_images(x: Any) -> LabelImages | None:
    """Return label images that have names: of a dictionary or a prediction; None of other kinds."""
    if isinstance(x, LabelImages):
        return x
    if isinstance(x, Predictions):
        if x.out is None:
            return predicted(x.files, x.objects, dict(x), x.spacing_um)
        x.refuse_another_run(path for path in x.files["labels"] if path)
        return as_label_images(x.out)
    if isinstance(x, Mapping):
        return LabelImages({str(name): one for name, one in x.items()})
    folder = meant(x) if is_file(x) and str(x) else None
    if folder is None:
        return None
    for place in (folder, folder.parent):
        refuse_mixed(place, "labels")
    return _written(folder)


def _written(folder: Path) -> LabelImages | None:
    """Return what a prediction wrote into a folder; None of another folder, or of a file."""
    if (folder / UNFINISHED).is_dir():
        raise invalid(
            "labels",
            expected="the folder of a prediction that has ended",
            received=f"{folder}, where one did not end",
            remedy="The same prediction goes on where it stopped.",
        )
    if not is_predicted(folder):
        return None
    with _called("labels", "folder"):
        files = files_of(folder)
    below = {str(row.image): row.labels for row in files.itertuples() if row.labels}
    paths = {name: folder / path for name, path in below.items()}
    sure = partial(_written_probabilities, folder, below)
    if (folder / CLASSES).is_file() and _tells_classes(folder):
        names = _called_classes(folder / CLASSES)
        found = predicted(files, _without_rows(), paths)
        return replace(found, names=names, probabilities=sure)
    found = predicted(files, _written_objects(folder), paths)
    classes = _as_written(folder, below, found.classes)
    return replace(found, classes=classes, probabilities=sure)


def _written_probabilities(
    folder: Path, below: Mapping[str, str]
) -> dict[str, Mapping[int, float]]:
    """Read how sure a prediction was of each object, but of label images changed since."""
    record, found = Written(folder), _probabilities(_written_objects(folder, "probability"))
    return {
        name: sure
        for name, sure in found.items()
        if name in below and (record.holds(below[name]) or not record.digests(below[name]))
    }


def _called_classes(path: Path) -> dict[int, str]:
    table = read_table(path)
    if not {"label", "class"} <= set(table.columns):
        received = say("{}, with columns {}", str(path), list(table.columns))
        raise invalid("labels", expected="columns label and class", received=received)
    return dict(zip(table["label"], table["class"], strict=True))


def _tells_classes(folder: Path) -> bool:
    """Whether it was the prediction that wrote how classes are called, and not somebody else.

    Without a record it is told by its columns, and by objects that have classes.
    """
    names = Written(folder).names()
    if names:
        return CLASSES in names
    classed = _written_objects(folder)["class"].fillna("").astype(bool)
    return bool(classed.all()) and "label" in read_table(folder / CLASSES)


def _as_written(
    folder: Path, below: Mapping[str, str], classes: Mapping[str, Mapping[int, str]]
) -> dict[str, Mapping[int, str]]:
    """Return the classes of objects, of none where somebody has changed the label image since.

    Only of folders that do not say how classes are called, as those of earlier versions.
    """
    record = Written(folder)
    changed = [n for n in classes if record.digests(below[n]) and not record.holds(below[n])]
    if changed:
        text = f"{folder}: {shown_names(changed)} were changed since the prediction. Their objects "
        text += "have the numbers of classes as names: how these are called was not written."
        warnings.warn(GuessWarning(text), stacklevel=2)
    return {name: {} if name in changed else of for name, of in classes.items()}


def _written_objects(folder: Path, *more: str) -> pd.DataFrame:
    """Read which class objects have that a prediction wrote, as CSV or Parquet.

    Of columns that it may have besides, those that are there.
    """
    import pandas as pd

    names = list(_without_rows().columns)
    if (folder / OBJECTS).is_file():
        table = read_table(folder / OBJECTS)
        return table[[*names, *(name for name in more if name in table)]]
    parts = sorted((folder / Path(OBJECTS).stem).glob("*.parquet"))
    tables = [
        pd.read_parquet(part) if more else pd.read_parquet(part, columns=names) for part in parts
    ]
    return pd.concat([_without_rows(), *tables], ignore_index=True)


def _without_rows() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns=["image", "object", "class"])


def with_classes_of(found: LabelImages, folder: Path, files: Iterable[str]) -> LabelImages:
    """Take what the folder that a prediction wrote says of objects: classes, and how sure it is.

    Parameters
    ----------
    found : LabelImages
        Its label images, or some of them, perhaps by other names.
    folder : Path
        The folder.
    files : iterable of str
        Where each of the label images is there.
    """
    written = as_label_images(folder) or LabelImages()
    own = {Path(path).name: name for name, path in written.images.items()}
    names = [own.get(Path(path).name, "") for path in files]
    known = dict(zip(found.images, names, strict=True))

    def of(values: Mapping[str, Mapping[int, Any]]) -> dict[str, Mapping[int, Any]]:
        """Take what is known by the names of there."""
        return {name: values[there] for name, there in known.items() if there in values}

    return replace(
        found,
        classes=of(written.classes),
        names=written.names,
        probabilities=lambda: of(written.probabilities()),
    )


def label_items(labels: Any, image: Any, options: ReadOptions) -> tuple[Gathered, LabelImages]:
    """Make an item of each label image, with its image or, where none is given, itself as such.

    Parameters
    ----------
    labels, image : object
        As `measure` takes them.
    options : ReadOptions
        How images are read.

    Returns
    -------
    (Gathered, LabelImages)
        The items, with what to say of them; the label images by name, if they have names.
    """
    labels = _inside(labels)
    known = as_label_images(labels)
    if image is None:
        found = Gathered(tuple(_alone(_names(labels, known), options)))
    else:
        with _called("image"):
            found = _with_images(labels, known, image, options)
    items, changed = named(found.items)
    several = [item.id for item in items if len(item.annotations) > 1]
    if several:
        changed.append(f"Of several annotators the first is measured: {shown_names(several)}.")
    return replace(found, items=tuple(items), notes=(*found.notes, *changed)), (
        known or LabelImages()
    )


def with_image_among(labels: Any, image: Any) -> tuple[Any, Any]:
    """Take images among label images that lie in them for what they are.

    Parameters
    ----------
    labels, image : object
        As `measure` takes them. On the command line both may be one list.

    Returns
    -------
    (labels, image)
        As they were, but of labels in stores of images, given with these, the images apart.

    Examples
    --------
    >>> with_image_among(["a.zarr/labels/cells", "a.zarr"], None)
    ('a.zarr/labels/cells', 'a.zarr')
    >>> with_image_among(["a.tif", "b.tif"], None)
    (['a.tif', 'b.tif'], None)
    """
    if not isinstance(labels, (list, tuple)) or not all(is_file(one) for one in labels):
        return labels, image
    around = [_image_around(one) for one in labels]
    given = [Path(one) for one in labels]
    of = {path: one for path, one in zip(given, labels, strict=True) if path in around}
    if not of:
        return labels, image
    own = [(one, a) for path, one, a in zip(given, labels, around, strict=True) if path not in of]
    lost = [str(one) for one, store in own if store not in of]
    if lost or image is not None:
        raise invalid(
            "labels",
            expected="label images",
            received=f"{some([str(one) for one in of.values()])}, with labels within",
            remedy=say("Give images as {}.", Argument("image")),
        )
    found = [one for one, _ in own], [of[store] for _, store in own if store is not None]
    return (found[0][0], found[1][0]) if len(own) == 1 else found


def _image_around(labels: Any) -> Path | None:
    """Return the image in OME-Zarr that labels lie in, by their place."""
    path = Path(labels)
    return path.parent.parent if path.parent.name == "labels" else None


@contextlib.contextmanager
def _called(name: str, *usual: str) -> Iterator[None]:
    """Let errors of what is given speak of the argument that it was given for."""
    try:
        yield
    except InvalidError as error:
        own = error.name in (usual or ("images", "data"))
        raise (error.renamed(name) if own else error) from None


def _with_images(
    labels: Any, known: LabelImages | None, image: Any, options: ReadOptions
) -> Gathered:
    together = is_file(labels) and is_together(labels)
    if known is None and (is_folder(labels) or together) and is_folder(image):
        data = Data.from_pairs(image, labels, **_settings(options))
        if not data.items:
            received = joined("; ", data.problems) if data.problems else "none of the same name"
            raise invalid("image", expected="one for each label image", received=received)
        return Gathered(data.items, data.problems, data.notes)
    if not _in_order(labels, known, image):
        # of both somebody said which image it is
        told = known is not None and (_is_map(image) or _is_place(image))
        return _by_name(_names(labels, known), image, options, alone=not told)
    names = list(known.images) if known else _names_beside(labels, image)
    images = list(image.values()) if _is_map(image) else image
    own = list(known.images.values()) if known else labels
    if known:
        images = _in_order_of(names, "image", images)
    elif _is_map(image):
        own = _in_order_of(names, "labels", own)
    elif len(names) == len(listed(images)):
        refuse_other_order("labels", listed(images), listed(own))
    return Gathered(Data.from_pairs(images, own, names, **_settings(options)).items)


def _in_order_of(names: Sequence[str], argument: str, others: Any) -> Any:
    """Put files into the order of names that they have; refuse some of them in another place."""
    several = listed(others)
    own = make_ids(several, ()) if all(map(called_as, several)) else []
    if len(own) == len(names) and set(own) == set(names):
        by_name = dict(zip(own, several, strict=True))
        return [by_name[name] for name in names]
    odd = [
        pair for pair in zip(names, own, strict=False) if len(set(pair)) > 1 and pair[1] in names
    ]
    if odd and len(own) == len(names):
        raise invalid(
            argument,
            expected="files in the order of the names, or of the same names",
            received=f"{odd[0][1]} for {odd[0][0]}",
            remedy="Name both alike, or neither.",
        )
    return others


def label_images(labels: Any) -> tuple[tuple[Item, ...], LabelImages]:
    """Make an item of each label image without images, as `label_items` does."""
    found, known = label_items(labels, None, ReadOptions(cached=False))
    return found.items, known


def label_pairs(labels: Any, others: Any) -> list[tuple[Labelled, Labelled]]:
    """Pair label images by name, lists by their order, and one and one whatever their names.

    Returns
    -------
    list of ((Item, LabelImages), (Item, LabelImages))
        Items of the same image, each with what is known of the classes of labels.
    """
    given, names = [], []
    for what, one in (("nuclei", labels), ("cells", others)):
        with _called(what, "labels"):
            items, known = label_images(one)
        given.append([(item, known) for item in items])
        names.append([item.id for item in items])
    lists = all(isinstance(x, list) for x in (labels, others))
    if lists and len(names[0]) == len(names[1]):
        refuse_other_order("cells", labels, others)
    if len(names[0]) == len(names[1]) == 1 or lists:
        names[1] = names[0] if len(names[0]) == len(names[1]) else names[1]
    partners = dict(zip(names[1], given[1], strict=True))
    missing = [name for name in names[0] if name not in partners]
    if missing:
        raise _no_partner("cells", missing, names[1])
    return [(one, partners[name]) for name, one in zip(names[0], given[0], strict=True)]


def _no_partner(what: str, missing: Sequence[str], present: Sequence[str]) -> InvalidError:
    return invalid(
        what,
        expected="one for each label image",
        received=f"none for {some(missing)}, but {some(present)}",
        remedy="Give both as lists in the same order, or with the same names.",
    )


def _settings(options: ReadOptions) -> dict[str, Any]:
    return {n: getattr(options, n) for n in ("channels", "axes", "pixel_size_um", "pattern")}


def _is_map(x: Any) -> bool:
    return isinstance(x, Mapping)


def _inside(labels: Any) -> Any:
    """Return the folder of labels within a folder that has one."""
    if not is_folder(labels) or is_predicted(Path(labels).expanduser()):
        return labels
    return find_folders(Path(labels).expanduser())[1] or labels


def _is_place(x: Any) -> bool:
    """Whether something may stand for several files: a folder or a pattern."""
    return is_file(x) and not is_one_image(x)


def _in_order(labels: Any, known: LabelImages | None, image: Any) -> bool:
    """Whether labels and images are lists, or one each, rather than names."""
    if isinstance(labels, (Predictions, LabelImages)) or _is_place(image) or _is_place(labels):
        return False
    if hasattr(image, "columns"):  # rows of a table have names
        return False
    return not (known and _is_map(image)) and (known is None or not is_file(labels))


def _names_beside(labels: Any, image: Any) -> list[str]:
    """Return names of images in order: their own, those of the label files, or none."""
    if _is_map(image):
        return list(image)
    files = [all(is_file(one) for one in listed(x)) for x in (labels, image)]
    return make_ids(listed(labels), ()) if files == [True, False] else []


def _names(labels: Any, known: LabelImages | None) -> Mapping[str, Any]:
    """Return label images by name: their own, of files, of arrays in their order."""
    many = listed(labels) if known is None else [*known.images]
    if not many:
        raise invalid("labels", expected="label images", received="none")
    if known is not None:
        return known.images
    if all(is_file(one) for one in many):
        _refuse_outlines(many)
        with _called("labels"):
            # a file of labels is never joined with others
            found = gather_images(labels, pattern="{name}").items
        many = list(dict.fromkeys(item.image.name for item in found))
    return dict(zip(make_ids(many, ()), many, strict=True))


def _refuse_outlines(labels: Sequence[Any]) -> None:
    """Raise where labels are outlines, which have the size of their image, or some of them are."""
    folders = [Path(one).expanduser() for one in labels if is_folder(one)]
    inside = [folder / name for folder in folders for name in walk(folder, labels=True).images]
    outlines = [str(one) for one in (*labels, *inside) if is_drawn(one) or is_together(one)]
    if outlines:
        raise invalid(
            "labels",
            expected="label images",
            received=f"outlines, which have no size of their own: {some(outlines)}",
            remedy=say(
                "{} takes them with their images, as {}; elsewhere give label images.",
                VerbName("measure"), Argument("image"),
            ),
        )  # fmt: skip


def _alone(labels: Mapping[str, Any], options: ReadOptions) -> list[Item]:
    # labels have no channels, and their axes are not those of images
    options = replace(options, channels=None, axes=None)
    return [
        item
        for name, one in labels.items()
        for item in make_items(one if is_file(one) else _pixels(one), [one], name, options)
    ]


def _pixels(labels: Any) -> Any:
    """Return labels as an image that need not be read."""
    if is_pixels(labels):
        return labels
    try:
        return np.asarray(labels)
    except ValueError:  # lists of lists that are no box of numbers
        raise invalid("labels", expected="an array", received=labels) from None


def _by_name(
    labels: Mapping[str, Any], image: Any, options: ReadOptions, alone: bool = True
) -> Gathered:
    """Find the image of each label image; `alone`: one and one belong together in any case."""
    how = _settings(options)
    size = how.pop("pixel_size_um")
    found = gather_images(image, **how)
    own = _alone(labels, options)
    images = {item.id: item for item in found.items}
    if alone and len(own) == len(images) == 1:
        images = {own[0].id: found.items[0]}
    missing = [item.id for item in own if item.id not in images]
    if missing or not own:
        raise _no_partner("image", missing, list(images))
    items = [replace(images[item.id], id=item.id, annotations=item.annotations) for item in own]
    if size is not None:
        items = [replace(one, spacing_um=o.spacing_um) for one, o in zip(items, own, strict=True)]
    return Gathered(tuple(items), found.problems, found.notes)


def read_object_labels(
    item: Item, known: LabelImages
) -> tuple[np.ndarray, bool, Mapping[int, str] | None]:
    """Read a label image so that each object has a number.

    Parameters
    ----------
    item : Item
        Its first annotation is read.
    known : LabelImages
        Knows whether labels are numbers of classes.

    Returns
    -------
    (ndarray, bool, dict or None)
        Numbers of objects, whether it was a mask, and the class of each object.
    """
    from ..images.labels import AS_IMAGES, GIVE_LABELS, is_picture, refuse_other_ids, values_of
    from ..segmentation.objects import components
    from ..tasks.labels import components_of_classes
    from ..tasks.objects import is_mask

    source = item.annotations[0]
    labels = source.read()
    if not labels.size:
        raise invalid(source.name, expected="labels of at least one pixel", received=labels.shape)
    refuse_other_ids(labels, source.name)
    if is_picture(labels, values_of(labels)):
        raise invalid(source.name, expected="labels", received=AS_IMAGES, remedy=GIVE_LABELS)
    if known.are_classes(item.id):
        numbers, values = components_of_classes(labels)
        return numbers, False, known.named(item.id, values)
    mask = is_mask(labels)
    return components(labels > 0) if mask else labels, mask, None


def read_argument(name: str, item: Item, known: LabelImages) -> np.ndarray:
    """Read a label image as `read_object_labels` does; a fault is one of this argument."""
    with _called(name, "labels"):
        return read_object_labels(item, known)[0]


def with_spacing(items: Sequence[Item], known: LabelImages) -> list[Item]:
    """Return items that have the pixel size of their labels where the image tells none."""
    sizes = [
        item.spacing_um or item.annotations[0].spacing_um or known.spacing_um.get(item.id)
        for item in items
    ]
    return [replace(item, spacing_um=one) for item, one in zip(items, sizes, strict=True)]
