"""AnnData as the package anndata reads it: written here, read by the environment that has it."""

from __future__ import annotations

import sys
from pathlib import Path


def write(folder: Path) -> None:
    """Write features of simulated cells, and the same table as CSV."""
    import cytoloom as cl

    folder.mkdir(exist_ok=True)
    names = ["P_A01", "P_A02", "P_B01"]
    images, labels = {}, {}
    for k, name in enumerate(names):
        images[name], labels[name] = cl.simulate.nuclei((96, 96), 6, seed=k)
    plate = {"well": ["A01", "A02", "B01"], "treatment": ["DMSO", None, "tax/ol"],
             "a/b": [1, None, 3], "ok": [True, False, True]}  # fmt: skip
    cells = cl.cells(images, labels=labels, plate=plate, size_px=24, progress=False)
    for ending in ("h5ad", "csv"):
        cl.features(cells, out=folder / f"f.{ending}", overwrite=True, progress=False)


def read(folder: Path) -> None:
    """Read both, and compare all of it."""
    import anndata
    import numpy as np
    import pandas as pd

    found = anndata.read_h5ad(folder / "f.h5ad")
    table = pd.read_csv(folder / "f.csv")
    starts = ("shape_", "intensity_", "texture_")
    features = [name for name in table if name.startswith(starts)]
    assert list(found.var_names) == features
    assert found.var["kind"].tolist() == [name.split("_")[0] for name in features]
    np.testing.assert_allclose(found.X, table[features].to_numpy(np.float32), rtol=1e-6)
    assert found.obs_names.is_unique
    assert found.obs_names[0] == "P_A01:1"
    for name in set(table) - set(features):
        mine = found.obs[name.replace("/", "_")].astype(object).tolist()
        for one, other in zip(mine, table[name], strict=True):
            near = isinstance(other, float) and np.isclose(one, other, equal_nan=True)
            assert near or one == other or (pd.isna(one) and pd.isna(other)), name
    np.testing.assert_allclose(found.obsm["spatial"], table[["centroid_x", "centroid_y"]])
    part = found[found.obs["treatment"] == "DMSO"].copy()
    part.write_h5ad(folder / "part.h5ad")
    assert anndata.read_h5ad(folder / "part.h5ad").n_obs == (table["treatment"] == "DMSO").sum()
    print(found)


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))
