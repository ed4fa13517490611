# Everything that anyone types. CI calls `make test`.

E2E := e2e/node_modules/.package-lock.json
UI := crates/collect/ui
PAGE := $(UI)/node_modules/.package-lock.json

.PHONY: run page test lint test-rust test-page test-lab test-images bench bench-page bench-stop bench-truth screenshots fuzz tools

# The lab: a live page, from one command.
run:
	cargo run --release --locked -p star-lab

test: lint test-rust test-page test-lab test-images

lint:
	e2e/links
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features star-fuzz/targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

test-rust: tools
	cargo test --workspace --locked

# The pull request's action, then the page: its types, its modules alone, that the committed bundle is theirs, then the page in a browser on the real daemons.
test-page: tools $(E2E) $(PAGE)
	node --test .github/actions/*/*.test.mjs
	npm --prefix e2e run check
	npm --prefix $(UI) test
	npm --prefix $(UI) run fresh
	cargo build --workspace --bins --locked
	npm --prefix e2e test

$(E2E): e2e/package-lock.json | tools
	npm --prefix e2e ci --no-audit --no-fund

$(PAGE): $(UI)/package-lock.json | tools
	npm --prefix $(UI) ci --no-audit --no-fund

# The bundle that is committed, after a change of the page's sources.
page: tools $(PAGE)
	npm --prefix $(UI) run build

# The lab's steps with real packets, asserted on the graph: our manifests, and the originals.
test-lab: tools
	cargo build --locked -p star-lab
	e2e/lab target/debug/star-lab

# Both images, built and run with podman: port 80 under every set of capabilities, and the lab. Says so where that cannot be done.
test-images:
	e2e/images

# Ours beside a bare server and beside the peers, all linked as the images' programs are: statically. README has the table.
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
bench:
	RUSTFLAGS="-C target-feature=+crt-static" cargo build --profile image --locked --target $(HOST) \
		-p star-probe -p star-collect -p star-policy -p star-bench
	target/$(HOST)/image/star-bench

# The whole, in a lab of its own: from a policy to the event at a client; false verdicts under loss; silence beside health.
# An hour, most of it waiting.
bench-truth:
	RUSTFLAGS="-C target-feature=+crt-static" cargo build --profile image --locked --target $(HOST) -p star-lab -p star-bench
	target/$(HOST)/image/star-bench truth
	target/$(HOST)/image/star-bench loss --percent=1
	target/$(HOST)/image/star-bench loss --percent=10
	target/$(HOST)/image/star-bench silence

# Probe and collector stopped (SIGSTOP) a hundred times: no false transition, each stop told as a gap. Ten minutes, most of it waiting.
bench-stop:
	cargo build --release --locked -p star-probe -p star-collect -p star-bench
	target/release/star-bench stop

# Each for so long, one after another. cargo-fuzz wants a nightly compiler's flags; the variable lets the stable one take them.
FUZZ_SECONDS := 1800
FUZZ = RUSTC_BOOTSTRAP=1 cargo fuzz run --features run
fuzz:
	mkdir -p $(addprefix fuzz/corpus/,netpol answer dns status target)
	cp manifests/*/*.yaml docs/examples/*.yaml fuzz/corpus/netpol/
	cp crates/wire/golden/status*.json fuzz/corpus/status/
	$(FUZZ) netpol -- -max_total_time=$(FUZZ_SECONDS)
	$(FUZZ) answer fuzz/corpus/answer fuzz/seeds/answer -- -max_len=16384 -max_total_time=$(FUZZ_SECONDS)
	$(FUZZ) dns fuzz/corpus/dns fuzz/seeds/dns -- -max_len=65535 -max_total_time=$(FUZZ_SECONDS)
	$(FUZZ) status -- -max_len=65536 -max_total_time=$(FUZZ_SECONDS)
	$(FUZZ) target fuzz/corpus/target fuzz/seeds/target -- -max_len=2100 -max_total_time=$(FUZZ_SECONDS)

# The page's own figures, in Chromium on a real collector. README has the table.
bench-page: tools $(E2E) $(PAGE)
	npm --prefix $(UI) run bench
	cargo build --release --locked -p star-collect
	STAR_BIN=$(CURDIR)/target/release node e2e/bench.js

# The pictures in docs/images: the lab's five states, in both themes.
screenshots: tools $(E2E)
	cargo build --release --locked -p star-collect -p star-lab
	STAR_BIN=$(CURDIR)/target/release node e2e/screenshots.js docs/images

# What the tests need beyond Rust: installed where we may, named where we may not.
tools:
	@.ci/tools
