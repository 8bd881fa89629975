#!/bin/sh
# Brings Apache Cassandra, as a class path out of Maven Central, into $PEERS_CACHE/cassandra-5.0.6/lib. Needs a JDK 17 and Maven. Repeats are quick.
set -eu
version=5.0.6
to=${PEERS_CACHE:-$HOME/.cache/otlp-bridge-peers}/cassandra-$version
mkdir -p "$to"
cat >"$to/pom.xml" <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>peers</groupId><artifactId>cassandra</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>$version</version></dependency>
  </dependencies>
</project>
XML
mvn -q -B -f "$to/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$to/lib"
