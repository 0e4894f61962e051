"""Turn folders into items: images and labels paired by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidError, invalid
from ..images import files, formats
from ..messages import Either, counted, say
from . import pairing as pairs
from .ids import make_ids
from .items import Gathered, ReadOptions, is_file, listed, make_items

_FILES = "a folder with images/ and masks/ or labels/, a CSV file"
WHAT = say(
    "{}",
    Either(
        python=f"{_FILES} or table with columns image and label, a pair of arrays or of lists, "
        "or a cl.Data",
        r=f"{_FILES} or data frame with columns image and label, list(images = , labels = ), "
        "or cl_data()",
        options=f"{_FILES} with columns image and label",
    ),
)


def folder_data(folder: Path, options: ReadOptions) -> Gathered:
    """Do the work of `Data.from_folder`."""
    if not folder.is_dir():
        remedy = "Give the path of a folder; relative paths start at the working directory."
        raise invalid("data", expected=WHAT, received=str(folder), remedy=remedy)
    images_folder, labels_folder = pairs.find_folders(folder)
    if labels_folder is not None:
        if images_folder is not None:
            return folders_data(images_folder, labels_folder, options)
        return folders_data(folder, labels_folder, options)
    if images_folder is None and _beside_labels(folder):
        raise invalid(
            "data",
            expected="the folder that holds images and labels",
            received=f"{folder}, the images alone",
            remedy=f"Give {folder.parent}.",
        )
    images, labels = pairs.split_mixed(pairs.list_images(images_folder or folder))
    if not labels:
        refuse_parent(folder)
    return _named_data(images_folder or folder, images, images_folder or folder, labels, options)


def _beside_labels(folder: Path) -> bool:
    """Whether this is the folder of images of a pair of folders."""
    images, labels = pairs.find_folders(folder.absolute().parent)
    return labels is not None and images is not None and images.name == folder.absolute().name


def refuse_parent(folder: Path) -> None:
    """Say so if the folders inside, such as train and test, are what is meant."""
    usable = [p for p in sorted(folder.iterdir()) if _is_set(p)]
    if not usable:
        return
    shown = ", ".join(p.name for p in usable[:5]) + (", ..." if len(usable) > 5 else "")
    beside = next((n for n in pairs.list_images(folder) if "/" not in n), None)
    alone = f", or {folder}/*{Path(beside).suffix} for the images beside it" if beside else ""
    raise invalid(
        "data",
        expected="the folder of one set of images",
        received=f"{folder}, in which there are folders of images and labels: {shown}",
        remedy=f"Give one of them: {usable[0]}{alone}.",
    )


def _is_set(folder: Path) -> bool:
    """Whether a folder holds folders with images and with labels."""
    if folder.name.startswith(".") or not folder.is_dir():
        return False
    try:
        found = pairs.find_folders(folder)
        return all(inside is not None and pairs.list_images(inside) for inside in found)
    except (OSError, InvalidError):
        # a folder of something else, or one with both labels/ and masks/, which is no answer here
        return False


def folders_data(images_folder: Path, labels_folder: Path, options: ReadOptions) -> Gathered:
    """Pair the files of two folders by name."""
    for folder in (images_folder, labels_folder):
        if not folder.is_dir():
            raise invalid("data", expected="a folder", received=str(folder))
    images = pairs.list_images(images_folder)
    # labels in a folder beside the images themselves are not images
    if labels_folder.parent == images_folder:
        images = [n for n in images if not n.startswith(f"{labels_folder.name}/")]
    labels = pairs.list_images(labels_folder)
    return _named_data(images_folder, images, labels_folder, labels, options)


def _named_data(
    images_folder: Path,
    images: list[str],
    labels_folder: Path,
    labels: list[str],
    options: ReadOptions,
) -> Gathered:
    """Pair names, for each annotator where the labels lie in folders of annotators."""
    if not images:
        remedy = f"Put images ({', '.join(files.SUFFIXES)}) there, or into images/ beside labels/."
        got = f"no image in {images_folder}"
        raise invalid("data", expected=WHAT, received=got, remedy=remedy)
    partners: dict[str, list[Path]] = {name: [] for name in images}
    problems: list[str] = []
    notes: list[str] = []
    # an image without labels by one annotator may have those of another
    lonely = set(images)
    annotators = _annotators(images, labels)
    for annotator in annotators:
        own = [n.removeprefix(annotator) for n in labels if n.startswith(annotator)]
        found = pairs.pair_names(images, own)
        for image, label in found.pairs:
            partners[image].append(labels_folder / (annotator + label))
        lonely &= set(found.lonely_images)
        problems += list(found.duplicates)
        problems += [
            f"{labels_folder / (annotator + n)} has no image: add it, or move them away"
            for n in found.lonely_labels
        ]
        if found.affixes != pairs.Affixes():
            notes.append(f"images and labels are paired by name: {found.affixes}")
    problems += [
        f"{images_folder / n} has no labels in {labels_folder}: add them, or move it away"
        for n in images
        if n in lonely
    ]
    if len(annotators) > 1:
        first = annotators[0].rstrip("/")
        notes.append(f"{len(annotators)} annotators; {first} is used where one is needed")
    paired = [n for n in images if partners[n]]
    items = [
        item
        for name, id_ in zip(paired, make_ids(paired, ()), strict=True)
        for item in make_items(
            images_folder / name, partners[name], id_, options, {"group": _folder(name)}
        )
    ]
    return Gathered(tuple(items), tuple(problems), tuple(notes))


def _annotators(images: list[str], labels: list[str]) -> list[str]:
    """Return folders (with ``/``) that labels lie in and images do not, or one empty text."""
    inside = sorted({n.split("/")[0] for n in labels if "/" in n})
    of_images = {n.split("/")[0] for n in images if "/" in n}
    if inside and not of_images & set(inside) and all("/" in n for n in labels):
        return [f"{folder}/" for folder in inside]
    return [""]


def _folder(name: str) -> str | None:
    parent = Path(name).parent.as_posix()
    return None if parent == "." else parent


def is_folder(x: Any) -> bool:
    """Whether something is the path of a folder that is there, and that is not one image."""
    return is_file(x) and Path(x).expanduser().is_dir() and not formats.is_image_folder(x)


def pair_data(images: Any, labels: Any, names: Sequence[str], options: ReadOptions) -> Gathered:
    """Do the work of `Data.from_pairs`."""
    if is_folder(images) and is_folder(labels):
        return folders_data(Path(images).expanduser(), Path(labels).expanduser(), options)
    images, labels = listed(images), listed(labels)
    if len(images) != len(labels) or not images:
        got = f"{counted(len(images), 'image')} and {counted(len(labels), 'label')}"
        raise invalid("data", expected="as many labels as images", received=got)
    ids = make_ids(images, names)
    items = [
        item
        for image, label, name in zip(images, labels, ids, strict=True)
        for item in make_items(image, [label], name, options)
    ]
    return Gathered(tuple(items))
