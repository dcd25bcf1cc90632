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

.PHONY: help book test serve execute measure benchmark mutations links clean

help:
	@echo 'make book       build the book into _build/html, every cell run anew'
	@echo 'make test       everything CI runs: lint, tests, notebooks, book, browser'
	@echo 'make serve      show the built book on http://127.0.0.1:$(PORT) (PORT=...)'
	@echo 'make execute    run and store the notebooks again (FILES=chapters/...)'
	@echo 'make measure    load every page of the book; write chapters/page_loads.md'
	@echo 'make benchmark  run the timings in tools/benchmarks'
	@echo 'make mutations  plant known faults in a copy; see that tests find each'
	@echo 'make links      check the links that lead out of the book'
	@echo 'make clean      remove what the verbs made, but no .venv'

# sys.prefix first: a venv of an older or broken Python is made anew.
$(ready): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'The book needs Python 3.11 or newer, and $(PYTHON) is not:'; \
	    $(PYTHON) --version; \
	    echo 'Name another one, for example: make book PYTHON=python3.11'; \
	    exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo '$(PYTHON) lacks venv. On Debian: apt-get install python3-venv'; \
	    exit 1; }
	$(PYTHON) -m venv .venv
	$(py) -m pip install --quiet -r requirements.txt
	@touch $@

# Binder's environment, in which the notebooks and JupyterLab are tested. If
# its Python or PyTorch's index is not at hand, what comes nearest, and loudly.
$(binder): $(ready) .binder/requirements.txt .binder/runtime.txt pyproject.toml
	@echo; echo "== Binder's environment =="
	$$(tr -d - < .binder/runtime.txt) -m venv --clear .venv-binder || { \
	    echo "NOT BINDER'S PYTHON, but $(PYTHON)"; \
	    $(PYTHON) -m venv --clear .venv-binder; }
	.venv-binder/bin/python -m pip install --quiet --no-compile --retries 0 \
	    -r .binder/requirements.txt || { \
	    echo "NOT BINDER'S PYTORCH, but the one that pip finds here"; \
	    sed 's/^--.*//; s/+cpu//' .binder/requirements.txt > $@-other; \
	    .venv-binder/bin/python -m pip install --quiet -r $@-other; }
	.venv-binder/bin/python -m ipykernel install --prefix .venv --name binder
	@touch $@

# Sphinx keeps pages whose sources did not change, though utils/ may have.
book: $(ready)
	rm -rf _build
	.venv/bin/jupyter-book build . -W -n --keep-going || \
	    { $(py) -m tools.report; exit 1; }
	@echo 'The book: $(CURDIR)/_build/html/index.html'
	@echo 'In one file: $(CURDIR)/_build/html/relu-book.zip'

test: $(ready) $(binder)
	@echo; echo '== Lint, and the rules for notebooks =='
	$(py) -m ruff check .
	$(py) -m tools.rules
	$(py) -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/*
	.venv/bin/zizmor --offline --quiet .github/workflows
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

serve: $(ready)
	@test -f _build/html/index.html || { \
	    echo 'There is no book in _build/html yet: run `make book` first.'; \
	    exit 1; }
	$(py) -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

execute: $(ready)
	$(py) -m tools.execute $(FILES)

measure: book $(binder)
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

clean:
	rm -rf _build .pytest_cache .ruff_cache
	find _ext chapters classroom tests tools utils -name __pycache__ -prune -exec rm -rf {} +
