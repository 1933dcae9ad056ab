# make lab    open the book in JupyterLab      make lab ARGS="--no-browser --port 9999"
# make test   run every test                   make test ARGS="-k floors"
# make quick  run the tests that take no time: no notebook, browser or grader (tests/turns.py)
# make test-labs  send every answer to the labs through the real grader
# make book   rebuild the notebooks whose text or code changed
# make lock   resolve requirements.lock anew in a scratch environment

VENV   := .venv
PYTHON := $(VENV)/bin/python
STAMP  := $(VENV)/installed
CACHE  := $(CURDIR)/$(VENV)/cache
NEWEST  = $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11 python,\
            $(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))

# One worker a core; a file, and so a notebook, stays on one. `-n 0` in ARGS: all in one process.
PYTEST  = rm -rf "$(CACHE)"; PLASTLAB_STILLS=1 PLASTLAB_CACHE="$(CACHE)" $(PYTHON) -m pytest \
            -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: lab test quick test-labs book lock
lab: $(STAMP)
	@$(PYTHON) -m plastlab lab $(ARGS)

test: $(STAMP)
	$(PYTEST) $(ARGS)

quick: $(STAMP)
	$(PYTEST) tests -m "not slow" $(ARGS)

test-labs: $(STAMP)
	$(PYTEST) tests/labs --all-answers $(ARGS)

book: $(STAMP)
	$(PYTHON) -m plastlab book $(ARGS)

# The environment is made once, and again only when the lock, pyproject.toml or the folder's place changes.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif
$(STAMP): requirements.lock pyproject.toml $(wildcard plastlab/labconfig/*.json)
	@test -n "$(NEWEST)" || { echo "plastlab needs Python 3.11 or later; none was found. Install it, then run make again."; exit 1; }
	@test -x $(PYTHON) || $(NEWEST) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Python could not make $(VENV). On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@echo "$(CURDIR)" > $(STAMP)

lock:
	scratch=$$(mktemp -d) && $(NEWEST) -m venv $$scratch && \
	$$scratch/bin/python -m pip install --quiet hatchling editables -e ".[test,teach]" && \
	{ echo "# Written by make lock; the versions with which every test passes."; \
	  $$scratch/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > requirements.lock && rm -rf $$scratch
