"""What a folder is: where its images and its labels are, in the ways that tools lay them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import InvalidError, invalid
from ..exchange.coco import is_coco
from ..images import formats
from ..images.regions import refuse_odd
from ..messages import Either, say
from . import pairing as pairs
from .drawn import is_together
from .given_classes import beside_labels
from .listing import Listing, beside, some, walk
from .nnunet import Description, described, description_path

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
FOLDERS = (
    # nnU-Net's first: imagesTs beside them is for tests
    (("imagestr",), ("labelstr",)),
    (("images", "image", "imgs", "raw"), ("labels", "masks", "label", "mask")),
    # of older versions of BiaPy
    (("x",), ("y",)),
)
TWO_FOLDERS = Either(
    python="Give the two folders apart: cl.Data.from_pairs(images, labels).",
    r="Give the two folders apart: cl_data(images, labels).",
    options="Name the files in a CSV with columns image, label, or rename one of the folders.",
)


@dataclass(frozen=True)
class Layout:
    """Which files of a folder are images, and which are labels.

    Parameters
    ----------
    images_folder, labels_folder : Path
        Where they are.
    images, labels : list of str
        Paths relative to these.
    notes : tuple of str, default ()
        What is passed over, and how the folder was understood.
    per_object : bool, default False
        Whether labels are a file per object, in a folder per image.
    pickled : bool, default False
        Whether labels are in Cellpose's pickles.
    description : Description, optional
        What nnU-Net's dataset.json says.
    problems : tuple of str, default ()
        That it is damaged.
    together : Path, optional
        A file of COCO that holds the labels of all images.
    within : dict, default {}
        The label images of each image that holds some itself, as OME-Zarr does.
    object_classes : Path, optional
        What lies beside the labels and says of which class each object is.
    """

    images_folder: Path
    images: list[str]
    labels_folder: Path
    labels: list[str]
    notes: tuple[str, ...] = ()
    per_object: bool = False
    pickled: bool = False
    description: Description | None = None
    problems: tuple[str, ...] = ()
    together: Path | None = None
    within: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    object_classes: Path | None = None


def find_folders(folder: Path) -> tuple[Path | None, Path | None]:
    """Find the folders of images and of labels inside a folder; None where there is none.

    Raises
    ------
    InvalidError
        Both ``labels`` and ``masks`` are there.
    """
    inside = {p.name.lower(): p for p in sorted(folder.iterdir()) if p.is_dir()}
    found: tuple[Path | None, Path | None] = (None, None)
    for image_names, label_names in FOLDERS:
        images = [inside[name] for name in image_names if name in inside]
        labels = [inside[name] for name in label_names if name in inside]
        if len(labels) > 1:
            got = " and ".join(p.name for p in labels)
            remedy = say("{}", TWO_FOLDERS)
            raise invalid(str(folder), expected="one folder of labels", received=got, remedy=remedy)
        one = (images[0] if images else None, labels[0] if labels else None)
        if all(one):
            return one
        # one alone means something by its usual name only
        found = one if len(image_names) > 1 else found
    return found


def layout_of(folder: Path) -> Layout:
    """Find out where images and labels are in one folder.

    Raises
    ------
    InvalidError
        No such folder, no images in it, or folders of several sets.
    """
    image = formats.image_around(folder)
    if image is not None:
        within = {image.name: (folder,)}
        return Layout(image.parent, [image.name], image.parent, [], within=within)
    if formats.is_image_folder(folder):
        return _with_own_labels(Layout(folder.parent, [folder.name], folder.parent, []))
    if not folder.is_dir():
        refuse_odd(folder)
        remedy = "Give the path of a folder; relative paths start at the working directory."
        raise invalid("data", expected=WHAT, received=str(folder), remedy=remedy)
    images_folder, labels_folder = find_folders(folder)
    if labels_folder is None:
        mixed = _mixed(_holder(folder, images_folder))
        together = None if mixed.labels else _file_of_all(folder, folder / "annotations")
        if together is not None:
            return layout_of_all(images_folder or folder, together)
        return _described(mixed)
    together = _file_of_all(labels_folder)
    if together is not None and not walk(labels_folder, labels=True).images:
        return layout_of_all(images_folder or folder, together)
    if images_folder is None:
        return layout_of_two(folder, labels_folder)
    found = layout_of_two(images_folder, labels_folder)
    classes = beside_labels(folder)
    more = [path for path in (description_path(images_folder), classes) if path is not None]
    notes = (*beside(folder, (images_folder, labels_folder, *more)), *found.notes)
    return replace(found, notes=notes, object_classes=classes)


def _file_of_all(*folders: Path) -> Path | None:
    """Find the file of COCO in one of some folders that holds the labels of all images."""
    inside = [p for folder in folders if folder.is_dir() for p in sorted(folder.iterdir())]
    found = [path for path in inside if is_together(path) and is_coco(path)]
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:5])
        raise invalid(
            str(folders[0]),
            expected="one file of annotations",
            received=f"{len(found)} of COCO ({names})",
            remedy=say("{}", TWO_FOLDERS),
        )
    return found[0] if found else None


def layout_of_all(images_folder: Path, together: Path) -> Layout:
    """Take the images of a folder, and their labels from one file of COCO."""
    listing = walk(images_folder)
    passed = {
        what: kept
        for what, names in listing.passed.items()
        if (kept := [n for n in names if images_folder / n != together])
    }
    notes = replace(listing, passed=passed).notes
    return Layout(images_folder, listing.images, together, [], notes, together=together)


def layout_of_two(images_folder: Path, labels_folder: Path) -> Layout:
    """Find out which files are images and which are labels, of a folder each."""
    for folder in (images_folder, labels_folder):
        if not folder.is_dir():
            raise invalid("data", expected="a folder", received=str(folder))
    of_images, of_labels = walk(images_folder), walk(labels_folder, labels=True)
    images = of_images.images
    # labels in a folder beside the images themselves are not images
    if labels_folder.parent == images_folder:
        images = [n for n in images if not n.startswith(f"{labels_folder.name}/")]
        of_images = replace(of_images, passed=_elsewhere(of_images.passed, labels_folder.name))
    stems = {formats.stem(name) for name in images}
    inside = {name.split("/")[0] for name in of_labels.images}
    per_object = all("/" in n for n in of_labels.images) and inside <= stems and bool(inside)
    notes = (*of_images.notes, *of_labels.notes)
    found = Layout(images_folder, images, labels_folder, of_labels.images, notes, per_object)
    return _described(found)


def _described(layout: Layout) -> Layout:
    """Add what nnU-Net says of a folder, and pass over files of another ending than it says."""
    path = description_path(layout.images_folder)
    if path is None:
        return layout
    try:
        description = described(path)
    except InvalidError as error:
        return replace(layout, problems=(str(error),))
    ending = description.ending.lower()
    others = {n for n in (*layout.images, *layout.labels) if not n.lower().endswith(ending)}
    passed = (
        f"passed over, as {path} says that files end in {description.ending}: {some(list(others))}"
    )
    return replace(
        layout,
        images=[n for n in layout.images if n not in others],
        labels=[n for n in layout.labels if n not in others],
        notes=(*layout.notes, *([passed] if others else ()), description.note),
        description=description,
    )


def _elsewhere(passed: dict[str, list[str]], folder: str) -> dict[str, list[str]]:
    """Return what is passed over outside a folder, which tells of its own."""
    kept = {k: [n for n in v if not n.startswith(f"{folder}/")] for k, v in passed.items()}
    return {what: names for what, names in kept.items() if names}


def _holder(folder: Path, images_folder: Path | None) -> Path:
    """Return the folder of images in a folder, where all images are in it."""
    if images_folder is None:
        return folder
    within = all(n.startswith(f"{images_folder.name}/") for n in walk(folder).images)
    return images_folder if within else folder


def _mixed(folder: Path) -> Layout:
    """Part one folder's files into images and labels, by names or by folders of one image each."""
    listing = walk(folder)
    if per_image := _image_folders(folder, listing):
        return per_image
    images, labels = pairs.split_mixed(listing.images)
    found = Layout(folder, images, folder, labels, listing.notes, pickled=listing.pickled)
    return found if labels else _with_own_labels(found)


def _with_own_labels(layout: Layout) -> Layout:
    """Take the labels that images hold themselves, where they do."""
    found: dict[str, tuple[Path, ...]] = {}
    for name in layout.images:
        path = layout.images_folder / name
        try:
            pair = formats.pair_within(path)
            if pair is not None:
                found[pair[0].relative_to(layout.images_folder).as_posix()] = pair[1:]
            else:
                found[name] = formats.labels_within(path)
        except Exception:  # said when the image is read
            found[name] = ()
    within = {name: paths for name, paths in found.items() if paths}
    return replace(layout, images=list(found), within=within)


def _image_folders(folder: Path, listing: Listing) -> Layout | None:
    """Read folders of one image each, ``ID/images/ID.png`` and ``ID/masks/``, a file per object."""
    parts = [name.split("/") for name in listing.images]
    if not parts or any(len(p) != 3 or p[1] not in ("images", "masks") for p in parts):
        return None
    images = ["/".join(p) for p in parts if p[1] == "images"]
    labels = ["/".join(p) for p in parts if p[1] == "masks"]
    of_one = len({name.split("/")[0] for name in images}) == len(images)
    named_alike = {formats.stem(n) for n in images} & {formats.stem(n) for n in labels}
    if not of_one or named_alike or len(labels) <= len(images):
        return None
    return Layout(folder, images, folder, labels, listing.notes, per_object=True)


def refuse_parent(folder: Path) -> None:
    """Say so if the folders inside, such as train and test, are what is meant."""
    usable = [p for p in sorted(folder.iterdir()) if _is_set(p)]
    if not usable:
        return
    shown = ", ".join(p.name for p in usable[:5]) + (", ..." if len(usable) > 5 else "")
    beside_them = next((n for n in walk(folder).images if "/" not in n), None)
    alone = (
        f", or {folder}/*{Path(beside_them).suffix} for the images beside it" if beside_them else ""
    )
    raise invalid(
        "data",
        expected="the folder of one set of images",
        received=f"{folder}, in which there are folders of images and labels: {shown}",
        remedy=f"Give one of them: {usable[0]}{alone}.",
    )


def _is_set(folder: Path) -> bool:
    """Whether a folder holds folders with images and with labels."""
    if folder.name.startswith(".") or not folder.is_dir() or formats.is_image_folder(folder):
        return False
    try:
        if _file_of_all(folder) is not None:
            return True
        found = find_folders(folder)
        return all(inside is not None and walk(inside).images for inside in found)
    except (OSError, InvalidError):
        # a folder of something else, or one with both labels/ and masks/, which is no answer here
        return False
