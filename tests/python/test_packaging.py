"""What is published: sdist and wheel build, hold what they should, and work where installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from importlib import metadata
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "cytoloom"
SMOKE = """
import cytoloom as cl
import numpy as np
assert "cytoloom-env" in cl.__file__, cl.__file__
image, labels = cl.simulate.nuclei((64, 64), count=5, seed=1)
other, truth = cl.simulate.nuclei((64, 64), count=5, seed=2)
model = cl.train(
    ([image, other], [labels, truth]),
    network=cl.UNet(filters=4, depth=2),
    trainer=cl.Trainer(iterations=2, batch_size=1, patch_px=32),
    out="smoke.cytoloom",
    progress=False,
)
found = cl.load("smoke.cytoloom").predict(image)
assert found.shape == image.shape and found.dtype.kind in "iu"
print("smoke passed")
"""


def python_files(folder: Path) -> set[str]:
    """Paths of a folder's files of the package, relative to the folder that holds it."""
    found = [
        p
        for p in folder.rglob("*")
        if p.suffix in (".py", ".pyi", ".typed", ".csv", ".html", ".css", ".js")
    ]
    return {p.relative_to(folder.parent).as_posix() for p in found}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with sdist and wheel; the wheel is built from the sdist, as pip would."""
    source = tmp_path_factory.mktemp("source")
    skipped = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "*-out")
    shutil.copytree(ROOT, source / "cytoloom", symlinks=True, ignore=skipped)
    out = source / "dist"
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out]
    done = subprocess.run(
        [*map(str, command), str(source / "cytoloom")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """Return the wheel, of which there is one, for every Python 3 and platform."""
    (path,) = built.glob("cytoloom-*-py3-none-any.whl")
    return path


def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """Exactly the modules of python/cytoloom: no tests, no R, no second copy through inst/."""
    names = zipfile.ZipFile(wheel).namelist()
    code = {name for name in names if ".dist-info/" not in name}
    assert code == python_files(PACKAGE)
    assert any(name.endswith("licenses/LICENSE.md") for name in names)


def test_sdist_holds_what_a_packager_needs(built: Path) -> None:
    """The modules, their tests, the examples, the licence; nothing of R but its shared core."""
    (path,) = built.glob("cytoloom-*.tar.gz")
    with tarfile.open(path) as archive:
        names = {PurePosixPath(*PurePosixPath(n).parts[1:]) for n in archive.getnames()}
    held = {name.as_posix() for name in names}
    assert {f"python/{name}" for name in python_files(PACKAGE)} <= held
    assert {"pyproject.toml", "README.md", "LICENSE.md", "NEWS.md", "CITATION.cff"} <= held
    assert {"tests/python/conftest.py", "examples/demo.py"} <= held
    assert not {n for n in held if n.split("/")[0] in {"inst", "R", "man", "docs"} or ".R" in n}


def test_metadata_names_backends_as_extras(wheel: Path) -> None:
    """No backend is required; each is an extra; without upper pins."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("METADATA"))
        told = metadata.PathDistribution(zipfile.Path(archive, f"{PurePosixPath(name).parent}/"))
        assert set(told.metadata.get_all("Provides-Extra")) == {
            "cpu",
            "gpu",
            "jax",
            "torch",
            "fast",
            "parquet",
            "affinities",
            "export",
            "report",
            "onnx",
            "bioimageio",
            "vendor",
            "volumes",
            "runs",
            "cells",
            "umap",
            "tracks",
            "cluster",
        }
        required = [r for r in told.requires if "extra ==" not in r]
        assert not [r for r in required if r.startswith(("tensorflow", "jax", "torch"))]
        assert not [r for r in told.requires if "<" in r.split(";")[0]]
        (entry,) = told.entry_points.select(group="console_scripts")
        assert (entry.name, entry.value) == ("cytoloom", "cytoloom.cli:main")


def test_installed_wheel_trains_and_predicts(wheel: Path, tmp_path: Path) -> None:
    """In a fresh environment that sees only the wheel and its dependencies, the verbs work."""
    home = tmp_path / "cytoloom-env"
    venv.EnvBuilder(with_pip=False, symlinks=True).create(home)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", str(wheel)], check=True)
    # The dependencies of this environment, without its .pth files: the editable install is one.
    site = sysconfig.get_path("purelib", vars={"base": str(home)})
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    done = subprocess.run(
        [python, "-c", SMOKE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.endswith("smoke passed\n"), done.stderr[-3000:]
    shown = subprocess.run([home / "bin" / "cytoloom", "--version"], capture_output=True, text=True)
    assert shown.stdout.startswith("cytoloom ")


def test_import_loads_nothing_heavy() -> None:
    """`import cytoloom` is quick because it loads neither NumPy nor SciPy nor a backend."""
    code = "import sys, cytoloom; print(sorted({'numpy', 'scipy', 'keras'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_citation_and_news_name_this_version() -> None:
    """CITATION.cff and NEWS.md speak of the version that pyproject builds."""
    version = metadata.version("cytoloom")
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert (ROOT / "NEWS.md").read_text().startswith(f"# cytoloom {version}\n")


@pytest.mark.parametrize("name", ["configure", "configure.win"])
def test_a_checkout_without_symbolic_links_carries_the_core_of_today(
    tmp_path: Path, name: str
) -> None:
    """Git on Windows makes a text file of the link; what was copied once is copied again."""
    code, copied = tmp_path / "python" / "cytoloom" / "a.py", tmp_path / "inst" / "python"
    for folder in (code.parent, copied.parent):
        folder.mkdir(parents=True)
    copied.write_text("../python")
    for text in ("old", "new"):
        code.write_text(text)
        subprocess.run(["sh", str(ROOT / name)], cwd=tmp_path, check=True)
        assert (copied / "cytoloom" / "a.py").read_text() == text
    shutil.rmtree(tmp_path / "python")  # as in a package made by R CMD build
    subprocess.run(["sh", str(ROOT / name)], cwd=tmp_path, check=True)
    assert (copied / "cytoloom" / "a.py").read_text() == "new"
    shutil.rmtree(copied)
    copied.symlink_to("../python")
    code.parent.mkdir(parents=True)
    subprocess.run(["sh", str(ROOT / name)], cwd=tmp_path, check=True)
    assert copied.is_symlink()
