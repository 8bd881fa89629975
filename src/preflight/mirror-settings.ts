/** What a configuration says of mirrors, against itself: no backend is asked. */

import { printDuration } from '../config/units.ts'
import { ruleOfPhase } from '../cutover/phase-rules.ts'
import { type MirrorEndpointConfig, mirrorsOf } from '../mirror/config.ts'
import { authorizationOf } from '../mirror/credentials.ts'
import type { Check, Finding, Subject } from './finding.ts'

/** Jaeger clients wait no longer for an answer. */
const jaegerPatienceMs = 5000

function findingsOf(endpoint: string, config: MirrorEndpointConfig, { endpoints }: Subject): readonly Finding[] {
  const section = `mirror.${endpoint}`
  const about = { check: 'mirror', about: section }
  const findings: Finding[] = []
  if (!endpoints.some(({ name }) => name === endpoint)) {
    const seen = `ingest.${endpoint} is not started, so that nothing could be mirrored`
    findings.push({ ...about, level: 'fail', seen, knob: `ingest.${endpoint}, or without ${section}` })
  }
  const { auth, credentials } = config
  const hasOwn = Object.values(credentials).some((one) => one !== undefined)
  const hasCertificate = 'tls' in config && config.tls.cert !== undefined
  if (auth === 'own' && authorizationOf(config).value === undefined && !hasCertificate)
    findings.push({ ...about, level: 'fail', seen: 'auth is own, and there are no credentials', knob: `${section}.credentials` })
  if (auth !== 'own' && hasOwn)
    findings.push({
      ...about,
      level: 'warn',
      seen: `there are credentials, and auth is ${auth}: they are not used`,
      knob: `${section}.auth: own`,
    })
  const answer = 'legacy' in config ? (config.answer ?? ruleOfPhase(config.phase).answer) : 'bridge'
  if (answer === 'legacy' && 'legacy' in config && endpoint.startsWith('jaeger.') && config.legacy.timeout > jaegerPatienceMs) {
    const waits = printDuration(config.legacy.timeout)
    const seen = `clients of Jaeger give up after 5 s, and are kept waiting for the old side for up to ${waits}: what they send again is there twice`
    findings.push({ ...about, level: 'warn', seen, knob: `${section}.legacy.timeout: 4s, or ${section}.answer: bridge` })
  }
  return findings
}

/** Looks at the keys of every mirror, and whether its switches can be moved. */
export const checkMirrorSettings: Check = async (subject) => {
  const { admin, mirror } = subject.config
  const mirrors = [...mirrorsOf(mirror)]
  if (mirrors.length === 0) return []
  const findings = mirrors.flatMap(([endpoint, config]) => findingsOf(endpoint, config, subject))
  if (mirror.zipkin !== undefined && subject.config.ingest.zipkin?.grpc !== undefined) {
    const seen = 'what comes over gRPC goes to the new side alone: only HTTP is mirrored there'
    findings.push({
      check: 'mirror',
      about: 'ingest.zipkin.grpc',
      level: 'warn',
      seen,
      knob: 'ingest.zipkin.grpc: leave those clients where they are for now',
    })
  }
  const about = { check: 'mirror', about: 'admin' }
  if (!admin.enabled) {
    const seen = 'there is no admin port: phases and shares can be changed in the configuration alone'
    findings.push({ ...about, level: 'warn', seen, knob: 'admin.enabled: true' })
  } else if (admin.auth === undefined) {
    const seen = 'the switches of the cutover are off: without credentials nobody can be told apart'
    findings.push({ ...about, level: 'warn', seen, knob: 'admin.auth' })
  } else findings.push({ ...about, level: 'ok', seen: 'the switches of the cutover can be moved with credentials' })
  return findings
}
