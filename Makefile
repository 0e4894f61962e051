# Two commands matter: `make demo` shows what cytoloom does, `make test` proves that it works.
# Everything Python lives in .venv; R's side comes from tools/setup-r.sh.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet

# R finds the same Python through this, and a test that lacks Python fails instead of skipping.
export RETICULATE_PYTHON := $(CURDIR)/$(PY)
export CYTOLOOM_REQUIRE_PYTHON := 1
# A test of OpenVINO or of a vendor's format fails without its package, too.
export CYTOLOOM_REQUIRE_EXTRAS := 1
export PYTHONDONTWRITEBYTECODE := 1
export MPLBACKEND := Agg
# What tests, docs and benchmarks show does not depend on whether OpenVINO is installed.
export CYTOLOOM_ENGINE ?= keras

.PHONY: help demo test test-python test-long test-exports test-pages test-store test-viewers test-anndata test-volume test-cluster lint docs docs-pages docs-r bench bench-quick setup-r check-r test-r-modern test-backends clean

help:
	@echo "make demo           simulate nuclei, train, evaluate, predict; look in demo-out/"
	@echo "make test           Python tests, doctests and R tests, with all that they need"
	@echo "make test-long      5,000 damaged files and odd arguments (an hour), test-exports, -pages, -store, -viewers"
	@echo "make test-exports   models in other programs, by the runtime of each format (5 minutes)"
	@echo "make test-pages     pages of results in Chromium, without a window (a minute)"
	@echo "make test-store     a store of runs on a PostgreSQL server of its own, on loopback (minutes)"
	@echo "make test-viewers   OME-Zarr as napari and neuroglancer show it, without a window (minutes)"
	@echo "make test-anndata   tables of cells as anndata opens them (a minute)"
	@echo "make test-cluster   jobs of Slurm, of a cluster with one node on loopback (as root, minutes)"
	@echo "make lint           ruff, mypy, lintr"
	@echo "make docs           docs/_build/html/index.html; every example in it is run; R in html/r/"
	@echo "make bench          the benchmarks of benchmarks/ (bench-quick: the short ones)"
	@echo "make check-r        R CMD build and R CMD check --as-cran"
	@echo "make setup-r        install R's side (Debian, as root)"
	@echo "make test-r-modern  the R tests on Debian 13 in a chroot (as root)"
	@echo "make test-backends  networks, losses, training and prediction on JAX and on PyTorch"
	@echo "make clean          remove what the targets made, but for .venv"

demo: $(VENV)/.core
	$(PY) examples/demo.py --out demo-out

test: setup-r test-python
	sh tools/test-r.sh

test-python: $(VENV)/.test
	$(PY) -m pytest --durations=10 --numprocesses 2 --dist loadfile --max-worker-restart 0

# Not part of `make test`, which runs some of them: the last table is in benchmarks/NOTES.md.
test-long: $(VENV)/.test
	$(PY) -m tests.python.fuzz --cases 5000 --seed 1 --workers 2
	$(MAKE) test-exports
	$(MAKE) test-pages
	$(MAKE) test-store
	$(MAKE) test-viewers
	$(MAKE) test-anndata
	$(MAKE) test-volume

# Every format of a model by its own runtime, in an environment that has them all.
test-exports:
	sh tools/setup-venv.sh "$(PYTHON)" "$(VENV)-exports"
	$(VENV)-exports/bin/python -m pip --disable-pip-version-check --quiet install \
		--editable ".[cpu,fast,onnx,bioimageio]" --group test
	$(VENV)-exports/bin/python -m pytest -o addopts="--import-mode=importlib -p no:cacheprovider" \
		--numprocesses 0 --durations=5 tests/python/long_export_model.py

# Pages of results as people see them, by Debian's browser.
test-pages:
	sh tools/setup-chromium.sh
	sh tools/setup-venv.sh "$(PYTHON)" "$(VENV)-pages"
	$(VENV)-pages/bin/python -m pip --disable-pip-version-check --quiet install \
		--editable ".[report]" --group test "playwright>=1.45"
	$(VENV)-pages/bin/python -m pytest -o addopts="--import-mode=importlib -p no:cacheprovider" \
		--numprocesses 0 --durations=5 tests/python/long_pages.py tests/python/long_review.py

# A store of runs on Debian's PostgreSQL, begun for the tests and stopped after them.
test-store: $(VENV)/.test
	sh tools/setup-postgresql.sh
	$(PY) -m pytest -o addopts="--import-mode=importlib -p no:cacheprovider" \
		--numprocesses 0 --durations=5 tests/python/long_store.py

# Tables of cells by anndata, whose pandas is another than that of the tests.
test-anndata: $(VENV)/.test
	$(PY) -m tests.python.long_anndata write $(VENV)/anndata
	sh tools/setup-venv.sh "$(PYTHON)" "$(VENV)-anndata"
	$(VENV)-anndata/bin/python -m pip --disable-pip-version-check --quiet install anndata
	$(VENV)-anndata/bin/python tests/python/long_anndata.py read $(VENV)/anndata

# OME-Zarr as other programs show it, in an environment that has them; neuroglancer in Debian's browser.
test-viewers:
	sh tools/setup-chromium.sh
	sh tools/setup-venv.sh "$(PYTHON)" "$(VENV)-viewers"
	$(VENV)-viewers/bin/python -m pip --disable-pip-version-check --quiet install \
		--editable ".[cpu,volumes]" "pytest>=9" "napari[pyqt6]" napari-ome-zarr neuroglancer "playwright>=1.45"
	$(VENV)-viewers/bin/python -m pytest -o addopts="--import-mode=importlib -p no:cacheprovider" \
		--durations=5 tests/python/long_viewers.py

# Training on a volume of nominal 100 GB, by how much memory that takes.
test-volume: $(VENV)/.test
	$(PY) -m pytest -o addopts="--import-mode=importlib -p no:cacheprovider" \
		--numprocesses 0 --durations=5 tests/python/long_volume.py

# Jobs of Slurm that do a part each, and workers of Dask that are jobs; needs Debian's slurm-wlm and munge.
test-cluster: $(VENV)/.test
	$(PY) -m pip --disable-pip-version-check --quiet install dask-jobqueue
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) -m pytest -o addopts="--import-mode=importlib -p no:cacheprovider" \
		--numprocesses 0 --durations=5 tests/python/long_cluster.py

lint: setup-r $(VENV)/.lint
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-cache --no-logo
	sh tools/lint-r.sh

docs: setup-r $(VENV)/.docs
	$(MAKE) --jobs=2 docs-pages docs-r
	@echo "Open docs/_build/html/index.html"

docs-pages:
	$(PY) -m sphinx -W --keep-going -E -q -b html docs docs/_build/html

docs-r:
	Rscript tools/docs-r.R docs/_build/html/r

bench: $(VENV)/.core
	$(PY) -m benchmarks

bench-quick: $(VENV)/.core
	$(PY) -m benchmarks --quick

setup-r:
	sh tools/setup-r.sh

check-r: setup-r $(VENV)/.test
	sh tools/check-r.sh

# Not part of `make test`: gigabytes to install. The last run of each is in benchmarks/NOTES.md.
BACKENDS := jax torch
BACKEND_TESTS := backends devices inference training keras_metrics losses unet ghost_batches \
	lessons ensembles padding
test-backends: $(BACKENDS:%=test-backend-%)

test-backend-%:
	sh tools/setup-venv.sh "$(PYTHON)" "$(VENV)-$*"
	$(VENV)-$*/bin/python -m pip --disable-pip-version-check --quiet install --editable ".[$*]" --group test
	KERAS_BACKEND=$* $(VENV)-$*/bin/python -m pytest --numprocesses 2 --dist loadfile \
		$(BACKEND_TESTS:%=tests/python/test_%.py)

test-r-modern:
	sh tools/test-r-modern.sh

clean:
	rm -rf demo-out build dist docs/_build docs/generated *.Rcheck cytoloom_*.tar.gz
	rm -rf .pytest_cache .mypy_cache .ruff_cache .stamps
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(VENV)/.core: pyproject.toml tools/setup-venv.sh
	sh tools/setup-venv.sh "$(PYTHON)" "$(VENV)"
	$(PIP) install --editable ".[cpu]"
	@touch $@

$(VENV)/.test $(VENV)/.lint $(VENV)/.docs: $(VENV)/.%: $(VENV)/.core
	$(PIP) install --group $*
	@touch $@
