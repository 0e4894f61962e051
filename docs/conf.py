"""Configuration of the documentation. Warnings are errors; see the Makefile."""

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "cytoloom"
author = "cytoloom authors"
project_copyright = "2026, cytoloom authors"
release = importlib.metadata.version("cytoloom")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.extlinks",
    "numpydoc",
    "sphinx_design",
    "executed",
]
exclude_patterns = ["_build", "generated"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}

# Types stand in the numpydoc docstrings, with shapes and units.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "furo"
html_title = f"cytoloom {release}"
html_static_path = ["_static"]
html_css_files = ["output.css"]
html_show_sphinx = False
html_copy_source = False
