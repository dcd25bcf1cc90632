# Set-up once, then one plain command a line; the README lists the same
# commands for people without make.

PYTHON ?= python3
PORT ?= 8000
FILES ?=

py := .venv/bin/python
ready := .venv/installed
binder := .venv-binder/installed

# Both change what a notebook shows: no figures, or somebody else's `utils`.
unexport MPLBACKEND
unexport PYTHONPATH

# Several notebooks run side by side. Threads that wait for each other in each
# of them cost more than they bring; the text does not depend on it.
OMP_NUM_THREADS ?= 1
export OMP_NUM_THREADS

# pytest-xdist's "auto" counts two threads of a core as one, and GitHub's
# machines have four on two.
workers := -n logical --maxprocesses 4

.PHONY: help book pdf epub test weekly serve execute record measure \
    benchmark mutations links lock clean browser

help:
	@echo 'make book       build the book into _build/html, every cell run anew'
	@echo 'make pdf        the built book as one PDF, and a link to it'
	@echo 'make epub       the built book for e-readers, and a link to it'
	@echo 'make test       everything CI runs: lint, tests, notebooks, book, browser'
	@echo 'make weekly     what is slow and rarely fails, on what make test leaves'
	@echo 'make serve      show the built book on http://127.0.0.1:$(PORT) (PORT=...)'
	@echo 'make execute    run and store the notebooks again (FILES=chapters/...)'
	@echo 'make record     run the long experiments whose code changed; store them'
	@echo 'make measure    load every page of the book; write chapters/page_loads.md'
	@echo 'make benchmark  run the timings in tools/benchmarks'
	@echo 'make mutations  plant known faults in a copy; see that tests find each'
	@echo 'make links      check the links that lead out of the book'
	@echo 'make lock       write the locks anew, after a change in requirements.txt'
	@echo 'make clean      remove what the verbs made, but no .venv'

# $(call environment,PYTHON,FOLDER,LOCK): all that the lock names, compared by
# hash, by uv, which takes seconds, and by pip, which has the last word; then
# PyTorch without CUDA, from its own index, and utils in place. Where
# books are published, nothing else will do. Last the packages with trained
# networks; one of them has to be built, and is old: see CONTRIBUTING.md.
# Debian's Python may come without ensurepip; then its pip brings pip.
define environment
@$(1) -m venv --clear $(2) >/dev/null || { \
    $(1) -m venv --clear --without-pip $(2) && \
    $(1) -m pip --python $(2)/bin/python install --quiet pip; } || { \
    echo '$(1) lacks venv or pip. On Debian: apt-get install python3-venv'; \
    exit 1; }
@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock | \
    $(py) -m pip install --quiet --require-hashes -r /dev/stdin && \
    .venv/bin/uv pip install --quiet --no-config --require-hashes \
    --python $(2)/bin/python -r $(3) || echo 'uv cannot; pip will'
$(2)/bin/python -m pip install --quiet -r $(3)
@$(2)/bin/python -m pip install --quiet --retries 0 $(from_pytorch) $(torch) || { \
    echo "NOT PYTORCH'S BUILD WITHOUT CUDA, but the one that pip finds here"; \
    test -z "$$GITHUB_ACTIONS" && \
    $(2)/bin/python -m pip install --quiet $(torch); }
PYTHONPATH="$$PWD/tools/old_setup" $(2)/bin/python -m pip install --quiet $(wild)
endef
torch := --no-build-isolation -c requirements.txt -e . torch
from_pytorch := --no-deps --index-url https://download.pytorch.org/whl/cpu
wild := --no-deps --no-build-isolation --use-pep517 -r requirements-wild.txt

$(ready): requirements.lock requirements.txt requirements-wild.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'The book needs Python 3.11 or newer, and $(PYTHON) is not:'; \
	    $(PYTHON) --version; \
	    echo 'Name another one, for example: make book PYTHON=python3.11'; \
	    exit 1; }
	$(call environment,$(PYTHON),.venv,requirements.lock)
	@touch $@

# Binder's environment, in which the notebooks and JupyterLab are tested. If
# its Python is not at hand, what comes nearest, and loudly.
binder_python = $(shell python=$$(tr -d - < .binder/runtime.txt); \
    $$python -c '' 2>/dev/null && echo $$python || { \
    echo "NOT BINDER'S PYTHON, but $(PYTHON)" >&2; echo $(PYTHON); })
$(binder): $(ready) .binder/requirements.txt .binder/runtime.txt
	@echo; echo "== Binder's environment =="
	$(call environment,$(binder_python),.venv-binder,.binder/requirements.txt)
	.venv-binder/bin/python -m ipykernel install --prefix .venv --name binder
	@touch $@

# Where none starts: Playwright's own, else the system's package.
browser: $(ready)
	@$(py) -m tools.browser

# Sphinx keeps pages whose sources did not change, though utils/ may have.
book: $(ready)
	rm -rf _build
	.venv/bin/jupyter-book build . -W -n --keep-going || \
	    { $(py) -m tools.report; exit 1; }
	@echo 'The book: $(CURDIR)/_build/html/index.html'
	@echo 'In one file: $(CURDIR)/_build/html/relu-book.zip'

pdf: browser
	$(py) -m tools.bound pdf

epub: $(ready)
	$(py) -m tools.bound epub

test: $(ready) $(binder) browser
	@echo; echo '== Lint, and the rules for notebooks =='
	$(py) -m ruff check .
	$(py) -m ruff format --check .
	.venv/bin/lint-imports
	$(py) -m tools.rules
	$(py) -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/*
	$(py) -m check_jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(py) -m check_jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	.venv/bin/zizmor --offline --quiet .github
	@echo; echo '== Unit tests and doctests =='
	$(py) -m pytest tests/code utils classroom tools _ext \
	    --doctest-modules $(workers) --dist loadgroup
	@echo; echo "== The book, run in Binder's kernel =="
	BOOK_KERNEL=binder $(MAKE) --no-print-directory book
	@echo; echo "== Stored outputs against the book's run =="
	$(py) -m pytest chapters --ignore=chapters/exercises --nbval \
	    --nbval-kernel-name binder --recorded _build/recorded
	@echo; echo '== The built book and JupyterLab, in a browser =='
	$(py) -m pytest tests/book tests/lab $(workers) --dist loadgroup

# On the built book and in the environments that `make test` leaves.
weekly: $(ready) $(binder) browser
	$(py) -m pytest tests -m weekly $(workers) --dist loadgroup

serve: $(ready)
	@test -f _build/html/index.html || { \
	    echo 'There is no book in _build/html yet: run `make book` first.'; \
	    exit 1; }
	$(py) -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

execute: $(ready)
	$(py) -m tools.execute $(FILES)

record: $(ready)
	$(py) -m tools.record

measure: book $(binder) browser
	$(py) -m tools.page_loads

# With the threads that PyTorch takes by itself.
benchmark: $(ready)
	@for file in tools/benchmarks/[a-z]*.py; do \
	    echo "== $$file =="; env -u OMP_NUM_THREADS \
	        $(py) -m tools.benchmarks.$$(basename $$file .py) || exit 1; done

# On the built book and in the environments that `make test` leaves.
mutations: $(ready) $(binder)
	$(py) -m tools.mutations

# Not a part of `make test`: other people's pages come and go.
links: $(ready)
	.venv/bin/jupyter-book build . --builder custom --custom-builder linkcheck

# Binder's lock holds the run block alone, at the versions of the other one.
lock: .venv/bin/uv
	.venv/bin/uv pip compile --quiet --upgrade requirements.txt -o requirements.lock
	sed '/^# --- build/,$$d' requirements.txt | .venv/bin/uv pip compile \
	    --quiet --upgrade -c requirements.lock - -o .binder/requirements.txt

# Whatever the age of the locks, which may not fit their source just now.
.venv/bin/uv:
	$(MAKE) --no-print-directory $(ready)

clean:
	rm -rf _build .pytest_cache .ruff_cache
	find _ext chapters classroom tests tools utils -name __pycache__ -prune -exec rm -rf {} +
