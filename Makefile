# Everything runs as root: namespaces are made and entered. `make` alone shows the targets.
CARGO ?= cargo
N ?= 2000
SEED ?= 1
# Of the random rules: nft, iptables-nft, iptables-legacy, mixed; nothing: all by turns.
KIND ?=
FUZZ_SECONDS ?= 300
BIN := target/debug/plumb

.PHONY: help build demo test test-long lint conformance bench fuzz fuzz-kernel deps clean

help:
	@echo 'make demo         a lab of namespaces: traffic, three faults, each diagnosed and mended'
	@echo 'make test         what CI runs: lints, unit tests, scenarios against reality'
	@echo 'make test-long    beside that, what takes longer'
	@echo 'make conformance  FILE=…: what Services do, case by case, asked of the intent, the walk and the kernel'
	@echo 'make bench        times, beside what the kernel itself takes'
	@echo 'make fuzz-kernel  N=2000 SEED=1 KIND=: random rules of nft, iptables and ipset, the walk against the kernel'
	@echo 'make fuzz         FUZZ_SECONDS=300: coverage-guided fuzzers for every decoder and parser'

deps:
	@scripts/deps.sh

build: deps
	$(CARGO) build --locked -p plumb

demo: build
	@scripts/demo.sh $(BIN)

lint: deps
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

# The binary is built first: the scenarios run it.
test: lint build
	$(CARGO) test --locked --workspace

test-long: test
	@scripts/deps.sh browser
	$(CARGO) test --locked -p plumb-tests --test page -- --ignored
	$(CARGO) test --locked -p plumb-tests --test proxy_faults -- --ignored
	PLUMB_ALL_REDACTED=1 $(CARGO) test --locked -p plumb-tests --test scenarios
	PLUMB_LOOK_ALIKES=1 $(CARGO) test --locked -p plumb-tests --test lab_faults
	$(MAKE) fuzz-kernel N=2000

# Cases of another file than those under conformance/ where FILE is given.
conformance: deps
	PLUMB_CONFORMANCE=$(abspath $(FILE)) $(CARGO) test --locked -p plumb-tests --test conformance

bench: deps
	$(CARGO) build --locked --release -p plumb
	$(CARGO) run --locked --release -p plumb-tests --bin bench
	$(CARGO) run --locked --release -p plumb-tests --bin bench_check
	$(CARGO) run --locked --release -p plumb-tests --bin bench_proxy

fuzz-kernel: deps
	$(CARGO) run --locked --release -p plumb-tests --bin fuzz_kernel -- --count $(N) --seed $(SEED) $(KIND:%=--kind %)

fuzz: deps
	@scripts/fuzz.sh $(FUZZ_SECONDS)

clean:
	$(CARGO) clean
