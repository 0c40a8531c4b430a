# syntax=docker/dockerfile:1
# One image with all programs; a pod's `command` says which. Without Docker the same image is made by
# `spike-kubernetes image` (e2e/cluster/src/image), and a test compares the two.

FROM rust:1.95-bookworm AS build
ARG TARGETARCH
RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,id=spike-target-$TARGETARCH \
    cargo build --release --locked \
        --package spike-nexus --package spike-keeper --package spike-operator --package spike-cli \
    && install -D -t /out \
        target/release/nexus target/release/keeper target/release/operator target/release/spike

# glibc, libgcc and certificates; no shell. Debian 12 as above: the programs are linked against its glibc.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.source=https://github.com/spike-rs/spike \
      org.opencontainers.image.licenses=Apache-2.0
COPY --from=build /out/nexus /usr/local/bin/nexus
COPY --from=build /out/keeper /usr/local/bin/keeper
COPY --from=build /out/operator /usr/local/bin/operator
COPY --from=build /out/spike /usr/local/bin/spike
ENV PATH=/usr/local/bin:/usr/bin:/bin
USER 65532:65532
CMD ["spike"]
