/** What the kernel grants this process: file descriptors and receive buffers. */

import { printByteSize } from '../config/units.ts'
import type { Check, Finding, Subject } from './finding.ts'

const sectionOf = (settings: unknown): Readonly<Record<string, unknown>> => {
  const own = typeof settings === 'object' && settings !== null && 'own' in settings ? settings.own : undefined
  return typeof own === 'object' && own !== null ? { ...own } : {}
}

const connectionsOf = (settings: unknown): number => {
  const { limits } = sectionOf(settings)
  const { connections } = (typeof limits === 'object' && limits !== null ? limits : {}) as { connections?: unknown }
  return typeof connections === 'number' ? connections : 0
}

/** Beside connections: the queue's files, the log, what Node.js has open itself. */
const ownDescriptors = 100

/** Descriptors that this configuration may need at most. */
const wantedDescriptors = ({ endpoints }: Subject): number =>
  endpoints.reduce((sum, { settings }) => sum + connectionsOf(settings), ownDescriptors)

/** Compares the limit on open files with the connections that are allowed to come. */
export const checkDescriptors: Check = async (subject, { readText }) => {
  const row = /^Max open files\s+(\S+)/m.exec((await readText('/proc/self/limits')) ?? '')?.[1]
  if (row === undefined) return []
  const about = { check: 'limits', about: 'file descriptors' }
  const wanted = wantedDescriptors(subject)
  const granted = row === 'unlimited' ? Number.POSITIVE_INFINITY : Number(row)
  const seen = `${row} may be open, ${wanted} are needed when every listener is at limits.connections`
  if (granted >= wanted) return [{ ...about, level: 'ok', seen }]
  return [{ ...about, level: 'warn', seen, knob: `LimitNOFILE=${wanted} (systemd), ulimit -n ${wanted}, or lower limits.connections` }]
}

/** Compares the receive buffers of the datagram ports with what the kernel grants. */
export const checkReceiveBuffers: Check = async ({ endpoints }, { readText }) => {
  const granted = Number((await readText('/proc/sys/net/core/rmem_max')) ?? Number.NaN)
  if (Number.isNaN(granted)) return []
  return endpoints.flatMap(({ name, settings }): Finding[] => {
    const { receiveBuffer } = sectionOf(settings)
    if (typeof receiveBuffer !== 'number') return []
    const about = { check: 'limits', about: `ingest.${name}, receive buffer` }
    const seen = `the kernel grants ${printByteSize(granted)}, ${printByteSize(receiveBuffer)} are wanted`
    if (granted >= receiveBuffer) return [{ ...about, level: 'ok', seen }]
    return [
      {
        ...about,
        level: 'warn',
        seen: `${seen}: in a burst, datagrams are lost sooner`,
        knob: `sysctl -w net.core.rmem_max=${receiveBuffer}, and a file below /etc/sysctl.d for the next boot; or ingest.${name}.receiveBuffer`,
      },
    ]
  })
}
