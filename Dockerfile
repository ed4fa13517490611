# Two images of one build, for docker, buildx and podman:
#   docker build --target probe -t star-probe .
#   docker build --target collect -t star-collect .
# For another architecture the compiler still runs on this one: --platform=linux/arm64.

FROM --platform=$BUILDPLATFORM rust:1.95-bookworm AS build
ARG TARGETARCH
WORKDIR /src
# setcap; for another architecture its linker, C compiler (ring has C in it), C library and Rust's own. glibc's target is as static as
# musl's here, since no program of ours asks glibc for a name.
RUN set -eu; \
    case "${TARGETARCH:=$(dpkg --print-architecture)}" in \
        amd64) machine=x86_64 ;; \
        arm64) machine=aarch64 ;; \
        *) echo "no image for $TARGETARCH: amd64 or arm64" >&2; exit 1 ;; \
    esac; \
    target=$machine-unknown-linux-gnu; \
    packages="ca-certificates libcap2-bin"; \
    if [ "$TARGETARCH" != "$(dpkg --print-architecture)" ]; then \
        packages="$packages gcc-$(echo $machine | tr _ -)-linux-gnu libc6-dev-$TARGETARCH-cross"; \
        rustup target add "$target"; \
        linker=CARGO_TARGET_$(echo "$target" | tr a-z- A-Z_)_LINKER; \
        echo "export $linker=$machine-linux-gnu-gcc" >> /cross; \
    fi; \
    echo "export CARGO_BUILD_TARGET=$target" >> /cross; \
    apt-get update; \
    apt-get install -y --no-install-recommends $packages; \
    rm -rf /var/lib/apt/lists/*
COPY . .
# Dependencies live in the cache, apart from the sources that change. The file capability is permitted, not effective: see
# crates/daemon/src/capability.rs.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked --mount=type=cache,target=/src/target \
    set -eu; . /cross; \
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --profile image --locked -p star-probe -p star-collect; \
    for program in probe collect; do \
        install -D "target/$CARGO_BUILD_TARGET/image/star-$program" "/out/$program/usr/local/bin/$program"; \
        setcap cap_net_bind_service+p "/out/$program/usr/local/bin/$program"; \
        install -D -m 644 /etc/ssl/certs/ca-certificates.crt "/out/$program/etc/ssl/certs/ca-certificates.crt"; \
    done; \
    install -D -m 644 crates/lab/src/resources.json /out/collect/etc/star/resources.json

FROM scratch AS probe
LABEL org.opencontainers.image.title="star-probe" \
      org.opencontainers.image.description="Polls URLs, each check on a new connection, and serves what it found" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/probe /
ENV PATH=/usr/local/bin
USER 65532:65532
EXPOSE 9000
CMD ["probe"]

FROM scratch AS collect
LABEL org.opencontainers.image.title="star-collect" \
      org.opencontainers.image.description="Fetches the probes' status and serves it as a live graph" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/collect /
ENV PATH=/usr/local/bin
USER 65532:65532
EXPOSE 9001
CMD ["collect", "--resources-file=/etc/star/resources.json"]
