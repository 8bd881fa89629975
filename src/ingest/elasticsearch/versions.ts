/** The version of Elasticsearch that a client is told, and what belongs to it. Clients decide by it whether they talk to a server at all. */

import { createHash } from 'node:crypto'

export interface VersionConfig {
  /** Three numbers: `8.19.0`. */
  readonly version: string
  /** Beats and Agents that are newer are told their own. */
  readonly versionEcho: boolean
}

/** `version` of the answer to `GET /`, in the order of the real one. */
export interface VersionDescription {
  readonly number: string
  readonly build_flavor: 'default'
  readonly build_type: 'docker'
  readonly build_hash: string
  readonly build_date: string
  readonly build_snapshot: false
  readonly lucene_version: string
  readonly minimum_wire_compatibility_version: string
  readonly minimum_index_compatibility_version: string
}

/** `Elastic-filebeat/7.17.29 (linux; …)`, `elastic-agent/9.1.0`. The Java client calls itself alike, and is no part of the stack. */
const stackAgent = /^elastic-(?!java\/|transport)[a-z][\w-]{0,63}\/(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\d.])/i

const partsOf = (version: string): readonly number[] => version.split('.').map(Number)

const isNewer = (one: readonly number[], other: readonly number[]): boolean => {
  for (let at = 0; at < 3; at++) {
    const difference = (one[at] ?? 0) - (other[at] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return false
}

/** What a client is told, by its `User-Agent`. Beats from 8.1 on refuse a server that is older than they are. @see elastic/beats#29683 */
export function createVersionOf({ version, versionEcho }: VersionConfig): (agent: string | undefined) => string {
  const own = partsOf(version)
  return (agent) => {
    const [, major, minor, patch] = (versionEcho && agent !== undefined && stackAgent.exec(agent)) || []
    if (major === undefined || minor === undefined || patch === undefined) return version
    const theirs = [major, minor, patch].map(Number)
    return isNewer(theirs, own) ? theirs.join('.') : version
  }
}

/** First number of a version. */
export const majorOf = (version: string): number => partsOf(version)[0] ?? 0

/** Lucene of the minor versions of a major one, by place; the last holds for those that are newer. */
const lucene: Readonly<Record<number, string>> = {
  6: '7.0.0 7.1.0 7.2.1 7.3.1 7.4.0 7.5.0 7.6.0 7.7.0 7.7.3',
  7: '8.0.0 8.0.0 8.0.0 8.1.0 8.2.0 8.3.0 8.4.0 8.5.1 8.5.1 8.6.2 8.7.0 8.7.0 8.8.0 8.8.2 8.9.0 8.9.0 8.10.1 8.11.3',
  8: '9.0.0 9.0.0 9.1.0 9.2.0 9.3.0 9.4.1 9.4.2 9.5.0 9.6.0 9.7.0 9.7.0 9.8.0 9.9.1 9.10.0 9.10.0 9.11.1 9.12.0 9.12.0 9.12.1 9.12.2',
  9: '10.1.0 10.2.1 10.3.1 10.3.2',
}

/** Oldest nodes and indices that a major version gets on with. */
const oldest: Readonly<Record<number, readonly [wire: string, index: string]>> = {
  6: ['5.6.0', '5.0.0'],
  7: ['6.8.0', '6.0.0-beta1'],
  8: ['7.17.0', '7.0.0'],
  9: ['8.19.0', '8.0.0'],
}

/** What belongs to a version; for those that are not known yet, what will be near it. @param version three numbers */
export function describeVersion(version: string): VersionDescription {
  const [major = 0, minor = 0] = partsOf(version)
  const releases = lucene[major]?.split(' ') ?? [`${major + 1}.0.0`]
  const [wire, index] = oldest[major] ?? [`${Math.max(0, major - 1)}.0.0`, `${Math.max(0, major - 1)}.0.0`]
  return {
    number: version,
    build_flavor: 'default',
    build_type: 'docker',
    build_hash: createHash('sha1').update(`otlp-bridge ${version}`).digest('hex'),
    build_date: '2025-01-01T00:00:00.000000000Z',
    build_snapshot: false,
    lucene_version: releases[Math.min(minor, releases.length - 1)] ?? '',
    minimum_wire_compatibility_version: wire,
    minimum_index_compatibility_version: index,
  }
}
