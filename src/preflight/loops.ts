/** Whether data would be sent to where it is received. */

import { maskUserinfo } from '../config/mask.ts'
import { destinationsOf } from '../emit/destinations.ts'
import { findLoop, type OwnAddress } from '../loop.ts'
import { mirrorsOf } from '../mirror/config.ts'
import type { Check, Finding, Subject } from './finding.ts'

const urlsOf = (host: string, port: number, scheme = 'http'): string[] => {
  const hosts = host === 'localhost' ? ['127.0.0.1', '[::1]'] : [host.includes(':') ? `[${host}]` : host]
  return hosts.map((one) => `${scheme}://${one}:${port}`)
}

function ownAddresses({ config: { admin }, endpoints }: Subject): OwnAddress[] {
  const own = endpoints.flatMap(({ name, place }) =>
    place === undefined || place.port === 0
      ? []
      : [
          {
            section: `ingest.${name}`,
            addresses: urlsOf(place.host, place.port, place.transport === 'udp' ? 'udp' : 'http'),
          },
        ],
  )
  return admin.enabled ? [...own, { section: 'admin', addresses: urlsOf(admin.host, admin.port) }] : own
}

/** Compares every endpoint and every old backend with our own addresses. */
export const checkLoops: Check = async (subject) => {
  const findings: Finding[] = []
  for (const [endpoint, { url }] of mirrorsOf(subject.config.mirror)) {
    const own = await findLoop(url, ownAddresses(subject))
    if (own === undefined) continue
    const knob = `mirror.${endpoint}.url`
    findings.push({
      check: 'loop',
      about: `mirror.${endpoint}`,
      level: 'fail',
      seen: `${maskUserinfo(url)} is our own ${own.section}`,
      knob,
    })
  }
  for (const { name, section, endpoints } of destinationsOf(subject.config.emit)) {
    for (const { urls } of endpoints) {
      const own = await findLoop(urls.traces, ownAddresses(subject))
      if (own === undefined) continue
      findings.push({
        check: 'loop',
        about: name,
        level: 'fail',
        seen: `${maskUserinfo(urls.traces)} is our own ${own.section}`,
        knob: `${section}.endpoint`,
      })
    }
  }
  return findings
}
