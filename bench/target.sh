#!/bin/sh
# The bridge as a target of the comparison: one endpoint for BENCH_FORMAT, OTLP/HTTP protobuf out, with BENCH_EMIT=grpc OTLP/gRPC.
# First argument: memory (default) or disk; further arguments go to `serve`.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
queue=${1:-memory}
[ $# -gt 0 ] && shift
case "$BENCH_FORMAT" in
  zipkin-*) endpoint=zipkin ;;
  jaeger-thrift-http) endpoint=jaeger.http ;;
  jaeger-grpc) endpoint=jaeger.grpc ;;
  jaeger-compact-udp) endpoint=jaeger.compact ;;
  # The generator sends the same 64 requests again and again: by default all but the first of each would be left out as duplicates.
  prom-rw1 | prom-rw2) endpoint=prometheus; set -- --set translate.prometheus.duplicates=forward "$@" ;;
  es-bulk) endpoint=elasticsearch ;;
  *) echo "no endpoint for $BENCH_FORMAT" >&2; exit 1 ;;
esac
case "${BENCH_EMIT:-http}" in
  grpc) protocol=grpc target="http://$BENCH_OTLP_GRPC_ENDPOINT" ;;
  *) protocol=http/protobuf target=$BENCH_OTLP_ENDPOINT ;;
esac
exec "$root/bin/otlp-bridge" serve \
  --set "ingest.$endpoint.host=$BENCH_INGEST_HOST" --set "ingest.$endpoint.port=$BENCH_INGEST_PORT" \
  --set "emit.endpoint=$target" --set "emit.protocol=$protocol" --set emit.compression=none \
  --set "queue.type=$queue" --set "queue.path=$BENCH_STATE_DIR/queue" \
  --set admin.enabled=false --set log.level=warn "$@"
