#!/bin/sh
# Brings what the legacy clients of $OTLP_BRIDGE_PEERS/clients need into $PEERS_CACHE/clients, so that the folder of the peers may be
# read-only: the Python, npm, Go and Maven packages that the heads of the client programs name. Repeats are quick.
#
# Needs python3 with venv, npm, Go, a JDK 17 and Maven; a language whose tools are missing is left out, and said.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
peers=$(cd "${OTLP_BRIDGE_PEERS:-$root/../shared/peers}" && pwd)
to=${PEERS_CACHE:-$HOME/.cache/otlp-bridge-peers}/clients
mkdir -p "$to/python" "$to/node" "$to/go" "$to/java"

have() { command -v "$1" >/dev/null || { echo "no $1: leaving out the $2 clients" >&2; return 1; }; }

if have python3 Python; then
  [ -x "$to/python/bin/python" ] || python3 -m venv "$to/python"
  "$to/python/bin/pip" -q install py_zipkin==1.2.8 jaeger-client==4.8.0 six
fi
if have npm Node; then
  npm install --prefix "$to/node" --no-audit --no-fund jaeger-client@3.19 zipkin@0.22 zipkin-transport-http@0.22
fi
if have go Go; then (cd "$peers/clients/go" && go build -o "$to/go/emit" .) && (cd "$root/test/interop/emitters/go" && go build -o "$to/go/emitter" .); fi
if have mvn Java; then
  cp "$peers/clients/java/pom.xml" "$to/java/pom.xml"
  chmod u+w "$to/java/pom.xml"
  mvn -q -B -f "$to/java/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$to/java/lib"
fi
echo "clients are in $to"
