# make check is the one command before a commit; .ci/run runs it on a bare machine.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build

TOOL     := go tool -modfile=tools/go.mod
FUZZTIME ?= 10m
SYSTEMS  := darwin/amd64 darwin/arm64 freebsd/amd64 freebsd/arm64 windows/amd64 windows/arm64

# gotest runs go test. With CI set, where everything the tests need is
# installed, a skipped test is named and fails the run.
ifdef CI
gotest = go test -json $(1) | go run ./internal/skips
else
gotest = go test $(1)
endif

.PHONY: build
build: ## bin/sock: one static file, without debugging tables
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/sock ./cmd/sock

.PHONY: test
test: ## all tests, as in README.md
	$(call gotest,./...)

.PHONY: race
race: ## all tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(call gotest,-race ./...)

.PHONY: check
check: format tidy vet staticcheck cross race ## everything that must be clean before a commit

.PHONY: format
format: ## is every file as gofumpt writes it?
	@files=$$($(TOOL) gofumpt -l .); [ -z "$$files" ] || { printf 'not gofumpt-clean (make fix mends it):\n%s\n' "$$files"; exit 1; }

.PHONY: fix
fix: ## writes every file as gofumpt does
	for pass in 1 2 3; do $(TOOL) gofumpt -w .; done # what one pass has parted, the next one aligns

.PHONY: tidy
tidy: ## do go.mod and go.sum say what is used?
	go mod tidy -diff
	cd tools && go mod tidy -diff

.PHONY: vet
vet:
	go vet ./...

.PHONY: staticcheck
staticcheck:
	$(TOOL) staticcheck ./...

.PHONY: cross
cross: ## does everything build for the other systems?
	@for system in $(SYSTEMS); do \
		echo "build $$system"; \
		CGO_ENABLED=0 GOOS=$${system%/*} GOARCH=$${system#*/} go build ./...; \
	done

.PHONY: fuzz
fuzz: ## every fuzz test for FUZZTIME each: make fuzz FUZZTIME=30s
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "fuzz $$package $$target $(FUZZTIME)"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

.PHONY: bench
bench: ## speed as ratios, written to docs/benchmarks.md: make bench QUICK=1 prints a short run
	go run ./bench $(if $(QUICK),-quick,-out docs/benchmarks.md)

.PHONY: man
man: ## rewrites docs/man from the command's own tables
	go run ./internal/man docs/man

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' Makefile
