# Every target has a help line; `make` alone prints them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

GO      ?= go
# Flags for the hypotheses, such as ARGS="-seed 7 -world ample_ram" (see README, Use).
ARGS    ?=
RESULTS ?= $(CURDIR)/results
HYPOTHESES := $(sort $(shell grep -ho '^func TestH[0-9][0-9A-Z]*' hypotheses/*_test.go | cut -c10-))
# A whole run must not be cut off by go test's own limit of ten minutes.
RUN     := cd hypotheses && $(GO) test -timeout 60m
# The race detector is C; a machine without a compiler is told what was left out.
RACE_TEST = if command -v "$$($(GO) env CC)" >/dev/null; then $(GO) test -race -timeout 15m $(RACE); \
	else echo "LEFT OUT: the race detector needs a C compiler, and there is no $$($(GO) env CC) here (apt install gcc libc6-dev)"; fi
RACE    := ./harness/memnet ./harness/load ./harness/telemetry ./harness/sim ./harness/record ./harness/restore ./harness/rig/... ./harness/runner ./harness/treatment

.PHONY: help
help: ## print this help
	@awk -F ':.*## ' '/^[a-zA-Z0-9_-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  make H...         one hypothesis: $(HYPOTHESES)"
	@echo
	@echo "  ARGS passes flags to the hypotheses, for example: make H2B ARGS='-seed 7 -plan-only'"

.PHONY: run
run: ## run all hypotheses on the simulated machine, full length; results/ holds the reports
	$(RUN) -run '^TestH' -results $(RESULTS) $(ARGS)

.PHONY: $(HYPOTHESES)
$(HYPOTHESES):
	$(RUN) -run '^Test$@$$' -results $(RESULTS) $(ARGS)

.PHONY: controls
controls: ## run each hypothesis in the worlds that lack its mechanism; none may come out Supported
	$(RUN) -run '^TestControls$$' -results $(RESULTS) $(ARGS)

# ARGS="-update" publishes what was counted in fixtures/rates.
SEEDS      ?= 501-540
NEAR_SEEDS ?= 501-700
.PHONY: error-rates
error-rates: ## how often each verdict comes out: in default and control worlds over SEEDS, near thresholds over NEAR_SEEDS; hours, continues where it was stopped
	$(RUN:60m=0) -run '^TestErrorRates$$' -seeds $(SEEDS) -results $(RESULTS) $(ARGS)
	$(RUN:60m=0) -run '^TestNearThreshold$$' -seeds $(NEAR_SEEDS) -results $(RESULTS) $(ARGS)

# Two of the tests wait for a real drive most of their time, in slots of their own.
SLOTS := $(shell echo $$(($$(nproc 2>/dev/null || echo 2) + 1)))
.PHONY: test
test: ## all tests: units, race detector where goroutines meet, every hypothesis and its controls, replay
	@$(call timed,vet,$(GO) vet ./... && $(GO) vet -tags spark ./...)
	@$(call timed,faults have their places,$(GO) run ./harness/cmd/mutants -check)
	@$(call timed,race detector,$(RACE_TEST))
	@$(call timed,units,$(GO) test -timeout 15m ./harness/...)
	@$(call timed,hypotheses and controls,cd hypotheses && $(GO) test -timeout 30m -parallel $(SLOTS) -results $(RESULTS) $(ARGS))

# Python packages of exact versions go to the user's cache folder; what cannot be installed is left out, loudly.
.PHONY: servers
servers: ## measure real servers on this machine, llama.cpp and the Dynamo frontend, with -rig server; installs them, and a client, by hash
	$(GO) test -count=1 -timeout 20m -tags servers -run '^(TestOpenAI|TestLlamaCPP.*|TestDynamo.*)$$' -v ./harness/rig/serverrig

.PHONY: peers-check
peers-check: ## other people's clients against the simulated servers, and beside ours on llama.cpp; some twenty minutes; installs them by hash
	$(GO) test -count=1 -timeout 60m -tags peers -run '^(TestOpenAI|TestAIPerf|TestGuideLLM|TestLlamaBenchy|TestSideBySide)$$' -v ./harness/rig/serverrig

# Without H those that the profile quick has, which takes some ten minutes where the drive is not slower than it is modelled. PROFILE= takes the whole plan, which is hours.
# With two folders, DIR=A,B, it is DRIVES, which compares them; AA=1 says that they lie on one drive and must be found alike.
comma   := ,
empty   :=
FOLDERS  = $(subst $(empty) $(empty),$(comma),$(foreach dir,$(subst $(comma), ,$(DIR)),$(abspath $(dir))))
H       ?= $(if $(findstring $(comma),$(DIR)),DRIVES,H2B H4B)
PROFILE ?= quick
.PHONY: disk
disk: ## what would this drive do to the tail? DIR=/path on it: compute is simulated in real time, tier 2, fio and probe are real (H="H2B H4B"); which of two drives is better? DIR=/path,/path
	@test -n "$(strip $(DIR))" || (echo 'name a folder on the drive: make disk DIR=/mnt/nvme/try'; exit 1)
	@test $(words $(DIR)) -eq 1 || (echo 'DIR holds a space, which make takes apart: name a folder without one, or use go test -rig disk -dir'; exit 1)
	$(RUN:60m=0) -run '$(subst $() ,|,$(foreach h,$(H),^Test$(h)$$))' -rig disk -dir '$(FOLDERS)' $(if $(AA),-same-drive) $(if $(PROFILE),-profile $(PROFILE)) -results $(RESULTS) $(ARGS)

# What reads machines and servers is tested as the ARM machine in question runs it, under qemu-user, which is some fifteen times
# slower: in the short form. SPARKHARNESS_EMULATED tells tests what they run under, for the few calls that it does not translate.
ARM_TESTS := ./harness/load ./harness/telemetry ./harness/record ./harness/fio ./harness/drive
ARM       := GOOS=linux GOARCH=arm64 CGO_ENABLED=0
.PHONY: arm64
arm64: ## build and vet all for linux/arm64, and run what reads machines and servers as such, under qemu-user
	@$(call timed,build for arm64,$(ARM) $(GO) build ./... && $(ARM) $(GO) build -tags spark ./... && $(ARM) $(GO) vet ./... && $(ARM) $(GO) vet -tags spark ./...)
	@$(call timed,tests on arm64,$(ARM_RUN))
ARM_RUN = if [ "$$($(GO) env GOHOSTARCH)" = arm64 ]; then $(ARM) $(GO) test -short -timeout 10m $(ARM_TESTS); \
	elif qemu=$$(command -v qemu-aarch64-static || command -v qemu-aarch64); then \
	SPARKHARNESS_EMULATED=qemu-user $(ARM) $(GO) test -short -timeout 10m -exec "$$qemu" $(ARM_TESTS); \
	else echo "LEFT OUT: tests on arm64 need qemu-user, and there is no qemu-aarch64-static here (apt install qemu-user-static)"; fi

# timed prints a step, runs it, and prints how long it took.
define timed
echo "== $(1)"; start=$$(date +%s); ($(2)) || exit 1; echo "== $(1): $$(( $$(date +%s) - start )) s"
endef

.PHONY: build
build: ## build the command and, beside it, the compiled hypotheses that its verify needs, into .bin/
	$(GO) build -o .bin/sparkharness ./harness/cmd/sparkharness
	$(GO) test -c -o .bin/sparkharness.test ./hypotheses

.PHONY: verify
verify: build ## make sure that the runs in results/ are what was measured, and that their verdicts follow from them
	.bin/sparkharness verify $(RESULTS)

.PHONY: gate-twice
gate-twice: ## the same seed twice with other GOMAXPROCS must leave the same bytes (manifest.json and attempts.jsonl apart)
	rm -rf $(RESULTS)/.twice && mkdir -p $(RESULTS)/.twice
	cd hypotheses && GOMAXPROCS=1 $(GO) test -timeout 60m -run '^TestH' -results $(RESULTS)/.twice/one $(ARGS) >$(RESULTS)/.twice/one.log || (tail -40 $(RESULTS)/.twice/one.log; exit 1)
	cd hypotheses && GOMAXPROCS=4 $(GO) test -timeout 60m -run '^TestH' -results $(RESULTS)/.twice/two $(ARGS) >$(RESULTS)/.twice/two.log || (tail -40 $(RESULTS)/.twice/two.log; exit 1)
	diff -r -q -x manifest.json -x attempts.jsonl $(RESULTS)/.twice/one $(RESULTS)/.twice/two
	@echo "identical: $$(find $(RESULTS)/.twice/one -type f ! -name manifest.json ! -name attempts.jsonl | wc -l) files, $$(du -sm $(RESULTS)/.twice/one | cut -f1) MiB"
	rm -rf $(RESULTS)/.twice

LINT_VERSION := v2.15.0
LINTER       := .bin/golangci-lint-$(LINT_VERSION)
.PHONY: lint
lint: $(LINTER) ## gofmt, go vet with and without the tag of hardware, and golangci-lint of the version named here
	@test -z "$$(gofmt -l .)" || (echo "gofmt would change:"; gofmt -l .; exit 1)
	$(GO) vet ./...
	$(GO) vet -tags spark ./...
	$(GO) vet -tags servers,peers ./harness/rig/serverrig
	$(LINTER) run ./...

# Compiling it takes two and a half minutes of CPU, once a version.
$(LINTER):
	GOBIN=$(CURDIR)/.bin GOFLAGS=-mod=mod $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv .bin/golangci-lint $@

FUZZTIME ?= 20s
.PHONY: fuzz
fuzz: ## fuzz every parser of foreign bytes, FUZZTIME each (default 20s)
	@set -e; for pkg in $$($(GO) list ./harness/...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$pkg; \
	  done; done

.PHONY: mutants
mutants: ## put the faults of fixtures/mutants in, one at a time: which do the tests notice? continues where it was stopped
	$(GO) run ./harness/cmd/mutants -results $(RESULTS)/mutants $(ARGS)

.PHONY: bench
bench: ## benchmarks, the client's own TTFT and ITL error in real time and a large trace's replay among them
	$(GO) test -run '^$$' -bench . -benchmem ./harness/...
	SPARKHARNESS_BENCH=1 $(GO) test -timeout 30m -v -run '^TestReplayLargeTrace$$' ./harness/runner

.PHONY: serve
serve: ## serve the simulated stacks in real time on loopback (A 8355, B 9000, KVBM metrics 6880)
	$(GO) run ./harness/cmd/sparkharness serve $(ARGS)

.PHONY: inputs
inputs: ## write the prompts of inputs/prompts again
	$(GO) run ./harness/cmd/sparkharness inputs

.PHONY: clean
clean: ## remove results/
	rm -rf $(RESULTS) .bin
