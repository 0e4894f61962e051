"""Which well each image is of, and what was done to it: tables of plates, names of files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ..datasets.given import is_file
from ..datasets.items import Item
from ..datasets.listing import some
from ..datasets.places import bare
from ..errors import invalid
from ..messages import counted, said_by, say
from ..storage.spreadsheets import read_spreadsheet
from .load_data import files_in
from .ome_plates import rows_of, rows_of_fields
from .wells import well_at, well_in, well_of

SAME = {
    "wells": "well", "well_name": "well", "well_id": "well", "well_position": "well",
    "plates": "plate", "plate_name": "plate", "plate_id": "plate", "barcode": "plate",
    "plate_barcode": "plate", "assay_plate": "plate", "plate_map_name": "plate",
    "field": "site", "fov": "site", "field_of_view": "site", "sites": "site", "position": "site",
    "images": "image", "file": "image", "file_name": "image", "filename": "image", "path": "image",
    "compound": "treatment", "drug": "treatment", "perturbation": "treatment",
    "gene_symbol": "treatment", "gene": "treatment", "treatments": "treatment",
    "sirna_id": "sirna",
    "dose": "concentration", "conc": "concentration",
}  # fmt: skip
"""What columns of tables are called here, by what they are called elsewhere."""
KEYS = ("plate", "well", "site")
FILES = "files of the image"
"""In rows: all of them, with their folders; no column of a table can be called so."""
_LARGEST = 500_000_000
Row = dict[str, Any]


@dataclass(frozen=True)
class Known:
    """What is known of images by their ids, and what is to say of it.

    Parameters
    ----------
    rows : dict of str to dict
        Columns of each image: plate, well, site and whatever a table has.
    notes, problems : tuple of str
        What was inferred, and which rows and images found no other half.
    """

    rows: Mapping[str, Row]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def known_of(items: Sequence[Item], plate: Any = None) -> Known:
    """Find out of each image its plate, well, site and what was done there.

    Parameters
    ----------
    items : sequence of Item
        The images; columns of a table of images come along.
    plate : path, DataFrame, dict or str, optional
        A table with a column ``image``, or ``well`` (and ``plate``, ``site``); the
        ``Index.idx.xml`` of Harmony or the ``.HTD`` of MetaXpress; a plate in OME-Zarr; or a
        pattern of names such as ``"{plate}_{well}_s{site}"``. Names of images tell the
        well in any case where each has one such as B03.

    Raises
    ------
    InvalidError
        A table that has neither, or of which no row belongs to an image.
    """
    pattern = plate if isinstance(plate, str) and "{" in plate else None
    told, notes = _by_pattern(pattern, items) if pattern else _by_names(items)
    own = {item.id: {**told[item.id], **_tidy(item.columns)} for item in items}
    if plate is None or pattern:
        return Known(own, tuple(notes))
    rows, more = read_plate(plate)
    rows, lost = _named_by_files(items, rows)
    found, problems = _joined(items, own, rows, lost)
    return Known(found, (*notes, *more), tuple(problems))


def _tidy(row: Mapping[str, Any]) -> Row:
    """Return the columns of a row by the names that they have here; wells as they are written.

    Examples
    --------
    >>> _tidy({"Metadata_Well": "a1", "Gene Symbol": "AURKB", "n": 3})
    {'well': 'A01', 'treatment': 'AURKB', 'n': 3}
    """
    names = column_names(list(row))
    found = {}
    for (given, value), name in zip(row.items(), names, strict=True):
        found[name] = (well_of(value) or value) if name == "well" else value
        del given
    return found


def column_names(given: Sequence[str]) -> list[str]:
    """Return what columns are called here; where two would be one, the later keeps its name.

    Examples
    --------
    >>> column_names(["Metadata_Well", "Compound", "treatment", "FileName_DNA", "My note"])
    ['well', 'Compound', 'treatment', 'FileName_DNA', 'My note']
    """
    plain = [_plain_name(name) for name in given]
    meant = [SAME.get(name, name) for name in plain]
    known = {*SAME.values(), *KEYS, "control", "group", "row", "column"}
    # who has a column called so means it, whatever else could be
    exact = {name for name in plain if name in known}
    taken: set[str] = set()
    found = []
    for own, bare_name, name in zip(given, plain, meant, strict=True):
        other = name in exact and bare_name != name
        new = own if other or name not in known or name in taken else name
        taken.add(new)
        found.append(new)
    return found


def column_asked(columns: Iterable[Any], name: str, argument: str) -> str:
    """Return the column that is meant, by its name or by what it was called before it was read.

    Parameters
    ----------
    columns : iterable of str
        Those there are; a table's.
    name : str
        What was asked for.
    argument : str
        Of what, in the message where there is none.

    Examples
    --------
    >>> column_asked(["well", "concentration"], "dose", "by")
    'concentration'
    """
    there = list(map(str, columns))
    # genes keep a column of their own: where there is none, treatments are none
    other = [] if _plain_name(name).startswith("gene") else column_names([name])
    for one in (name, *other):
        if one in there:
            return one
    raise invalid(argument, expected=f"one of the columns {some(there)}", received=name)


def _plain_name(name: str) -> str:
    return re.sub(r"\W+", "_", re.sub(r"(?i)^(image_)?metadata_", "", name.strip())).lower()


def read_plate(plate: Any) -> tuple[list[Row], list[str]]:
    """Read a table of a plate; what there is to say of it comes with it.

    Parameters
    ----------
    plate : path, DataFrame or dict of columns
        See `known_of`.
    """
    if is_file(plate):
        path = Path(plate).expanduser()
        if path.is_dir():
            return _of_ome_zarr(path), []
        if not path.is_file():
            raise invalid("plate", expected="a file that is there", received=str(path))
        if path.name.lower().endswith(".idx.xml") or path.suffix.lower() == ".xml":
            return _of_harmony(path), []
        if path.suffix.lower() == ".htd":
            return _of_metaxpress(path), []
        table = read_spreadsheet(path)
    else:
        table = _frame(plate)
    names = [str(name) for name in table.columns]
    empty = table.isna() | (table == "")
    cells = table.astype(object).mask(empty, None)
    cells = cells.apply(_numbers)
    as_given = [dict(zip(names, row, strict=True)) for row in cells.itertuples(index=False)]
    as_given = [row for row in as_given if any(v is not None for v in row.values())]
    rows = [_with_well(_tidy(row)) for row in as_given]
    keys = [name for name in ("image", "well") if any(row.get(name) is not None for row in rows)]
    genes = [name for name in names if _plain_name(name) in ("gene_symbol", "gene")]
    if genes and column_names(names)[names.index(genes[0])] == "treatment":
        # a treatment that is a gene can be asked for as either
        rows = [{**row, "gene": row.get("treatment")} for row in rows]
    pictured = [tuple(files_in(row).values()) for row in as_given]
    if not keys and not any(pictured):
        raise invalid(
            "plate",
            expected="rows with a column image, or well",
            received=say("columns {} and {}", names, counted(len(rows), "row")),
        )
    if any(pictured) and "image" not in keys:
        rows = [{**_without_places(r), FILES: own} for r, own in zip(rows, pictured, strict=True)]
    renamed = [
        f"{own} ({new})"
        for own, new in zip(names, column_names(names), strict=True)
        if own.lower() != new.lower()
    ]
    return rows, [f"columns of the plate's table: {', '.join(renamed)}"] if renamed else []


def _without_places(row: Row) -> Row:
    """Leave out where files are: what comes along into tables is what is known of wells."""
    return {
        k: v for k, v in row.items() if not re.match(r"(?i)(image_)?(filename|pathname|url)_", k)
    }


def _named_by_files(items: Sequence[Item], rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Find the image of each row that names files; of rows without, the first of these is told.

    Files are the same where the last folder and the name are; a name alone, where one image and one
    row have it.
    """
    if not any(FILES in row for row in rows):
        return list(rows), []
    exact: dict[str, str] = {}
    named: dict[str, set[str]] = {}
    for item in items:
        for path in _files_of(item):
            exact["/".join(path.parts[-2:])] = item.id
            named.setdefault(path.name, set()).add(item.id)
    often = Counter(re.split(r"[/\\]", one)[-1] for row in rows for one in row[FILES])
    found, lost = [], []
    for row in rows:
        files = [re.split(r"[/\\]", one) for one in row[FILES]]
        ids = [exact.get("/".join(parts[-2:])) for parts in files]
        alone = [named.get(p[-1], set()) for p in files if often[p[-1]] == 1]
        ids += [next(iter(one)) for one in alone if len(one) == 1]
        name = next(filter(None, ids), None)
        lost += [] if name else ["/".join(files[0][-2:])] if files else ["a row without files"]
        rest = {k: v for k, v in row.items() if k != FILES}
        found += [{**rest, "image": name}] if name else []
    return found, lost


def _files_of(item: Item) -> list[Path]:
    paths = getattr(item.image, "paths", None) or [getattr(item.image, "path", None)]
    return [Path(path) for path in paths if path is not None]


def _numbers(column: Any) -> Any:
    """Return a column of texts as numbers where all of it are; none of names with leading zeros.

    Examples
    --------
    >>> import pandas as pd
    >>> _numbers(pd.Series(["0,5", None, "2"], dtype=object)).tolist()
    [0.5, None, 2.0]
    >>> _numbers(pd.Series(["01", "2"], dtype=object)).tolist()
    ['01', '2']
    >>> _numbers(pd.Series(["1", "12"], dtype=object)).tolist()
    [1, 12]
    """
    texts = [v.strip() for v in column if isinstance(v, str)]
    if not texts or any(re.fullmatch(r"0\d+", text) for text in texts):
        return column
    try:
        kind = int if all(text.isdecimal() for text in texts) else float
        found = {text: kind(text.replace(",", ".")) for text in texts}
    except ValueError:
        return column
    values = [found[v.strip()] if isinstance(v, str) else v for v in column]
    return type(column)(values, index=column.index, dtype=object)


def _frame(plate: Any) -> Any:
    import pandas as pd

    try:
        return pd.DataFrame(plate).reset_index(drop=True)
    except (ValueError, TypeError, AttributeError) as error:
        raise invalid("plate", expected="a table", received=str(error)) from None


def _with_well(row: Row) -> Row:
    """Make the well of row and column where these are told apart."""
    at, column = row.get("row"), row.get("column")
    if row.get("well") is not None or at is None or column is None:
        return row
    letters = str(at).strip().upper()
    try:
        number = int(float(str(column)))
    except ValueError:
        return row
    well = well_at(int(float(letters)), number) if letters.replace(".", "").isdecimal() else None
    well = well or well_of(f"{letters}{number}")
    return {**row, "well": well} if well else row


def _by_pattern(pattern: str, items: Sequence[Item]) -> tuple[dict[str, Row], list[str]]:
    """Read plate, well and site from names of images."""
    pieces = re.split(r"\{(\w+)\}", pattern)
    fields = pieces[1::2]
    if len(set(fields)) < len(fields) or "well" not in fields:
        expected = "fields in braces, once each, {well} among them"
        raise invalid("plate", expected=expected, received=pattern)
    parts = [re.escape(p) if k % 2 == 0 else f"(?P<{p}>[^/]+?)" for k, p in enumerate(pieces)]
    read = re.compile("".join(parts))
    told, others = {}, []
    for item in items:
        matches = (read.fullmatch(name) for name in _names(item, pattern.count("/")))
        match = next(filter(None, matches), None)
        told[item.id] = _tidy(match.groupdict()) if match else {}
        others += [] if match else [item.id]
    if len(others) == len(items):
        expected = f"names of images like {pattern}"
        raise invalid("plate", expected=expected, received=some(others))
    return told, [f"names that are not like {pattern}: {some(others)}"] if others else []


def _by_names(items: Sequence[Item]) -> tuple[dict[str, Row], list[str]]:
    """Take what plates in OME-Zarr say; of others the well from names where each has one."""
    fields, said = rows_of_fields(items)
    rest = [item for item in items if item.id not in fields]
    wells = {item.id: well_in(item.id) or _well_of_place(item.id) for item in rest}
    if not all(wells.values()):
        return {item.id: fields.get(item.id, {}) for item in items}, said
    if rest and not all("well" in _tidy(item.columns) for item in rest):
        said.append("wells are taken from the names of the images")
    return {**fields, **{name: {"well": well} for name, well in wells.items()}}, said


def _well_of_place(name: str) -> str | None:
    """Return the well of a field of a plate in OME-Zarr, which is called by row and column.

    Examples
    --------
    >>> _well_of_place("plate_B_3_0"), _well_of_place("a_b")
    ('B03', None)
    """
    match = re.search(r"(?:^|[_/ ])([A-P]|A[A-F])[_/](\d{1,2})[_/]\d+$", name)
    return well_of(match[1] + match[2]) if match else None


def _names(item: Item, folders: int = 0) -> list[str]:
    """Return what an image is called: its id, and its files with so many of their folders."""
    path = getattr(item.image, "path", None)
    named = [] if path is None else ["/".join(Path(path).parts[-1 - folders :])]
    return [item.id, *(bare(name) for name in named)]


def _joined(
    items: Sequence[Item],
    own: Mapping[str, Row],
    rows: Sequence[Row],
    lost: Sequence[str] = (),
) -> tuple[dict[str, Row], list[str]]:
    """Give each image its row: by its name where rows have images, else by plate, well and site."""
    by_image = bool(lost) or any(row.get("image") is not None for row in rows)
    keys = ["image"] if by_image else [k for k in KEYS if any(r.get(k) is not None for r in rows)]
    if not by_image:
        own = _with_plates(items, own, rows)
        keys = [k for k in keys if any(own[i.id].get(k) is not None for i in items) or k == "well"]
    table: dict[tuple[str, ...], Row] = {}
    twice: list[str] = []
    for row in rows:
        key = _key(row, keys)
        twice += ["/".join(key)] if key in table and table[key] != row else []
        table.setdefault(key, row)
    if twice:
        told = [k for k in KEYS if k not in keys and any(row.get(k) is not None for row in rows)]
        remedy = ""
        if told and not by_image:
            remedy = (
                f"The table has {' and '.join(told)}, which the images do not tell: give it a "
                "column image, or let names of images have the table's words for these in them."
            )
        expected = f"one row for each {', '.join(keys)}"
        received = f"several of {', '.join(twice[:3])}"
        raise invalid("plate", expected=expected, received=received, remedy=remedy)
    found, used, lonely = {}, set(), []
    for item in items:
        names = [{"image": name} for name in _names(item)] if by_image else [own[item.id]]
        key = next((k for k in (_key(name, keys) for name in names) if k in table), None)
        if key is None:
            lonely.append(item.id)
        else:
            used.add(key)
        row = {} if key is None else {k: v for k, v in table[key].items() if k != "image"}
        found[item.id] = {**own[item.id], **{k: v for k, v in row.items() if v is not None}}
    if not used:
        raise invalid(
            "plate",
            expected=f"rows that belong to the images by {', '.join(keys)}",
            received=f"rows of {some([*lost, *map('/'.join, table)])}, images {some(lonely)}",
            remedy="Give names of images as column image, or a pattern of names with {well} in it.",
        )
    rest = [*lost, *("/".join(key) for key in table if key not in used)]
    both = [f"rows without image: {some(rest)}"] if rest else []
    both += [f"images without row: {some(lonely)}"] if lonely else []
    return found, [f"of the plate's table, {'; '.join(both)}"] if both else []


def _with_plates(
    items: Sequence[Item], own: Mapping[str, Row], rows: Sequence[Row]
) -> Mapping[str, Row]:
    """Take plates from names of images that have the table's words for them in them.

    Where there are several plates, images tell none, and each name has the word of exactly one.
    """
    words = {str(row["plate"]) for row in rows if row.get("plate") is not None}
    if len(words) < 2 or any(own[item.id].get("plate") is not None for item in items):
        return own
    parts = {word: re.compile(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])") for word in words}
    found = {
        item.id: [word for word, part in parts.items()
                  if any(part.search(name) for name in _names(item, 1))]
        for item in items
    }  # fmt: skip
    if any(len(one) != 1 for one in found.values()):
        return own
    return {name: {**row, "plate": found[name][0]} if name in found else row
            for name, row in own.items()}  # fmt: skip


def _key(row: Mapping[str, Any], keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(_plain(name, row.get(name)) for name in keys)


def _plain(name: str, value: Any) -> str:
    """Return a cell as it is compared: wells as wells, whole numbers without point, no endings.

    Examples
    --------
    >>> _plain("well", "b3"), _plain("site", "03"), _plain("site", 3.0), _plain("image", "a/B.tif")
    ('B03', '3', '3', 'B')
    """
    if value is None:
        return ""
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
    if name == "well":
        return well_of(text) or text
    if name == "image":
        return bare(re.split(r"[/\\]", text)[-1])
    return text.lstrip("0") or "0" if text.isdecimal() else text


def _of_ome_zarr(path: Path) -> list[Row]:
    """Read wells and fields from a plate in OME-Zarr."""
    rows = rows_of(path)
    if rows is None:
        expected = "a table, or the folder of a plate in OME-Zarr"
        raise invalid("plate", expected=expected, received=f"{path}, which says of no plate")
    return rows


def _of_harmony(path: Path) -> list[Row]:
    """Read which file is of which well and field, from Index.idx.xml of Opera and Operetta."""
    root = _parsed(path)
    names = {_bare_tag(one): one.text for one in root.iter()}
    plate = names.get("PlateID") or names.get("Name")
    rows = []
    for image in (one for one in root.iter() if _bare_tag(one) == "Image"):
        said = {_bare_tag(one): (one.text or "").strip() for one in image}
        if "URL" in said and said.get("Row", "").isdecimal() and said.get("Col", "").isdecimal():
            well = well_at(int(said["Row"]), int(said["Col"]))
            site = said.get("FieldID", "")
            rows.append({"image": said["URL"], "plate": plate, "well": well, "site": site})
    if not rows:
        raise invalid("plate", expected="images with Row, Col and URL", received=f"none in {path}")
    # an image has several files: those of a field are one row
    return list(
        {
            (r["plate"], r["well"], r["site"]): {k: v for k, v in r.items() if k != "image"}
            for r in rows
        }.values()
    )


def _of_metaxpress(path: Path) -> list[Row]:
    """Read which wells were imaged, from the .HTD of MetaXpress and ImageXpress."""
    text = path.read_text(encoding="latin-1")
    pairs = dict(re.findall(r'^"([^"]+)",\s*(.+?)\s*$', text, re.MULTILINE))
    rows = []
    for key, value in pairs.items():
        match = re.fullmatch(r"WellsSelection(\d+)", key)
        if match:
            chosen = [one.strip().upper() == "TRUE" for one in value.split(",")]
            rows += [well_at(int(match[1]), k) for k, one in enumerate(chosen, 1) if one]
    if not rows:
        raise invalid("plate", expected="WellsSelection of an HTD file", received=str(path))
    return [{"plate": path.stem, "well": well} for well in rows]


def _parsed(path: Path) -> ElementTree.Element:
    """Parse XML; what defines entities, which may grow without end, is refused."""
    if path.stat().st_size > _LARGEST:
        raise invalid("plate", expected="at most 500 MB of XML", received=str(path))
    data = path.read_bytes()
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise invalid("plate", expected="XML without DOCTYPE", received=str(path))
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise invalid("plate", expected=f"whole XML in {path}", received=said_by(error)) from None


def _bare_tag(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]
