/** Limits against each other: what the kernel grants this process (file descriptors, receive buffers), what the queue holds. */

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

/** Warns of endpoints that take requests which a queue, even an empty one, could never hold: those would be refused for ever. */
export const checkQueueHoldsBodies: Check = async ({ config: { queue }, endpoints }) => {
  if (!('maxSize' in queue) || typeof queue.maxSize !== 'number') return []
  const { maxSize } = queue
  return endpoints.flatMap(({ name, settings }): Finding[] => {
    const { limits } = sectionOf(settings)
    const { body } = (typeof limits === 'object' && limits !== null ? limits : {}) as { body?: unknown }
    if (typeof body !== 'number' || body <= maxSize) return []
    return [
      {
        check: 'limits',
        about: `ingest.${name}, largest request`,
        level: 'warn',
        seen: `requests of up to ${printByteSize(body)} are taken, the queue holds ${printByteSize(maxSize)}: one that is larger is refused for ever`,
        knob: `queue.maxSize, or a lower ingest.${name}.limits.body`,
      },
    ]
  })
}
