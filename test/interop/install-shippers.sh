#!/bin/sh
# Brings the client libraries that the programs of shippers/ are written with into $PEERS_CACHE/shippers: npm, PyPI, Go and Maven packages,
# pinned. Nothing of it goes into the project's package.json. Repeats are quick.
#
# Needs npm, python3 with venv, Go, a JDK 17 and Maven; a language whose tools are missing is left out, and said.
# rsyslog, syslog-ng and Filebeat come from their scripts in $OTLP_BRIDGE_PEERS, each with "install".
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=${PEERS_CACHE:-$HOME/.cache/otlp-bridge-peers}/shippers
mkdir -p "$to"

have() { command -v "$1" >/dev/null || { echo "no $1: leaving out the $2 shippers" >&2; return 1; }; }

# Each in a folder of its own: the majors of a client would not go into one.
node() { mkdir -p "$to/$1"; npm install --prefix "$to/$1" --no-audit --no-fund --no-save "$2" ${3:-}; }
python() {
  [ -x "$to/$1/bin/python" ] || python3 -m venv "$to/$1"
  "$to/$1/bin/pip" -q install "$2" ${3:-}
}

if have npm Node; then
  node node-7 @elastic/elasticsearch@7.17.14
  node node-8 @elastic/elasticsearch@8.19.2
  node node-9 @elastic/elasticsearch@9.4.3
  node winston winston-elasticsearch@0.19.0 winston@3.19.0
  node pino pino-elasticsearch@9.0.0
fi
if have python3 Python; then
  python python-7 elasticsearch==7.17.13
  python python-8 elasticsearch==8.19.3
  python python-9 elasticsearch==9.5.1
  python cmreslogging CMRESHandler==1.0.0 elasticsearch==7.17.13
  python pylogbeat pylogbeat==2.1.0
fi
if have go Go; then (cd "$here/shippers/go" && CGO_ENABLED=0 go build -p 1 -trimpath -ldflags='-s -w' -o "$to/go/shipper" .); fi
if have mvn Java; then
  mkdir -p "$to/java"
  cp "$here/shippers/java/pom.xml" "$to/java/pom.xml"
  chmod u+w "$to/java/pom.xml"
  mvn -q -B -f "$to/java/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$to/java/lib"
fi
echo "shippers are in $to"
