# Python 3.11 or newer, make and a package index are all it takes.
PYTHON ?= python3
STACK ?= dev
VENV := .venv
RUN := $(VENV)/bin/python
REQUIREMENTS := requirements.txt workers/requirements.txt $(wildcard workers/*/requirements.txt)
INSTALLED := $(VENV)/.installed

# Every task is a process of its own: without compiled modules each would compile its packages anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo up check resources test lint format lock clean

help: ## what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo "  STACK=dev|staging|prod chooses the stack."

install: $(INSTALLED) ## the virtual environment, with everything pinned

demo: $(INSTALLED) ## deploy the stack on this machine and run real jobs through its API
	@$(RUN) -m sandbox demo --stack $(STACK)

up: $(INSTALLED) ## deploy the stack on this machine and keep it up
	@$(RUN) -m sandbox up --stack $(STACK)

check: $(INSTALLED) ## run the program and the policies, nothing else
	@$(RUN) -m sandbox check --stack $(STACK)

resources: $(INSTALLED) ## list every resource that the stack declares
	@$(RUN) -m sandbox resources --stack $(STACK)

test: $(INSTALLED) ## the whole test suite
	@$(RUN) -m pytest -n 2 --dist loadgroup

lint: $(INSTALLED) ## ruff, pyright, import rules
	@failed=; for tool in "ruff check ." "ruff format --check ." "pyright --pythonpath $(RUN)" "lint-imports"; do \
	  PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(VENV)/bin/$$tool || failed=1; done; test -z "$$failed"

format: $(INSTALLED) ## put the code into the common format
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

lock: $(INSTALLED) ## write constraints.txt anew from the requirements
	@sed '/^-c /d' requirements.txt | $(VENV)/bin/uv pip compile --quiet --universal --no-header --no-annotate \
	  --python-version 3.11 -o constraints.txt - $(filter-out requirements.txt,$(REQUIREMENTS))

clean: ## remove what was installed and what the sandbox left
	@rm -rf $(VENV) .sandbox

$(INSTALLED): $(REQUIREMENTS) constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; say make PYTHON=python3.12")'
	@echo "Installing into $(VENV) (about 1 GB) …"
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check uv==$$(sed -n 's/^uv==//p' constraints.txt)
	@$(VENV)/bin/uv pip install --quiet --python $(RUN) $(addprefix -r ,$(REQUIREMENTS)) \
	  || { echo "On this machine all workers share one environment, so these must agree: $(REQUIREMENTS)"; exit 1; }
	@touch $@
