"""The page of tracks: links to look at with their pictures, warnings, lineages, numbers."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.given import is_file
from ..errors import InvalidError
from ..events import Work, note, warn
from ..messages import TABLES, Argument, counted, say, spelled
from ..prediction.reopened import is_predicted
from ..storage.atomic import meant
from ..tracks.found import Tracks
from ..tracks.frames import Frames, frames_of
from ..tracks.known import holds_tracks, tracks_at
from ..tracks.warned import LIMITS
from ..version import __version__
from . import page, track_words
from .place import free, remove_pictures, write
from .rows import shown_number
from .strips import Look, Strip, looks_of, refuse_others, strips_of

TEMPLATE = Path(__file__).with_name("tracks.html")
MOST_LINKS = 200
"""With pictures on the page, those that are likeliest wrong."""
MOST_WARNINGS = 500
MOST_DRAWN = 100_000
"""Positions of which paths are drawn: of more they cover each other, and take a minute."""
WRONG = (0.0, 1e-4, 1e-3, 0.01, 0.1, 0.5, 1.0)
"""Edges of the table of links by how likely they are wrong."""


def tracks_given(given: Any) -> Tracks | None:
    """Return tracks, read where their path is given; None of other results."""
    if isinstance(given, Tracks):
        return given
    if not is_file(given) or not str(given):
        return None
    path = meant(given)
    if is_predicted(path) or not holds_tracks(path):
        return None
    try:
        return tracks_at(path)
    except InvalidError as error:
        raise error.renamed("results", of="path") from None


def collect(tracks: Tracks, path: Any, images: Any, overwrite: bool) -> Work[Path]:
    """Make the page of tracks; the parameters are those of the verb `report`."""
    place = free(path, overwrite)
    page.need_templates()
    if tracks.run.get("verb") != "track":
        tracks = tracks.warned()  # those that were read have only what their file knows
    flagged = tracks.review()
    shown = flagged.head(MOST_LINKS)
    movies, notes = movies_of(tracks, images, len(shown))
    looks = looks_of(tracks, shown)
    strips, problems = yield from strips_of(tracks, looks, movies)
    notes += [*problems, *_left_out(len(flagged))]
    for text in notes:
        yield warn(text)
    parts = parts_of(tracks, shown, looks, strips, place.stem, notes, len(flagged))
    write(place, page.of_template(TEMPLATE, **parts).encode("utf-8", "replace"), overwrite)
    remove_pictures(place)
    yield note(f"{counted(len(shown), 'link')} to look at in {place}.")
    return place


def movies_of(tracks: Tracks, images: Any, links: int) -> tuple[dict[str, Frames], list[Any]]:
    """Return the images of recordings by name, and what is to say where links are shown."""
    if images is None:
        asked = tracks.run.get("settings", {})
        known = asked.get("movie") if asked.get("model") else None
        if known is None or not Path(known).exists():
            text = say("There are no pictures of links. Pass {}.", Argument("images"))
            return {}, [text] if links else []
        images = known
    found = {one.name: one for one in frames_of(images, argument="images")}
    names = list(dict.fromkeys(tracks.positions["recording"].astype(str)))
    if len(names) == 1 and len(found) == 1:
        found = {names[0]: next(iter(found.values()))}
    own = {name: one for name, one in found.items() if name in names}
    refuse_others(tracks, own)
    missing = [name for name in names if name not in own]
    return own, [f"No images of {', '.join(missing)}."] if missing else []


def _left_out(count: int) -> list[str]:
    if count <= MOST_LINKS:
        return []
    return [
        f"{count} links are worth a look; the {MOST_LINKS} that are likeliest wrong are on the "
        "page. Correct these, solve again, and look at what is left."
    ]


def parts_of(
    tracks: Tracks,
    links: pd.DataFrame,
    looks: Sequence[Look],
    strips: Sequence[Strip | None],
    title: str,
    notes: Sequence[Any],
    flagged: int,
) -> dict[str, Any]:
    """Return what the template is filled with."""
    several = tracks.positions["recording"].nunique() > 1
    return {
        "title": title,
        "version": __version__,
        "figures": track_words.figures(tracks, flagged),
        "summary": track_words.summary(tracks),
        "notes": [spelled(text, TABLES) for text in notes],
        "links": list(_links(tracks, links, looks, strips, several)),
        "data": _data(tracks, links, looks),
        "rated": bool(tracks.links["p_wrong"].notna().any()),
        "pictured": any(strip is not None for strip in strips),
        **_warnings(tracks.warnings, several),
        "drawn": list(_drawn(tracks)),
        "tables": [one for one in (_by_error(tracks), _by_end(tracks), _by_recording(tracks))
                   if one[2]],
        "methods": track_words.methods(tracks),
        "citations": track_words.citations(tracks),
        "settings": track_words.settings(tracks),
    }  # fmt: skip


def _links(
    tracks: Tracks,
    links: pd.DataFrame,
    looks: Sequence[Look],
    strips: Sequence[Strip | None],
    several: bool,
) -> Iterator[dict[str, Any]]:
    objects = tracks.positions["object"].to_numpy()
    rows = links.to_dict("records")
    for k, (row, look, strip) in enumerate(zip(rows, looks, strips, strict=True)):
        where = f"{row['recording']}, " if several else ""
        frames = f"frame {row['frame_from']} to {row['frame_to']}"
        yield {
            "number": k + 1,
            "name": f"{where}{frames}: object {row['object_from']} to {row['object_to']}",
            "wrong": f"{row['p_wrong']:.2g}",
            "division": bool(row["division"]),
            "others": [
                (one.letter, int(objects[one.row]), one.new and not row["division"])
                for one in look.others
            ],
            "picture": page.data_address(strip.picture) if strip and strip.picture else "",
            "strip": strip,
            "start": _start(strip, row["frame_from"]),
            "alt": f"Frames around a link, {frames}",
        }


def _start(strip: Strip | None, frame: int) -> float:
    """Return where in its strip the earlier frame of a link begins, as a share of the width."""
    if strip is None:
        return 0.0
    return round(next(x for x, one in strip.frames if one == frame) / strip.width, 3)


def _data(tracks: Tracks, links: pd.DataFrame, looks: Sequence[Look]) -> dict[str, Any]:
    """Return what the script makes the corrections of."""
    names = ["recording", "frame_from", "object_from", "frame_to", "object_to", "p_wrong"]
    objects = tracks.positions["object"].to_numpy()
    rows = links[names].to_dict("split")["data"]
    others = [{one.letter: int(objects[one.row]) for one in look.others} for look in looks]
    stamp = pd.util.hash_pandas_object(links[names], index=False).sum()
    return {"columns": names, "rows": rows, "others": others, "stamp": str(stamp)}


def _warnings(table: pd.DataFrame, several: bool) -> dict[str, Any]:
    """Return warnings by kind, the first of them, and all of them as a file."""
    counts = table["kind"].value_counts()
    named = [(str(kind), shown_number(int(n))) for kind, n in counts.items()]
    kinds = [[(kind, ""), (n, "number"), (track_words.of_kind(kind), "meaning")]
             for kind, n in named]  # fmt: skip
    columns = ["recording"] if several else []
    columns += ["frame", "object", "kind", "value", "words"]
    rows = [
        [(_cell(row[name]), "number" if name in ("frame", "object", "value") else "")
         for name in columns]
        for row in table.head(MOST_WARNINGS).to_dict("records")
    ]  # fmt: skip
    content = table.to_csv(index=False).encode("utf-8", "replace")
    more = max(0, len(table) - MOST_WARNINGS)
    return {
        "kinds": kinds,
        "warning_columns": [(n, "number" if n in ("frame", "object", "value") else "")
                            for n in columns],
        "warning_rows": rows,
        "warnings_more": f"The first {MOST_WARNINGS} of {len(table)}." if more else "",
        "warnings_file": page.data_address(content, "text/csv;charset=utf-8"),
        "limits": ", ".join(f"{name} {value:g}" for name, value in LIMITS.items()),
    }  # fmt: skip


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if pd.isna(value) else shown_number(float(value))


def _drawn(tracks: Tracks) -> Iterator[tuple[str, str, str]]:
    """Yield pictures: the address of each, what it shows, and what it is of."""
    kinds = ["tree", *(["errors"] if tracks.links["p_wrong"].notna().any() else [])]
    kinds += ["paths"] if len(tracks.positions) <= MOST_DRAWN else []
    for kind in kinds:
        stream = io.BytesIO()
        tracks.plot(kind).savefig(stream, format="png", dpi=110)
        yield (page.data_address(stream.getvalue()), *track_words.of_picture(kind, tracks))


Numbers = tuple[str, list[tuple[str, str]], list[list[tuple[str, str]]]]


def _by_error(tracks: Tracks) -> Numbers:
    wrong = tracks.links.loc[tracks.links["chosen"], "p_wrong"].dropna().to_numpy(float)
    at = np.clip(np.searchsorted(WRONG, wrong, side="left") - 1, 0, len(WRONG) - 2)
    rows = []
    for k, (low, high) in enumerate(itertools.pairwise(WRONG)):
        own = wrong[at == k]
        words = [f"{low:g} to {high:g}", shown_number(len(own)), f"{own.sum():.2f}"]
        rows.append([(words[0], ""), *((word, "number") for word in words[1:])])
    columns = [("wrong with a probability of", ""), ("links", "number"),
               ("wrong ones expected", "number")]  # fmt: skip
    return "Links by how likely they are wrong", columns, rows if len(wrong) else []


def _by_end(tracks: Tracks) -> Numbers:
    counts = tracks.tracks["end"].value_counts()
    rows = [[(name, ""), (shown_number(int(counts[name])), "number"), (words, "meaning")]
            for name, words in track_words.ENDS.items() if name in counts]  # fmt: skip
    return "How tracks end", [("end", ""), ("tracks", "number"), ("", "meaning")], rows


def _by_recording(tracks: Tracks) -> Numbers:
    names = list(dict.fromkeys(tracks.positions["recording"]))
    kinds = ("frames", "positions", "links", "tracks", "divisions", "links to look at")
    columns = [("recording", ""), *((name, "number") for name in kinds)]
    rows = []
    for name in names if len(names) > 1 else []:
        at, links, own = (one[one["recording"] == name]
                          for one in (tracks.positions, tracks.links, tracks.tracks))  # fmt: skip
        chosen = links[links["chosen"]]
        numbers = (at["frame"].nunique(), len(at), len(chosen), len(own),
                   (own["end"] == "divided").sum(), (chosen["p_wrong"] > 0.01).sum())  # fmt: skip
        rows.append([(str(name), ""), *((shown_number(int(n)), "number") for n in numbers)])
    return "Recordings", columns, rows
