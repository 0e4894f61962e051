"""Turn folders into items: images and labels paired by name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import InvalidError, invalid
from ..images import files, formats
from ..images.image import Image
from ..images.inside import divided
from ..images.regions import apart
from ..images.remote import address, shown
from ..messages import counted
from ..storage.atomic import meant
from ..storage.results import AGREED, RUNS, STEPS, WITHIN, refuse_mixed
from ..storage.written import Written
from . import pairing as pairs
from .crops import crops_data, find_crops
from .drawn import is_together, told_in
from .fields import Field, Fields, join, with_channels
from .given import ReadOptions, is_file, listed
from .ids import make_ids
from .items import Gathered
from .joined import Files
from .layouts import (
    WHAT,
    Layout,
    find_folders,
    layout_of,
    layout_of_all,
    layout_of_two,
    refuse_parent,
)
from .listing import some
from .make_items import make_items, raise_refused
from .objects import ObjectMasks
from .places import Place


def folder_data(folder: Path, options: ReadOptions) -> Gathered:
    """Do the work of `Data.from_folder`."""
    crops = find_crops(folder) if folder.is_dir() else []
    if crops:
        return crops_data(crops, options)
    layout = _without_found(layout_of(folder))
    if layout.together is not None:
        return _gathered(layout, options)
    labelled = layout.labels or layout.within
    if not labelled and address(folder) is not None:
        _refuse_bare(folder)
    if not labelled and _beside_labels(folder):
        raise invalid(
            "data",
            expected="the folder that holds images and labels",
            received=f"{folder}, the images alone",
            remedy=f"Give {folder.parent}.",
        )
    if not labelled:
        refuse_parent(folder)
    return _gathered(layout, options)


def _refuse_bare(folder: Path) -> None:
    """Say what is wrong with an image on a server, which is read only with labels of its own."""
    formats.labels_within(folder)
    expected, got = "an image with label images of its own", f"{shown(folder)}, which has none"
    raise invalid("data", expected=expected, received=got)


def _beside_labels(folder: Path) -> bool:
    """Whether this is the folder of images of a pair of folders."""
    images, labels = find_folders(folder.absolute().parent)
    return labels is not None and images is not None and images.name == folder.absolute().name


def _gathered(layout: Layout, options: ReadOptions) -> Gathered:
    """Make the items of a folder's files."""
    by = layout.description
    if by is not None and options.unknown is None:
        options = replace(options, unknown=by.unknown)
    if not layout.images:
        remedy = f"Put images ({', '.join(files.SUFFIXES)}) there, or into images/ beside labels/."
        got = "; ".join([f"no image in {layout.images_folder}", *layout.notes])
        raise invalid("data", expected=WHAT, received=got, remedy=remedy)
    fields = fields_of(layout, options.pattern)
    found = _found(layout, fields)
    problems = [*layout.problems, *fields.problems, *found.problems]
    if not layout.labels and layout.pickled:
        problems.append(
            "the labels are in Cellpose's *_seg.npy, pickles, which can run code and are never "
            "loaded; open them in Cellpose and save the masks as PNG or TIFF (File menu)"
        )
    problems += [
        f"{layout.images_folder / one.shown} has no labels in {layout.labels_folder}: add them, "
        "or move it away"
        for name, one in fields.images.items()
        if name in found.lonely
    ]
    paired = [name for name in fields.images if name in found.partners]
    items = [
        item
        for name, id_ in zip(paired, make_ids(paired, ()), strict=True)
        for item in make_items(
            files_of(layout.images_folder, fields.images[name]),
            found.partners[name],
            id_,
            options,
            {
                "group": None if layout.per_object else fields.groups.get(name, _folder(name)),
                "annotators": tuple(found.annotators.get(name, ())),
            },
        )
    ]
    notes = (*layout.notes, *fields.notes, *found.notes, *_predicted(layout))
    classes = by.classes if by is not None else ()
    return Gathered(
        tuple(items), tuple(problems), notes, options.unknown, classes, layout.object_classes
    )


def _predicted(layout: Layout) -> list[str]:
    """Say so where labels are what a model found: scores against these say nothing."""
    refuse_mixed(layout.labels_folder.parent, str(layout.labels_folder))
    drawn = (AGREED, STEPS)  # by experts, or corrected by somebody
    if any((layout.labels_folder.parent / name).is_file() for name in drawn):
        return []
    written = Written(layout.labels_folder.parent)
    found = [written.holds(f"{layout.labels_folder.name}/{name}") for name in layout.labels]
    # beside a label image in a store lie the tables of its prediction
    found += [_is_found(paths[0]) for paths in layout.within.values()]
    if not any(found):
        return []
    text = f"{sum(found)} of {counted(len(found), 'label image')} in {layout.labels_folder}"
    return [f"{text} were found by a model, and are no truth until somebody has corrected them"]


def _without_found(layout: Layout) -> Layout:
    """Leave label images in an image out that a prediction wrote, where it has others."""
    left_out: list[str] = []
    within = dict(layout.within)
    for name, paths in layout.within.items():
        drawn = tuple(path for path in paths if not _is_found(path))
        if drawn and len(drawn) < len(paths):
            within[name] = drawn
            left_out += [f"{name}/labels/{path.name}" for path in paths if path not in drawn]
    if not left_out:
        return layout
    count, _, names = some(left_out).partition(" ")
    what = "label images that a prediction wrote" if len(left_out) > 1 else (
        "label image that a prediction wrote")  # fmt: skip
    note = f"left out, as others are there: {count} {what} {names}"
    return replace(layout, within=within, notes=(*layout.notes, note))


def _is_found(labels: Path) -> bool:
    """Whether the tables of a prediction lie in a label image of a store."""
    return (apart(labels)[0] / WITHIN / RUNS["predict"]).is_file()


def fields_of(layout: Layout, pattern: str | None) -> Fields:
    """Put the files of a folder together that are one image."""
    if layout.per_object:
        return Fields({name: Field(name, (Place(name),)) for name in layout.images}, {})
    folder = layout.images_folder.name.lower()
    found = join(layout.images, layout.labels, pattern, folder.startswith("imagest"))
    if layout.description is None:
        return found
    return with_channels(found, layout.description, whole=folder == "imagestr")


def files_of(folder: Path, one: Field) -> Path | Files:
    """Return the file of an image, or its files where it is told by several or by a pattern."""
    if not any(place.tokens for place in one.files):
        return folder / one.files[0].name
    return Files(str(folder / one.name), one.paths(folder), one.channel_names, one.among)


@dataclass
class _Partners:
    """The labels of each image that has some, and what is to say of them."""

    partners: dict[str, list[Any]] = field(default_factory=dict)
    annotators: dict[str, list[str]] = field(default_factory=dict)
    lonely: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _found(layout: Layout, fields: Fields) -> _Partners:
    """Find the labels of each image, as the layout has them."""
    if layout.together is not None:
        return _told_together(layout, layout.together, fields)
    if layout.within:
        return _held(layout, fields)
    return _objects(layout) if layout.per_object else _paired(layout, fields)


def _told_together(layout: Layout, path: Path, fields: Fields) -> _Partners:
    """Find each image in a file that holds the labels of all."""
    told = told_in(path)
    found = _Partners(notes=[f"labels of all images are those of {path}"])
    used: set[int] = set()
    for name in fields.images:
        try:
            entry = told.entry((layout.images_folder / name).as_posix())
        except InvalidError as error:
            found.problems.append(str(error))
            continue
        if entry is None:
            found.lonely.add(name)
        else:
            found.partners[name] = [path]
            used.add(id(entry))
    missing = [str(one["file_name"]) for one in told.images if id(one) not in used]
    if missing:
        found.problems.append(
            f"{path} is also of images that are not in {layout.images_folder}: {some(missing)}"
        )
    return found


def _held(layout: Layout, fields: Fields) -> _Partners:
    """Take the labels that each image holds itself."""
    found = _Partners(lonely=set(fields.images))
    for name in fields.images:
        paths = layout.within.get(name, ())
        if len(paths) > 1:
            count, _, names = some([path.name for path in paths]).partition(" ")
            found.problems.append(
                f"{layout.images_folder / name} holds {count} label images {names}: give the one "
                f"that is meant as a path, such as {paths[0]}"
            )
        if paths:
            found.partners[name] = [paths[0]]
            found.lonely.discard(name)
    found.notes.append("labels are those that the images hold themselves")
    return found


def _paired(layout: Layout, fields: Fields) -> _Partners:
    """Pair names, for each annotator where the labels lie in folders of annotators."""
    # an image without labels by one annotator may have those of another
    found = _Partners(lonely=set(fields.images))
    images, labels = list(fields.images), list(fields.labels)
    annotators = _annotators(images, labels)
    called = _with_folders(images, labels) if annotators != [""] else {}
    annotators = [""] if called else annotators
    for annotator in annotators:
        own = [n.removeprefix(annotator) for n in called or labels if n.startswith(annotator)]
        named = pairs.pair_names(images, own)
        for image, label in named.pairs:
            of = fields.labels[called.get(label, annotator + label)]
            found.partners.setdefault(image, []).append(files_of(layout.labels_folder, of))
            if annotator:
                found.annotators.setdefault(image, []).append(annotator.rstrip("/"))
        found.lonely &= set(named.lonely_images)
        found.problems += named.duplicates
        found.problems += [
            f"{layout.labels_folder / fields.labels[called.get(n, annotator + n)].shown} has no "
            "image: add it, or move them away"
            for n in named.lonely_labels
        ]
        found.problems += [f"{one.fault}, of labels" for one in fields.labels.values() if one.fault]
        if named.affixes != pairs.Affixes():
            found.notes.append(f"images and labels are paired by name: {named.affixes}")
    if called:
        found.notes.append("folders of labels are a part of the names of images, not annotators")
    if len(annotators) > 1:
        names = [one.rstrip("/") for one in annotators]
        found.notes.append(f"{len(names)} annotators: {', '.join(names)}")
        found.notes += made_of_others(names)
    return found


def _objects(layout: Layout) -> _Partners:
    """Find the masks of each image's objects, in a folder that is named as the image is."""
    masks: dict[str, list[Path]] = {}
    for name in layout.labels:
        masks.setdefault(name.split("/")[0], []).append(layout.labels_folder / name)
    found = _Partners()
    for image in layout.images:
        key = image.split("/")[0] if "/" in image else formats.stem(image)
        if key in masks:
            found.partners[image] = [ObjectMasks(masks.pop(key))]
    found.lonely = set(layout.images) - set(found.partners)
    found.problems += [f"the masks in {paths[0].parent} have no image" for paths in masks.values()]
    found.notes.append("a mask file per object: those of an image are numbered as its objects")
    return found


def folders_data(images_folder: Path, labels_folder: Path, options: ReadOptions) -> Gathered:
    """Pair the files of two folders by name."""
    return _gathered(layout_of_two(images_folder, labels_folder), options)


_MADE_OF_OTHERS = (
    r"(est(imated)?[_ -]?)?(gt|ground[_ -]?truth)|staple|majority([_ -]?vote)?|consensus"
)


def made_of_others(annotators: Iterable[str]) -> list[str]:
    """Doubt annotators that are called as what is made of the others is.

    Examples
    --------
    >>> made_of_others(["anna", "ben", "est_GT"])
    ['est_GT counts as one who drew; if it was made of the others, move it away']
    """
    return [
        f"{name} counts as one who drew; if it was made of the others, move it away"
        for name in annotators
        if re.fullmatch(_MADE_OF_OTHERS, name, re.IGNORECASE)
    ]


def _annotators(images: list[str], labels: list[str]) -> list[str]:
    """Return folders (with ``/``) that labels lie in and images do not, or one empty text."""
    inside = sorted({n.split("/")[0] for n in labels if "/" in n})
    of_images = {n.split("/")[0] for n in images if "/" in n}
    if inside and not of_images & set(inside) and all("/" in n for n in labels):
        return [f"{folder}/" for folder in inside]
    return [""]


def _with_folders(images: list[str], labels: list[str]) -> dict[str, str]:
    """Return labels by names that hold their folder, where those of images do; else none.

    Images ``p1_a`` and labels ``p1/a``: what another plate has is no other drawing of them.
    Annotators that have a name of images as well have labels which are called as these.

    Examples
    --------
    >>> _with_folders(["p1_a.tif"], ["p0/a.tif", "p1/a.tif"])
    {'p0_a.tif': 'p0/a.tif', 'p1_a.tif': 'p1/a.tif'}
    >>> _with_folders(["a.tif"], ["p0/a.tif", "p1/a.tif"])
    {}
    """
    parts = [(name, *name.split("/", 1)) for name in labels]
    for between in "_-. ":
        for first in (True, False):
            told = {_joined(folder, rest, between, first): name for name, folder, rest in parts}
            if any(_holds(one, told[own], between, first) for one, own in _pairs_of(images, told)):
                return told
    return {}


def _pairs_of(images: list[str], told: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Pair names if one begins or ends as a folder is called: of many annotators none does."""
    folders = {name.split("/")[0] for name in told.values()}
    ends = tuple(folders)
    near = any(formats.stem(one).startswith(ends) or formats.stem(one).endswith(ends)
               for one in images)  # fmt: skip
    return pairs.pair_names(images, list(told)).pairs if near else ()


def _holds(image: str, label: str, between: str, first: bool) -> bool:
    """Whether the name of an image holds the folder of its label, whose own name does not."""
    folder, stem, own = label.split("/")[0], formats.stem(image), formats.stem(label)
    at_end = stem.startswith(folder + between) if first else stem.endswith(between + folder)
    return at_end and stem not in own


def _joined(folder: str, name: str, between: str, first: bool) -> str:
    """Put a folder before the name of a file in it, or behind it."""
    flat = name.replace("/", between)
    stem = formats.stem(flat)
    return f"{folder}{between}{flat}" if first else f"{stem}{between}{folder}{flat[len(stem) :]}"


def _folder(name: str) -> str | None:
    parent = divided(name)[0].parent.as_posix()
    return None if parent == "." else parent


def is_folder(x: Any) -> bool:
    """Whether something is the path of a folder that is there, and that is not one image."""
    return is_file(x) and Path(x).expanduser().is_dir() and not formats.is_image_folder(x)


def refuse_other_order(argument: str, images: Sequence[Any], labels: Sequence[Any]) -> None:
    """Raise where two lists are in orders of which their names say that they differ.

    Sorted by name, ``img_10.tif`` comes after ``img_1.tif``, but ``img_10_mask.tif`` before
    ``img_1_mask.tif``. Names are those of files, and of images that have been read. Such that do
    not pair all say nothing.

    Examples
    --------
    >>> refuse_other_order("labels", ["1.tif", "10.tif"], ["10_mask.tif", "1_mask.tif"])
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `labels`. Expected files in the order of the others, ...
    """
    called = [[called_as(one) for one in several] for several in (images, labels)]
    if len(images) < 2 or not all(map(all, called)):
        return
    names = [_below([meant(one) for one in several]) for several in called]
    stems = [(formats.stem(one), formats.stem(own)) for one, own in zip(*names, strict=True)]
    if len({own.partition(one)[::2] if one in own else one for one, own in stems}) == 1:
        return  # the same around each, as is usual
    found = pairs.pair_names(*names)
    if found.lonely_images or found.lonely_labels or found.duplicates:
        return
    odd = [(one, own) for one, own in zip(*names, strict=True) if (one, own) not in found.pairs]
    if odd:
        raise invalid(
            argument,
            expected=f"files in the order of the others, as {found.affixes}",
            received=f"{odd[0][1]} for {odd[0][0]}",
            remedy="Sort both lists alike, give folders, or names of your own for the pairs.",
        )


def called_as(one: Any) -> str:
    """Return the path of a file, or the name of an image that has been read; else nothing.

    Examples
    --------
    >>> import numpy as np
    >>> called_as("1.png"), called_as(Image(np.eye(2), "yx", name="b")), called_as(np.eye(2))
    ('1.png', 'b.tif', '')
    """
    if is_file(one):
        return os.fspath(one)
    # an ending of its own: what follows a dot in the name is no ending
    return f"{one.name}.tif" if isinstance(one, Image) and one.name else ""


def _file_of_all(labels: Any) -> Path | None:
    """Return the file of COCO that was given for the labels of all images, if it is one."""
    given = listed(labels)
    one = len(given) == 1 and is_file(given[0]) and is_together(given[0])
    return Path(given[0]).expanduser() if one else None


def _below(paths: Sequence[Path]) -> list[str]:
    """Return paths below the folder that all of them are in."""
    try:
        common = os.path.commonpath([path.parent for path in paths])
    except ValueError:  # on several drives
        return [path.as_posix() for path in paths]
    return [path.relative_to(common).as_posix() for path in paths]


def pair_data(images: Any, labels: Any, names: Sequence[str], options: ReadOptions) -> Gathered:
    """Do the work of `Data.from_pairs`."""
    if is_folder(images) and is_folder(labels):
        return folders_data(Path(images).expanduser(), Path(labels).expanduser(), options)
    together = _file_of_all(labels)
    if is_folder(images) and together is not None:
        return _gathered(layout_of_all(Path(images).expanduser(), together), options)
    for name, one in (("images", images), ("labels", labels)):
        if is_folder(one):
            raise invalid(
                name,
                expected="one for each " + ("label image" if name == "images" else "image"),
                received=f"{one}, a folder",
                remedy="A folder goes with a folder, whose files are paired by name; list its "
                "files in their order.",
            )
    images, labels = listed(images), listed(labels)
    labels = labels * len(images) if together is not None else labels
    if len(images) != len(labels) or not images:
        got = f"{counted(len(images), 'image')} and {counted(len(labels), 'label')}"
        raise invalid("data", expected="as many labels as images", received=got)
    ids = make_ids(images, names)
    if not names:
        refuse_other_order("labels", images, labels)
    items = [
        item
        for image, label, name in zip(images, labels, ids, strict=True)
        for item in make_items(image, [label], name, options)
    ]
    if len(images) == 1:
        raise_refused(items)
    return Gathered(tuple(items))
