# `make demo` and `make test` need Python 3.11 or later with venv, and make. Nothing else.

PY := .venv/bin/python
EMBEDDED := $(PY) -m project.embedded
PYTEST_ARGS ?=
BENCH_ARGS ?=
CHAOS_ARGS ?=
FUZZ_ARGS ?=
COMPILE := .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11
# Each process of the product imports two thousand modules. What Python made of them is kept, also where the
# environment forbids that: else each start takes seconds more.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/.data/pycache
.DEFAULT_GOAL := help
.PHONY: help venv demo demo-reset test check lint format lock bench chaos fuzz messages openapi frontend pictures

help:
	@echo 'make demo        everything, with demo data, under one supervisor; Ctrl-C stops it'
	@echo 'make venv        the locked environment; the others make it too'
	@echo 'make demo-reset  drop the demo data'
	@echo 'make test        the whole suite (PYTEST_ARGS="-k sweep")'
	@echo 'make check       lint, types, layers, migrations, deployment, OpenAPI, translations'
	@echo 'make lint        ruff only;  make format: let ruff mend it'
	@echo 'make lock        lock requirements/*.in with hashes'
	@echo 'make bench       measure (BENCH_ARGS=...)'
	@echo 'make chaos       break it for the better part of an hour, and account for every message (CHAOS_ARGS=...)'
	@echo 'make fuzz        20,000 requests made from the schema against the running server (FUZZ_ARGS=...)'
	@echo 'make messages    collect and compile the texts to translate'
	@echo 'make openapi     write docs/openapi.yaml'
	@echo 'make frontend    build the war room from frontend/src: what is committed in frontend/dist'
	@echo 'make pictures    take the pictures of docs/images from the demo that runs'

# uv installs the locked set ten times faster than pip; where it cannot reach the packages, pip does it.
.venv/.stamp: requirements/dev.txt requirements/uv.txt
	@python=; for each in python3.11 python3.12 python3.13 python3; do \
	  if $$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    found=$$each; \
	    if $$each -c 'import ensurepip, venv' 2>/dev/null; then python=$$each; break; fi; \
	  fi; \
	done; \
	if [ -z "$$python" ] && [ -z "$$found" ]; then \
	  echo 'Python 3.11 or later is needed.' >&2; exit 1; \
	elif [ -z "$$python" ]; then \
	  echo "$$found has no venv with pip. On Debian: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	if ! [ -x $(PY) ]; then $$python -m venv .venv; fi
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@.venv/bin/uv pip install --quiet --system-certs --python $(PY) --require-hashes -r requirements/dev.txt \
	  || $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

venv: .venv/.stamp

demo: .venv/.stamp
	@$(PY) manage.py demo

demo-reset: .venv/.stamp
	@$(EMBEDDED) --drop

# Chaos and browsers mostly wait: with a third worker two cores have enough to do.
test: .venv/.stamp
	@$(EMBEDDED) --root .data/test --volatile -- $(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: .venv/.stamp frontend/node_modules/.stamp
	@$(EMBEDDED) --root .data/test/check --volatile -- bash .ci/check

lint: .venv/.stamp
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

format: .venv/.stamp
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

lock: .venv/.stamp
	@$(COMPILE) requirements/uv.in -o requirements/uv.txt
	@$(COMPILE) requirements/dev.in -o requirements/dev.txt
	@$(COMPILE) requirements/node.in -o requirements/node.txt
	@$(COMPILE) -c requirements/dev.txt requirements/base.in -o requirements/base.txt

bench: .venv/.stamp
	@$(EMBEDDED) --root .data/bench -- $(PY) -m bench $(BENCH_ARGS)

chaos: .venv/.stamp
	@$(PY) -m tests.chaos $(CHAOS_ARGS)

fuzz: .venv/.stamp
	@$(EMBEDDED) --root .data/test/fuzz --volatile -- $(PY) -m tests.api $(FUZZ_ARGS)

messages: .venv/.stamp
	@$(PY) manage.py library_texts
	@$(PY) manage.py makemessages --locale tr --extension html,txt,py,mjml --no-location --no-obsolete
	@$(PY) manage.py compilemessages --locale tr --ignore .venv

openapi: .venv/.stamp
	@$(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

# Node comes from a wheel, pinned; nobody needs it to run the product.
.venv/.node: requirements/node.txt | .venv/.stamp
	@.venv/bin/uv pip install --quiet --system-certs --python $(PY) --require-hashes -r requirements/node.txt
	@touch $@

frontend/node_modules/.stamp: frontend/package-lock.json .venv/.node
	@cd frontend && PATH="$(CURDIR)/.venv/bin:$$PATH" npm ci --silent --no-audit --no-fund
	@touch $@

frontend: frontend/node_modules/.stamp
	@cd frontend && PATH="$(CURDIR)/.venv/bin:$$PATH" && npm run types && npm run build && npm run size

pictures: .venv/.stamp
	@$(PY) docs/pictures.py
