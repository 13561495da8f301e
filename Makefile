# hostclock: everything that a person or a machine runs. `make help` lists it.
#
# Nothing here sets this machine's clock or loads modules into it: clock work happens in the
# simulator and in the guests of the lab (docs/lab.md).

CARGO ?= cargo
LAB   := $(CARGO) run --locked --quiet --profile lab -p hostclock-lab --

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: demo
demo: needs ## See a real guest's clock scrambled and put right (docs/lab.md)
	$(LAB) demo

.PHONY: test
test: needs ## Run every test, the short lab run included
	$(CARGO) test --locked --workspace --quiet
	$(LAB) check

.PHONY: static
static: needs ## Build the static program, with musl where the toolchain has it: target/TARGET/release/hostclock
	@target=$$(scripts/static-target) && \
	RUSTFLAGS='-C target-feature=+crt-static' $(CARGO) build --locked --release --target $$target -p hostclock && \
	echo $${CARGO_TARGET_DIR:-target}/$$target/release/hostclock

.PHONY: needs
needs:
	@scripts/need build

.PHONY: lint
lint: needs ## Format, clippy and rustdoc, with warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps --quiet

.PHONY: audit
audit: ## Check the dependencies' licences, duplicates and sources (cargo deny)
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny --locked check licenses bans sources

.PHONY: msrv
msrv: ## Build and test with the oldest supported Rust, and build for a system that is no Linux
	scripts/msrv

.PHONY: packages
packages: ## Build the deb, the rpm and the tarball: target/package (docs/packages.md)
	scripts/package

.PHONY: check-packages
check-packages: ## Build and judge the packages: lintian, a clean root, a second build with the same bytes
	scripts/check-packages

# The Debian in which check-installed does so: bookworm, trixie, unstable, bullseye, or selinux (trixie with SELinux enforcing).
SUITE ?= bookworm
.PHONY: check-installed
check-installed: needs ## Install the package in a real Debian guest with systemd and chrony, set it up, reboot, undo (SUITE=…)
	@scripts/need installed
	@scripts/package >/dev/null
	$(LAB) installed --suite $(SUITE) $(if $(PARTS),--parts $(PARTS)) $(if $(KILLED),--killed) $(if $(REPORT),--report $(REPORT)) --deb target/package/hostclock_*.deb

.PHONY: check-arm
check-arm: ## Type-check everything for 64-bit Arm, and run the unit tests under emulation
	scripts/check-arm

.PHONY: soak
soak: needs ## Live 10,000 random guests' lives, and 2,000 of each scenario, in the simulator (9 minutes)
	$(CARGO) run --locked --release --quiet -p hostclock-sim -- campaign --lives 10000 --hours 1
	$(CARGO) run --locked --release --quiet -p hostclock-sim -- campaign --lives 2000 --scenario all

# Where the bench leaves its results: `make bench BENCH=docs/benchmarks` for those that are published.
BENCH ?= lab/out/bench
.PHONY: bench
bench: needs ## Measure hostclock beside chrony and phc2sys at every rate, simulator and lab (an hour and a half)
	mkdir -p $(BENCH)
	$(CARGO) run --locked --release --quiet -p hostclock-sim -- steady >$(BENCH)/simulator.txt
	$(LAB) bench --out $(BENCH)

.PHONY: microbench
microbench: needs ## Time a poll, a probe, and the status: criterion's figures on this machine (2 minutes)
	$(CARGO) bench --locked --quiet -p hostclock-core --bench engine -- --warm-up-time 1 --measurement-time 2
	$(CARGO) bench --locked --quiet -p hostclock --bench status -- --warm-up-time 1 --measurement-time 2

.PHONY: measure
measure: needs ## The long measurements that docs/measurements.md quotes (five hours)
	scripts/measure
