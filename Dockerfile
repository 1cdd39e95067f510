# The executable alone on a base that holds glibc and nothing to log in to.
FROM oven/bun:1.4.5 AS build
WORKDIR /build
COPY package.json bun.lock bunfig.toml ./
RUN bun install --frozen-lockfile
COPY . .
RUN bun run build && mkdir data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/gateway /gateway
# The embedded database, when DATABASE_URL does not name another one.
COPY --from=build --chown=nonroot:nonroot /build/data /data
WORKDIR /data
VOLUME /data
EXPOSE 3030
# Liveness, not readiness: a gateway whose backends are all down is not helped by a restart.
# With another PORT, another check has to be given.
HEALTHCHECK --interval=5s --timeout=6s --start-period=10s \
  CMD ["/gateway", "check", "--url", "http://127.0.0.1:3030/-/healthy"]
ENTRYPOINT ["/gateway"]
CMD ["serve"]
