# Two commands for everyone: `make demo` and `make test`. Both make their own virtual environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNS ?= runs
TORCH_FLAGS ?=
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: help demo test check bench docs lock clean

help:
	@echo "make demo       install, run the demo recipe, print the table and where the report is (about 20 minutes)"
	@echo "make test       install, run the tests (about 7 minutes; pytest -m slow has the rest)"
	@echo "make check      lint, types, tests"
	@echo "make bench      install TRL beside it, measure the training step against it (hours; goes on where it stopped)"
	@echo "make docs       write the reference pages, build the site (first: pip install 'thriftune[docs]' into $(VENV))"
	@echo "make lock       resolve requirements/lock.txt anew"

# torch comes first and alone: the lock has no hash for it, so that a CPU build or a CUDA build may be there already
$(VENV)/.installed: pyproject.toml requirements/lock.txt requirements/demo.txt requirements/torch.txt
	@echo "==> installing into $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.11 …"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "==> 1/4 torch"
	@$(BIN)/python -m pip install --quiet $(TORCH_FLAGS) -r requirements/torch.txt
	@echo "==> 2/4 libraries"
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/lock.txt
	@echo "==> 3/4 demo: documents, and a student of 135 million parameters"
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/demo.txt
	@echo "==> 4/4 thriftune"
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/thriftune run recipes/films-demo.yaml --out $(RUNS)/films-demo

test: $(VENV)/.installed
	$(PYTEST)

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST)

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/step.py $(BENCH)

$(VENV)/.bench: $(VENV)/.installed requirements/bench.txt
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/bench.txt
	@touch $@

docs: $(VENV)/.installed
	$(BIN)/python -m thriftune.testing.reference docs/reference
	$(BIN)/zensical build --strict -f mkdocs.yml

lock: $(VENV)/.installed
	$(BIN)/uv pip compile pyproject.toml --extra qlora --extra elasticsearch --extra tables --extra dev -c requirements/torch.txt $(UV_FLAGS) \
		--python-version 3.11 --generate-hashes --no-emit-package torch --no-header -o requirements/lock.txt
	$(BIN)/uv pip compile pyproject.toml --extra bench -c requirements/torch.txt -c requirements/lock.txt $(UV_FLAGS) \
		--python-version 3.11 --generate-hashes --no-emit-package torch --no-header -o requirements/bench.txt

clean:
	rm -rf $(VENV) $(RUNS)
