r"""The whole chain: train on the first frames of a movie, find and link its cells in the rest.

Sets: ``sim`` (`ctc_fluo_n2dh_sim`, 40 frames), ``easy`` and ``crowded`` (simulated embryos, 45
frames). The first two thirds are learned from, the last third is scored: detection, links,
divisions, whole tracks, how often links are wrong that are said to be sure; beside it the same
detections linked by movement alone, in all three ways.

Every cell runs alone, appends its row in `--out`, and is not run again; the model stays there.

    python benchmarks/one_core.py 1 -m benchmarks.tracker --sets sim easy crowded --minutes 30 \
        --out tracker
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cytoloom as cl
from cytoloom.metrics.points import matched
from cytoloom.tracks.agreement import Side
from cytoloom.tracks.annotated import Annotated, annotated
from cytoloom.tracks.frames import Frames

from . import machine, records

SETS = ("sim", "easy", "crowded")
EMBRYOS = {
    "easy": {"count": 24, "crowding": 0.4, "seed": 21},
    "crowded": {"count": 60, "crowding": 0.8, "speed": 0.25, "seed": 22},
}
WITHIN_UM = 3.0
LIMIT = 0.01
SHOWN = ("positions_f1", "LNK", "links_wrong", "links_missed", "links", "divisions",
         "divisions_right", "divisions_false", "BC1", "CT", "errors_per_cycle")  # fmt: skip


def movie(name: str) -> Annotated:
    """Return the movie with its truth, and pixel sizes."""
    if name == "sim":
        folder = records.data_folder() / "ctc_fluo_n2dh_sim"
        # 0.125 um, as the challenge says of this set
        data, spacing = (folder / "01", folder / "01_GT"), 0.125
    else:
        data = cl.simulate.embryo(frames=45, division_rate=0.015, **EMBRYOS[name])
        spacing = data.spacing_um
    ((one,), _) = annotated(data, spacing_um=spacing, region={})
    return one


def parted(one: Annotated) -> tuple[tuple[Any, cl.Tracks], Frames, cl.Tracks]:
    """Return the first two thirds to learn from, and the rest with its truth."""
    cut = 2 * one.frames.count // 3
    sides = []
    for first, last in ((0, cut), (cut, one.frames.count)):
        rows = (one.at >= first) & (one.at < last)
        table = one.positions[rows]
        table = table[["frame", "object", *(f"{a}_px" for a in one.frames.axes)]]
        table = table.assign(frame=table["frame"] - first)
        own = rows[one.source] & rows[one.target]
        number, at = one.positions["object"].to_numpy(), one.at - first
        a, b = one.source[own], one.target[own]
        links = pd.DataFrame({"frame_from": at[a], "object_from": number[a], "frame_to": at[b],
                              "object_to": number[b]})  # fmt: skip
        truth = cl.Tracks.of(table, links, spacing_um=one.frames.spacing_um)
        sides.append((Frames(one.name, one.frames.sources[first:last], one.frames.spacing_um),
                      truth))  # fmt: skip
    (frames, tracks), (rest, truth) = sides
    images = np.stack([frames.frame(k)[..., 0] for k in range(frames.count)])
    return (images, tracks), rest, truth


def detection_f1(found: pd.DataFrame, truth: cl.Tracks, spacing: Any) -> float:
    """F1 of all positions within 3 um of a true one."""
    axes = [f"{a}_px" for a in truth.axes]
    pairs = 0
    for k, own in truth.positions.groupby("frame"):
        here = found[found["frame"] == k]
        pairs += len(matched(own[axes].to_numpy(float) * spacing,
                             here[axes].to_numpy(float) * spacing, WITHIN_UM)[0])  # fmt: skip
    return 2 * pairs / (len(found) + len(truth.positions))


def honesty(found: cl.Tracks, truth: cl.Tracks) -> dict[str, float]:
    """How often links are wrong, beside how often that is said."""
    scale = np.asarray(truth.spacing_um)
    said = found.links[found.links["chosen"]]
    one = Side.of(truth, truth.positions["recording"].iloc[0], scale)
    places = found.positions[[f"{a}_px" for a in truth.axes]].to_numpy(float) * scale
    frame, number = (found.positions[c].to_numpy() for c in ("frame", "object"))
    to = np.full(len(frame), -1)
    for k in np.unique(frame):
        here, there = np.flatnonzero(frame == k), np.flatnonzero(one.frame == k)
        i, j = matched(one.places[there], places[here], WITHIN_UM)
        to[here[j]] = there[i]
    row = {key: k for k, key in enumerate(zip(frame.tolist(), number.tolist(), strict=True))}
    true = set(zip(one.source.tolist(), one.target.tolist(), strict=True))
    after = {a: b for a, b in true}
    wrong = []
    for a, i, b, j in said[["frame_from", "object_from", "frame_to", "object_to"]].to_numpy():
        x, y = to[row[a, i]], to[row[b, j]]
        wrong.append(not ((x, y) in true or (b - a > 1 and (after.get(x), y) in true)))
    p, bad = said["p_wrong"].to_numpy(float), np.array(wrong, bool)
    if not np.isfinite(p).all():
        return {}
    bins = np.minimum((p * 10).astype(int), 9)
    off = sum(abs(p[bins == k].mean() - bad[bins == k].mean()) * (bins == k).mean()
              for k in np.unique(bins))  # fmt: skip
    flagged = p > LIMIT
    loss = -np.where(bad, np.log(np.clip(p, 1e-9, 1)), np.log1p(-np.clip(p, 0, 1 - 1e-9))).mean()
    return {"calibration_error": float(off), "log_loss": float(loss), "wrong": int(bad.sum()),
            "said_wrong": float(p.sum()), "flagged": float(flagged.mean()),
            "left": float((bad & ~flagged).mean())}  # fmt: skip


def ways(model: cl.Model, rest: Frames, minutes: float) -> Iterator[tuple[str, cl.Tracks, float]]:
    """Track by networks, and the same detections by movement alone."""
    images = [source.read() for source in rest.sources]
    stack = np.stack(images)[..., 0]
    began = time.perf_counter()
    tracks = cl.track(model, stack, pixel_size_um=rest.spacing_um, progress=False)
    yield "networks", tracks, (time.perf_counter() - began) / rest.count
    kept = ["recording", "frame", "object", *(f"{a}_px" for a in rest.axes), "probability"]
    for solver in ("optimal", "lap", "nearest"):
        began = time.perf_counter()
        found = cl.track(None, tracks.positions[kept], pixel_size_um=rest.spacing_um,
                         solver=solver, progress=False)  # fmt: skip
        yield f"movement, {solver}", found, (time.perf_counter() - began) / rest.count


def run(given: argparse.Namespace) -> None:
    for name in given.sets:
        for seed in given.seeds:
            key = {"set": name, "minutes": given.minutes, "seed": seed}
            if _done(given.out / "tracker.jsonl", key):
                continue
            learned, rest, truth = parted(movie(name))
            model = cl.train_tracker(
                learned, minutes=given.minutes, pixel_size_um=rest.spacing_um, seed=seed,
                out=given.out / f"{name}_{given.minutes:g}_{seed}.cytoloom",
            )  # fmt: skip
            rows = []
            for way, tracks, seconds in ways(model, rest, given.minutes):
                scores = tracks.evaluated(truth).per_recording.iloc[0]
                f1 = detection_f1(tracks.positions, truth, np.asarray(rest.spacing_um))
                rows.append({**key, "way": way, "detection_f1": f1,
                             **{k: float(scores[k]) for k in SHOWN}, **honesty(tracks, truth),
                             "seconds_per_frame": seconds})  # fmt: skip
            with (given.out / "tracker.jsonl").open("a") as out:
                out.writelines(json.dumps(row) + "\n" for row in rows)


def _done(file: Path, key: dict[str, Any]) -> bool:
    lines = file.read_text().splitlines() if file.exists() else []
    return any(key.items() <= json.loads(line).items() for line in lines)


def tables(out: Path) -> str:
    """Return what was measured as Markdown: means over seeds."""
    rows = pd.read_json(out / "tracker.jsonl", lines=True)
    rows = rows.groupby(["set", "minutes", "way"], sort=False).mean(numeric_only=True)
    rows = rows.reset_index().drop(columns="seed").round(4)
    plain = [{k: None if v != v else v for k, v in row.items()} for row in rows.to_dict("records")]
    return records.markdown(plain, list(rows))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tracker", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the cells")
    parser.add_argument("--sets", nargs="*", choices=SETS, default=list(SETS))
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    run(given)
    text = f"{tables(given.out)}\n\nMachine: {machine.describe()}"
    print(text)
    if given.record:
        records.append("Train, find, link", text)


if __name__ == "__main__":
    main()
