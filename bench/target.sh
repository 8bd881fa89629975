#!/bin/sh
# The bridge as a target of the comparison: one endpoint for BENCH_FORMAT, OTLP/HTTP protobuf out.
# First argument: memory (default) or disk; further arguments go to `serve`.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
queue=${1:-memory}
[ $# -gt 0 ] && shift
case "$BENCH_FORMAT" in
  zipkin-*) endpoint=zipkin ;;
  jaeger-thrift-http) endpoint=jaeger.http ;;
  jaeger-compact-udp) endpoint=jaeger.compact ;;
  *) echo "no endpoint for $BENCH_FORMAT" >&2; exit 1 ;;
esac
exec "$root/bin/otlp-bridge" serve \
  --set "ingest.$endpoint.host=$BENCH_INGEST_HOST" --set "ingest.$endpoint.port=$BENCH_INGEST_PORT" \
  --set "emit.endpoint=$BENCH_OTLP_ENDPOINT" --set emit.protocol=http/protobuf --set emit.compression=none \
  --set "queue.type=$queue" --set "queue.path=$BENCH_STATE_DIR/queue" \
  --set admin.enabled=false --set log.level=warn "$@"
