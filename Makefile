# Everything runs in .venv, which is made on first use and renewed when pyproject.toml changes.
#   make demo        the main job on the sample clip -> out/demo
#   make test        the tests
#   make test-browser  the report in a real browser (apt-get install chromium)
#   make test-ray    datasets on a cluster of which a node is killed (needs the extra ray)
#   make addon       the Blender extension -> dist/
#   make test-gui    the extension in a real Blender window; docs/images are its screenshots
#   make lint        ruff and mypy
#   make train-mini  render random signers and train the embedded generator on them
#   make train-expression  render faces and train the network of --enhance learned on them
#   make bench       the figures of the README

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed.stamp

DEMO ?= out/demo
EXPRESSION ?= out/expression
CLIPS ?=
DEMO_OPTIONS ?= --prompt "a woman with short red hair and glasses in a green jumper" --seed 1
SAMPLES ?= out/mini/samples
SAMPLE_COUNT ?= 4000
MINI ?= out/mini/checkpoint
MINUTES ?= 60
BENCH_CLIP ?= assets/sample.mp4
BENCH_OPTIONS ?= $(DEMO_OPTIONS)
PYTEST_OPTIONS ?=
GUI_OPTIONS ?= --pictures docs/images

.PHONY: install demo test test-gui addon test-browser lint format train-mini train-expression bench clean

install: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "DiffSign needs Python 3.11: name it with  make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	mkdir -p $(VENV)/types && ln -sfn ../.. $(VENV)/types/diffsign
	touch $@

demo: $(STAMP)
	$(BIN)/diffsign run assets/sample.mp4 $(DEMO_OPTIONS) -o $(DEMO)

test: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

test-browser: $(STAMP)
	$(BIN)/python -m pytest -m browser -rs $(PYTEST_OPTIONS)

test-ray: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev,ray]"
	DIFFSIGN_TEST_RAY=1 $(BIN)/python -m pytest $(PYTEST_OPTIONS) tests/test_dataset_ray.py

addon: $(STAMP)
	$(BIN)/python -m diffsign.blender_addon.build

test-gui: $(STAMP)
	$(BIN)/python tests/gui/window.py $(GUI_OPTIONS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

train-mini: $(STAMP)
	$(BIN)/diffsign mini samples -o $(SAMPLES) --count $(SAMPLE_COUNT)
	$(BIN)/diffsign mini train $(SAMPLES) -o $(MINI) --minutes $(MINUTES)

train-expression: $(STAMP)
	$(BIN)/diffsign expression train renders $(CLIPS) -o $(EXPRESSION) --minutes $(MINUTES)

bench: $(STAMP)
	$(BIN)/python benchmarks/road.py $(BENCH_CLIP) $(BENCH_OPTIONS) -o out/bench

clean:
	rm -rf out build dist *.egg-info
