# Everything that anyone types. CI calls `make test`.

E2E := e2e/node_modules/.package-lock.json

.PHONY: run test lint test-rust test-page test-images bench tools

# The lab: a live page, from one command.
run:
	cargo run --release --locked -p star-lab

test: lint test-rust test-page test-images

lint:
	e2e/links
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features star-fuzz/targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

test-rust:
	cargo test --workspace --locked

# The page's modules alone, their types, then the page in a browser on the real daemons.
test-page: tools $(E2E)
	cargo build --workspace --bins --locked
	node --test crates/collect/ui/*.test.js
	npm --prefix e2e run check
	npm --prefix e2e test

$(E2E): e2e/package-lock.json | tools
	npm --prefix e2e ci --no-audit --no-fund

# Both images, built and run with podman: port 80 under every set of capabilities, and the lab. Says so where that cannot be done.
test-images:
	e2e/images

# Ours beside a bare server and beside the peers, all linked as the images' programs are: statically. README has the table.
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
bench:
	RUSTFLAGS="-C target-feature=+crt-static" cargo build --profile image --locked --target $(HOST) \
		-p star-probe -p star-collect -p star-bench
	target/$(HOST)/image/star-bench

# What the page's tests need beyond Rust: installed where we may, named where we may not.
tools:
	@.ci/tools
