# The host and its bundled plugins. Not run where it was written: see docs/OPERATING.md.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN rustup target add wasm32-wasip2 \
 && cargo build --release --locked --bin aviary \
 && cargo run --locked --package xtask -- plugins

FROM debian:12.12-slim
# Roots of trust are compiled in. curl is for the health check alone.
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/aviary --shell /usr/sbin/nologin aviary \
 && install -d -o aviary -g aviary /var/lib/aviary
COPY --from=build /src/target/release/aviary /usr/local/bin/aviary
COPY --from=build /src/target/plugins/*.wasm /usr/share/aviary/plugins/
USER aviary
WORKDIR /var/lib/aviary
ENV AVIARY_SERVE_LISTEN=0.0.0.0:3210 AVIARY_PLUGINS_DIR=/usr/share/aviary/plugins
EXPOSE 3210
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
  CMD ["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:3210/xrpc/_health"]
# A stop drains; give it the time that limits.drain_ms says.
STOPSIGNAL SIGTERM
ENTRYPOINT ["aviary"]
CMD ["serve"]
