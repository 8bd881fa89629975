/** Certificates with an end: those that we serve, those that we show to endpoints, and those that endpoints show to us. */

import type { X509Certificate } from 'node:crypto'
import { connect, type SecureContext } from 'node:tls'
import { listenerFileFaults, securedSections } from '../config/files.ts'
import { printPath } from '../config/tree.ts'
import { type DestinationConfig, destinationsOf } from '../emit/destinations.ts'
import { certificateName, readTls, type TlsFiles } from '../net/tls.ts'
import { because, type Check, type Finding, type Subject } from './finding.ts'

const day = 86_400_000

/** Certificates nearer to their end than this are spoken of. */
const soonMs = 14 * day

interface Dated {
  readonly name: string
  readonly fromMs: number
  readonly toMs: number
}

const datedOf = (one: X509Certificate): Dated => ({
  name: certificateName(one),
  fromMs: one.validFromDate.getTime(),
  toMs: one.validToDate.getTime(),
})

function judge(about: string, dated: Dated, nowMs: number, knob: string, remote: boolean): Finding {
  const base = { check: 'certificate', about, ...(remote ? { remote } : {}) }
  const end = new Date(dated.toMs).toISOString().slice(0, 10)
  const days = Math.floor((dated.toMs - nowMs) / day)
  if (nowMs > dated.toMs) return { ...base, level: 'fail', seen: `${dated.name} expired on ${end}`, knob }
  if (nowMs < dated.fromMs) {
    return {
      ...base,
      level: 'fail',
      seen: `${dated.name} is valid only from ${new Date(dated.fromMs).toISOString()}`,
      knob: `the clock of this machine; ${knob}`,
    }
  }
  if (dated.toMs - nowMs < soonMs) return { ...base, level: 'warn', seen: `${dated.name} expires on ${end}, in ${days} days`, knob }
  return { check: 'certificate', about, level: 'ok', seen: `${dated.name} is valid until ${end}, ${days} days` }
}

async function judgeFiles(section: string, files: TlsFiles, nowMs: number): Promise<Finding[]> {
  const { material, faults } = await readTls(files)
  if (material !== undefined) {
    return material.own.map((one) => judge(`${section}.cert`, datedOf(one), nowMs, `a new certificate in ${section}.cert`, false))
  }
  return faults.map(({ key, message }) => {
    const about = `${section}.${key}`
    return { check: 'certificate', about, level: 'fail', seen: message, knob: about }
  })
}

/** Looks at certificates and secrets in files: those that endpoints are sent, and those of our listeners. */
export const checkFiles: Check = async ({ config }, { nowMs }) => {
  const faults = (await listenerFileFaults(config)).map(({ path, message }): Finding => {
    const about = printPath(path)
    return { check: 'file', about, level: 'fail', seen: message, knob: about }
  })
  const broken = new Set(faults.map(({ about }) => about.replace(/\.[^.]+$/, '')))
  const served = securedSections(config).flatMap(({ path, config: { tls } }) => {
    const section = `${printPath(path)}.tls`
    return tls === undefined || broken.has(section) ? [] : [judgeFiles(section, { cert: tls.cert, key: tls.key }, nowMs())]
  })
  const sent = destinationsOf(config.emit).map(({ section, tls }) => judgeFiles(`${section}.tls`, tls, nowMs()))
  return [...faults, ...(await Promise.all([...served, ...sent])).flat()]
}

/** What stands behind an https URL: the leaf of its chain, and what is wrong with it in our eyes. */
interface Shown {
  readonly leaf: Dated
  /** Code or sentence of what is not trusted; undefined when all is well. */
  readonly distrust: string | undefined
}

function look(url: URL, timeoutMs: number, secureContext: SecureContext | undefined, alpn: string): Promise<Shown> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    // A name of its own belongs into the hello, an address does not.
    const servername = /^[\d.]+$|:/.test(host) ? undefined : host
    const socket = connect({
      host,
      port: Number(url.port) || 443,
      ...(servername === undefined ? {} : { servername }),
      ...(secureContext === undefined ? {} : { secureContext }),
      ALPNProtocols: [alpn],
      // To be looked at, whatever it is: nothing is sent over this connection.
      rejectUnauthorized: false,
    })
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no handshake within ${timeoutMs} ms`)))
    socket.on('error', reject)
    socket.on('secureConnect', () => {
      const leaf = socket.getPeerX509Certificate()
      const error = socket.authorizationError as unknown
      socket.destroy()
      if (leaf === undefined) return reject(new Error('it shows no certificate'))
      resolve({ leaf: datedOf(leaf), distrust: error === null || error === undefined ? undefined : because(error) })
    })
  })
}

const wordsOf = (code: string): string => {
  if (/UNABLE_TO|SELF_SIGNED/.test(code)) return `is not signed by an authority that is trusted here (${code})`
  if (/ALTNAME/.test(code) || /altnames/.test(code)) return `is for another name (${code})`
  return `is not trusted here (${code})`
}

async function lookAt(
  { name, section, tls, protocol }: DestinationConfig,
  origin: string,
  { timeoutMs }: Subject,
  nowMs: number,
): Promise<Finding[]> {
  const about = `${name}, ${origin}`
  const { material } = await readTls(tls)
  // What is wrong with the files is said where they are looked at.
  if (material === undefined) return []
  const given = tls.ca !== undefined || tls.cert !== undefined
  try {
    const { leaf, distrust } = await look(
      new URL(origin),
      timeoutMs,
      given ? material.context : undefined,
      protocol === 'grpc' ? 'h2' : 'http/1.1',
    )
    const dated = judge(about, leaf, nowMs, 'a new certificate at the endpoint', true)
    if (dated.level === 'fail' || distrust === undefined) return [dated]
    return [
      {
        check: 'certificate',
        about,
        level: 'fail',
        seen: `${leaf.name} ${wordsOf(distrust)}`,
        knob: `${section}.tls.ca, or the name in the endpoint's URL`,
        remote: true,
      },
    ]
  } catch (error) {
    return [
      {
        check: 'certificate',
        about,
        level: 'fail',
        seen: `cannot look at it: ${because(error)}`,
        knob: `${section}.endpoint: whether it speaks TLS there`,
        remote: true,
      },
    ]
  }
}

/** Looks at the certificates that https endpoints show. */
export const checkEndpointCertificates: Check = async (subject, { nowMs }) => {
  const findings = destinationsOf(subject.config.emit).flatMap((destination) => {
    const origins = new Set(destination.endpoints.flatMap(({ urls }) => Object.values(urls).map((url) => new URL(url).origin)))
    return [...origins].filter((one) => one.startsWith('https:')).map((one) => lookAt(destination, one, subject, nowMs()))
  })
  return (await Promise.all(findings)).flat()
}
