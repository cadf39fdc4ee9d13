# Everything that is needed comes from the registries that npm is set to. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Node 24 is the floor. Where the node on PATH is older, or there is none, npm brings one: a package with the binary in it and no install script.
NODE_MAJOR := $(shell node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/')
NODE_OS := $(shell uname -s | tr '[:upper:]' '[:lower:]')
NODE_ARCH := $(shell uname -m | sed -e 's/x86_64/x64/' -e 's/aarch64/arm64/')
NODE_PACKAGE := node-$(NODE_OS)-$(NODE_ARCH)
ifeq ($(shell [ "$(NODE_MAJOR)" -ge 24 ] 2>/dev/null && echo yes),yes)
NODE_STAMP :=
else
NODE_STAMP := .toolchain/node_modules/$(NODE_PACKAGE)/bin/node
export PATH := $(CURDIR)/.toolchain/node_modules/$(NODE_PACKAGE)/bin:$(PATH)
endif
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help setup check-fast test test-unit format demo clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS=$$'\t' read -r target text; do printf '  make %-12s %s\n' "$$target" "$$text"; done

.toolchain/node_modules/$(NODE_PACKAGE)/bin/node:
	npm install --prefix .toolchain --no-audit --no-fund --loglevel=error $(NODE_PACKAGE)@24

# Not `npm ci`: it refuses a lock file that lacks the binaries of platforms which a registry does not carry. Versions are the lock file's all the same.
node_modules/.stamp: package-lock.json | $(NODE_STAMP)
	npm install --no-save --no-audit --no-fund --loglevel=error --ignore-scripts
	touch $@

setup: node_modules/.stamp ## install Node 24 if needed, and the dependencies

check-fast: setup ## format, lint, types, import rules, generated pages: seconds
	node tools/check-fast.ts

test: setup ## every check and every test, on real servers; the last line counts them
	node tools/run-tests.ts

test-unit: setup ## the tests that need no server
	vitest run --project unit

format: setup ## write the house format into the files
	oxfmt

demo: setup ## move a shop from PostgreSQL 14 to 18 under load, back, and again (ROWS=1000000)
	node demo/main.ts

clean: ## remove what setup, tests and the demo have made; nothing of yours
	rm -rf node_modules .toolchain .cache coverage
