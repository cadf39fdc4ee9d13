# Everything that is needed comes from the registries that npm is set to. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Node 24.2 is the floor. Where the node on PATH is older npm brings one: a package with the binary in it and no install script.
NODE_IS_NEW := $(shell node --version 2>/dev/null | sed -E 's/^v([0-9]+)\.([0-9]+).*/\1 \2/' | awk '$$1 > 24 || ($$1 == 24 && $$2 >= 2) { print "yes" }')
NODE_OS := $(shell uname -s | tr '[:upper:]' '[:lower:]')
NODE_ARCH := $(shell uname -m | sed -e 's/x86_64/x64/' -e 's/aarch64/arm64/')
NODE_PACKAGE := node-$(NODE_OS)-$(NODE_ARCH)
ifeq ($(NODE_IS_NEW),yes)
NODE_STAMP :=
else
NODE_STAMP := .toolchain/node_modules/$(NODE_PACKAGE)/bin/node
export PATH := $(CURDIR)/.toolchain/node_modules/$(NODE_PACKAGE)/bin:$(PATH)
endif
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

NPM_INSTALL := npm install --no-audit --no-fund --loglevel=error

TABLES ?= 2000
MINUTES ?= 5
EVERY ?= 60
PAIRS ?= 14-15 15-16 16-17 17-18 14-17 18-18

.PHONY: help setup check check-fast test test-unit test-pg test-mysql test-kafka test-e2e fuzz contract mutants endure matrix many-tables bench generate format console build demo demo-canary demo-mysql demo-kafka demo-connect clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.toolchain/node_modules/$(NODE_PACKAGE)/bin/node:
	mkdir -p .toolchain
	$(NPM_INSTALL) --prefix .toolchain $(NODE_PACKAGE)@24

# Not `npm ci`: it refuses a lock file that lacks the binaries of platforms which a registry does not carry. Versions are the lock file's all the same.
%.stamp: | $(NODE_STAMP)
	cd $(dir $(@D)) && $(NPM_INSTALL) --no-save --ignore-scripts
	touch $@

node_modules/.stamp: package-lock.json
# dependency-cruiser reads TypeScript through the compiler's API, which TypeScript 7 has not yet: it stands in a folder with a TypeScript 6 of its own.
tools/rooms/node_modules/.stamp: tools/rooms/package-lock.json
# What builds the web console is no dependency of what is published.
console/node_modules/.stamp: console/package-lock.json

setup: node_modules/.stamp tools/rooms/node_modules/.stamp console/node_modules/.stamp ## install Node 24 if needed, and the dependencies

check-fast: setup ## format, lint, types, import rules, generated pages: seconds
	node tools/check-fast.ts

test: setup console ## every check and every test, on real servers; the last line counts them
	node tools/run-tests.ts

test-unit: setup ## the tests that need no server
	vitest run --project unit

test-pg: setup ## the tests that need PostgreSQL (TEAL_BLUE=14 TEAL_GREEN=18)
	vitest run --project pg

test-mysql: setup ## the tests that need MariaDB or MySQL (TEAL_MYSQL=mariadb-10.11,mariadb-11.4,mysql-8.0)
	TEAL_LONG=1 vitest run --project mysql

test-kafka: setup ## the tests that need Kafka, which needs Maven and Java 17 (TEAL_KAFKA= skips them)
	TEAL_LONG=1 vitest run --project kafka

test-e2e: setup console ## whole migrations
	TEAL_LONG=1 vitest run --project e2e

fuzz: setup ## throw malformed input at every parser (MINUTES=5)
	node test/fuzz/main.ts $(MINUTES)

contract: setup ## ask the API of a migration that runs whatever its document allows and what it does not (MINUTES=5)
	TEAL_CONTRACT_SECONDS=$$(( 60 * $(MINUTES) )) vitest run --project e2e test/contract/contract.e2e.test.ts

check: setup ## clients' histories of whole migrations, judged (SEEDS=10 FROM=1 SYSTEMS='mysql-8.0>postgres-18')
	node test/checker/run/main.ts

endure: MINUTES = 60
endure: setup ## an hour of load with a switch every minute: nothing may grow (MINUTES=60 EVERY=60)
	MINUTES=$(MINUTES) EVERY=$(EVERY) node test/checker/endure/main.ts

mutants: setup ## bugs put into the product on purpose, each of which the checker must find (MUTANTS=name,name)
	node test/checker/mutants/main.ts

matrix: setup ## a whole migration for each pair of majors (PAIRS="14-15 18-18")
	TEAL_PAIRS="$(PAIRS)" vitest run --project e2e test/migration/majors.e2e.test.ts

many-tables: setup ## a whole migration of thousands of tables, with the time of each step (TABLES=2000)
	TEAL_TABLES="$(TABLES)" vitest run --project e2e test/migration/many-tables.e2e.test.ts

bench: setup ## measure Teal beside its peers; minutes (ONLY=copy,mysql-apply ROUNDS=3 SCALE=1)
	node bench/main.ts

generate: setup ## write the pages that are made from code
	node tools/errors-page.ts
	node tools/cli-page.ts
	node tools/mysql-types-page.ts
	node tools/spec-schema.ts
	node tools/metrics-page.ts
	node tools/openapi-document.ts

format: setup ## write the house format into the files
	oxfmt

console: setup console/dist/index.html ## build the web console that `teal serve` serves

console/dist/index.html: console/node_modules/.stamp console/index.html console/vite.config.ts $(shell find console/src -type f)
	node tools/build-console.ts

build: setup ## write what is published into dist/ (npm pack ./dist)
	node tools/build.ts

demo: setup console ## move a shop from PostgreSQL 14 to 18 under load, back, and again (ROWS=1000000)
	node demo/main.ts

demo-canary: setup console ## reads moved to green step by step, an index missing there caught, a slow green left by itself (ROWS=400000)
	node demo/canary-main.ts

demo-mysql: setup console ## the same from MySQL 8.0 to PostgreSQL 18, with clients that follow the cut (ROWS=200000)
	node demo/mysql-main.ts

demo-kafka: setup ## move a cluster of Kafka under producers and consumers, back, and again (PAUSE_MS=2)
	node demo/kafka-main.ts

demo-connect: setup console ## the shop of `make demo`, carried by Kafka Connect with Debezium until the first cut (ROWS=20000)
	node demo/connect-main.ts

clean: ## remove what setup, tests and the demo have made; nothing of yours
	rm -rf node_modules tools/rooms/node_modules console/node_modules console/dist .toolchain .cache coverage dist
