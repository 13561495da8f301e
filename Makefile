# hostclock: everything that a person or a machine runs. `make help` lists it.
#
# Nothing here sets this machine's clock or loads modules into it: clock work happens in the
# simulator and in the guests of the lab (docs/lab.md).

HOST   := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
STATIC := target/$(HOST)/release
LAB     = target/release/hostclock-lab
CARGO  ?= cargo

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: demo
demo: static lab ## See a real guest's clock scrambled and put right (docs/lab.md)
	$(LAB) demo --bin-dir $(STATIC)

.PHONY: test
test: static lab ## Run every test, the short lab run included
	$(CARGO) test --locked --workspace --quiet
	$(LAB) check --bin-dir $(STATIC)

.PHONY: static
static: needs ## Build the static program: target/HOST/release/hostclock
	RUSTFLAGS='-C target-feature=+crt-static' $(CARGO) build --locked --release --target $(HOST) -p hostclock -p hostclock-lab-guest

.PHONY: lab
lab: needs
	$(CARGO) build --locked --release -p hostclock-lab

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
msrv: ## Build and test with the oldest supported Rust, Debian 13's
	scripts/msrv

.PHONY: measure
measure: static lab ## The long measurements that docs/measurements.md quotes (about an hour)
	scripts/measure --bin-dir $(STATIC)
