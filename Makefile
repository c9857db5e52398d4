# What a developer runs. Every target does the same as the command beneath it; nothing here is needed to use LLM Hub.
.DEFAULT_GOAL := help
.PHONY: help check test contract browser all constraints wheel
PYTEST = uv run pytest

help:  ## Lists these targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

check:  ## Style, types and the rules of imports
	uv run ruff check .
	uv run ruff format --check .
	uv run mypy
	uv run lint-imports

test:  ## The inner tier: everything but the contract, whole servers, browsers and other heavy tests
	$(PYTEST) -n auto -m "not heavy and not server and not contract"

contract:  ## What every provider and every dialect of the API has to do, on real bytes
	$(PYTEST) -m contract

browser:  ## The page in Chromium
	$(PYTEST) -m browser

all:  ## What CI runs: every check and every test, also with the packages of a Space
	.ci/run

constraints:  ## Writes constraints.txt after a change of dependencies or of exclude-newer
	{ sed -n '/^#/p' constraints.txt; \
	  uv export --quiet --all-groups --no-hashes --no-annotate --no-header --no-emit-project; } > constraints.new
	mv constraints.new constraints.txt
	uv sync

wheel:  ## The package, in dist/
	uv build --wheel
