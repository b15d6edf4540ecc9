# What can be made: `make help`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# No build server outlives the command that started it, and no banner hides its answer.
export MSBUILDDISABLENODEREUSE := 1
export DOTNET_CLI_USE_MSBUILD_SERVER := 0
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

MODULES := registry_auth mirror_repo image_archive icsp_render
EXECUTABLES := $(addprefix modules/,$(MODULES))

# Folders are listed too: theirs is the time that changes when a file goes.
BUILD_FILES := $(wildcard Directory.*.props global.json .editorconfig) Passthrough.Modules.sln
PRODUCT := $(BUILD_FILES) $(shell find src -type d -o -type f)
SOURCES := $(PRODUCT) $(shell find tests -type d -o -name '*.cs' -o -name '*.csproj' -o -name '*.props' -o -name '*.json')

.PHONY: help bootstrap modules build test test-long demo bench collection dist lint format clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

bootstrap: ## install what is missing on this machine, or name it
	@scripts/bootstrap

modules: $(EXECUTABLES) ## the four native modules, in modules/

build: artifacts/.built ## everything that is compiled, without the native step

test: build modules artifacts/.net9 dist ## lint and every test; FILTER=... runs some (dotnet test --filter)
	@scripts/test

test-long: ## the tests that take longer: newer Ansible cores, an old glibc, large counts
	@FILTER=Category=Long $(MAKE) test

demo: build modules ## the whole way of an image, on real registries on this machine
	@dotnet run --no-build --project tests/demo/Passthrough.Demo

bench: build modules ## image_archive beside skopeo and beside the least that the work costs; MIB=450 ROUNDS=5 IMAGES=12 say how large
	@BENCH_MIB=$(MIB) BENCH_ROUNDS=$(ROUNDS) BENCH_IMAGES=$(IMAGES) dotnet run --no-build --project tests/bench/Passthrough.Bench

collection: modules ## the Galaxy artifact disconnected.passthrough, in artifacts/collection
	@scripts/make-collection

dist: collection ## one tarball for hosts without an SDK, in artifacts/dist
	@scripts/make-dist

lint: modules ## scripts, YAML, playbooks, C# layout
	@scripts/lint

format: ## rewrite the C# layout as .editorconfig says
	@dotnet format whitespace --folder . --exclude artifacts

clean: ## remove what was built; what was downloaded stays (rm -r artifacts removes that too)
	@rm -rf $(EXECUTABLES) artifacts/net* artifacts/native artifacts/collection artifacts/dist artifacts/test-results artifacts/tmp artifacts/lint artifacts/feed.props artifacts/.built artifacts/.net9 artifacts/*.log

artifacts/feed.props: | bootstrap
	@scripts/probe-feed

artifacts/.built: $(SOURCES) | bootstrap artifacts/feed.props
	@echo "building"
	@dotnet build Passthrough.Modules.sln -v quiet --nologo >artifacts/build.log || { cat artifacts/build.log; exit 1; }
	@touch $@

# A feed without .NET 10's NativeAOT pack builds the modules for net9.0: the product must always compile for it.
artifacts/.net9: $(PRODUCT) | bootstrap
	@dotnet build src/Passthrough.Modules -p:PackTargetFramework=net9.0 -p:RunAnalyzers=false -v quiet --nologo >artifacts/net9.log || { cat artifacts/net9.log; exit 1; }
	@touch $@

$(EXECUTABLES) &: $(PRODUCT) scripts/build-modules | bootstrap artifacts/feed.props
	@echo "building the native modules"
	@scripts/build-modules $(MODULES)
