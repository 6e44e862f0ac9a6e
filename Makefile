# make run    the main job on generated images: vanilla, one-shot removal, IRP, robust, oracle, and a table
# make test   the quick tests, some minutes
# make test-all  all tests; make test-slow: those that make test leaves out
# make check  what CI checks besides: format, lint, types
# make clean  remove the environment and caches (outputs/ stays)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := outputs/demo/$(shell date +%Y-%m-%d_%H-%M-%S)
INSTALLED := $(VENV)/installed
# Two sweeps at a time with half of the cores each: a small flow gains next to nothing from a second core.
HALF := $$(( ($$(getconf _NPROCESSORS_ONLN) + 1) / 2 ))

.PHONY: run test test-slow test-all check clean

run: $(INSTALLED)
	@$(MAKE) --no-print-directory --jobs=2 DEMO=$(DEMO) demo-fabric demo-grain
	$(BIN)/irp-lightning compare $(DEMO)

demo-%: $(INSTALLED)
	OMP_NUM_THREADS=$(HALF) $(BIN)/python -m irp_lightning.run -m +experiment=demo \
		refine=none,osr,irp,robust,oracle data.category=$* hydra.sweep.dir=$(DEMO)

# Whole files go to a process each: what a file computes once, its tests share.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

test: $(INSTALLED)
	$(PYTEST) -m "not slow"

test-slow: $(INSTALLED)
	$(PYTEST) -m slow

test-all: $(INSTALLED)
	HYPOTHESIS_PROFILE=full $(PYTEST)

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python %d.%d is too old: make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
