/** Whether every port that the bridge would listen on is free. */

import { isBridgeError } from '../errors.ts'
import { claimPlace } from '../ingest/claim.ts'
import type { Place } from '../ingest/endpoints.ts'
import { whoAnswers } from './elasticsearch.ts'
import { because, type Check, type Finding, type PreflightDeps, type Subject } from './finding.ts'

interface Wanted {
  readonly section: string
  readonly place: Place
}

function wantedPlaces({ config: { admin }, endpoints }: Subject): Wanted[] {
  const wanted = endpoints.flatMap(({ name, place }) => (place === undefined ? [] : [{ section: `ingest.${name}`, place }]))
  if (admin.enabled) wanted.push({ section: 'admin', place: { transport: 'tcp', host: admin.host, port: admin.port } })
  return wanted
}

/** Where this machine reaches a listener of its own. */
const ownHost = (host: string): string => (host === 'localhost' || host === '0.0.0.0' ? '127.0.0.1' : host.includes(':') ? '[::1]' : host)

/** Whether a bridge runs here already: then its ports are taken, by itself. */
async function bridgeRuns({ config: { admin }, timeoutMs }: Subject, { get }: PreflightDeps): Promise<boolean> {
  try {
    const origin = `${admin.tls === undefined ? 'http' : 'https'}://${ownHost(admin.host)}:${admin.port}`
    const { body } = await get(`${origin}/health/live`, { timeoutMs })
    return body === '{"status":"live"}'
  } catch {
    // Nobody, or somebody else.
    return false
  }
}

function refused({ section, place }: Wanted, error: unknown, running: boolean): Finding {
  const code = isBridgeError(error) && error.cause instanceof Error && 'code' in error.cause ? error.cause.code : ''
  const about = { check: 'port', about: section }
  const where = `${place.host}:${place.port} (${place.transport})`
  if (code === 'EADDRINUSE' && running) {
    return {
      ...about,
      level: 'warn',
      seen: `${where} is taken, and a bridge runs here: it may be its own`,
      knob: 'stop the running bridge to be sure',
    }
  }
  if (code === 'EADDRINUSE')
    return {
      ...about,
      level: 'fail',
      seen: `${where} is taken`,
      knob: `${section}.port, or stop who has it: ss -lp${place.transport === 'udp' ? 'u' : 't'}n sport = :${place.port}`,
    }
  if (code === 'EACCES')
    return {
      ...about,
      level: 'fail',
      seen: `${where} is not ours to take`,
      knob: `${section}.port above 1023, or AmbientCapabilities=CAP_NET_BIND_SERVICE`,
    }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return { ...about, level: 'fail', seen: `this machine has no address ${place.host}`, knob: `${section}.host` }
  return { ...about, level: 'fail', seen: because(error), knob: `${section}.host, ${section}.port` }
}

/** Says by name who has the port of Elasticsearch: during a move it is mostly the old one. */
async function named(finding: Finding, { section, place }: Wanted, subject: Subject, deps: PreflightDeps): Promise<Finding> {
  if (finding.level !== 'fail' || section !== 'ingest.elasticsearch') return finding
  const found = await whoAnswers(`http://${ownHost(place.host)}:${place.port}`, subject, deps)
  return found?.who === 'elasticsearch' ? { ...finding, seen: `${finding.seen}, by ${found.words}` } : finding
}

/** Takes each port for a moment. */
export const checkPorts: Check = async (subject, deps) => {
  const findings: Finding[] = []
  let running: boolean | undefined
  for (const wanted of wantedPlaces(subject)) {
    const { section, place } = wanted
    if (place.port === 0) {
      findings.push({ check: 'port', about: section, level: 'ok', seen: 'any free port' })
      continue
    }
    try {
      await claimPlace(section, place)
      findings.push({ check: 'port', about: section, level: 'ok', seen: `${place.host}:${place.port} (${place.transport}) is free` })
    } catch (error) {
      running ??= await bridgeRuns(subject, deps)
      findings.push(await named(refused(wanted, error, running), wanted, subject, deps))
    }
  }
  return findings
}
