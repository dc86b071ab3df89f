# quotalab without a shell, a package manager or a right to write anywhere but in /work
# and /tmp:
#
#   docker build -t quotalab .
#   docker run --rm --read-only --tmpfs /tmp -v "$PWD:/work" --user "$(id -u):$(id -g)" quotalab run race-lua
#
# The release gives its own program: --build-arg PROGRAM=released. Processes of one's
# own, redis-server and limiters in other languages, need an image of one's own:
# COPY --from=ghcr.io/quotalab/quotalab /usr/bin/quotalab /usr/bin/.
ARG PROGRAM=built

FROM golang:1.26-bookworm AS built
WORKDIR /source
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /quotalab ./cmd/quotalab

FROM scratch AS released
ARG TARGETPLATFORM
COPY ${TARGETPLATFORM}/quotalab /quotalab

# hadolint ignore=DL3006
FROM ${PROGRAM} AS program

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=program /quotalab /usr/bin/quotalab
WORKDIR /work
USER 65532:65532
ENTRYPOINT ["/usr/bin/quotalab"]
