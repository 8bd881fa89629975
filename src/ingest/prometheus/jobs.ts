/** Whose samples are in a request, by job: for the books, and for who of the senders is moved to the new side. */

import { longestService, type ServiceCount } from '../../otlp/batch.ts'
import { ProtoReader, WireType } from '../../otlp/decode/reader.ts'
import type { MetricPoints } from '../../otlp/metrics.ts'

const bytesOf = (field: number): number => (field << 3) | WireType.Bytes

/** Read once for each resource, which is encoded once for each target. */
const known = new WeakMap<Uint8Array, string>()

const textAt = (reader: ProtoReader): string => {
  const end = reader.length()
  const text = Buffer.from(reader.bytes.buffer, reader.bytes.byteOffset + reader.at, end - reader.at).toString()
  reader.at = end
  return text
}

/** `service.namespace/service.name` of a `Resource`: the job of Prometheus. */
function readJob(bytes: Uint8Array): string {
  let namespace = ''
  let name = ''
  const reader = new ProtoReader(bytes)
  while (reader.at < bytes.length) {
    const tag = reader.varint32()
    if (tag !== bytesOf(1)) {
      reader.skip(tag)
      continue
    }
    const end = reader.length()
    reader.end = end
    let key = ''
    while (reader.at < end) {
      const part = reader.varint32()
      if (part === bytesOf(1)) key = textAt(reader)
      else if (part === bytesOf(2) && (key === 'service.name' || key === 'service.namespace')) {
        const valueEnd = reader.length()
        const isText = reader.at < valueEnd && reader.varint32() === bytesOf(1)
        const value = isText ? textAt(reader) : ''
        if (key === 'service.name') name = value
        else namespace = value
        reader.at = valueEnd
      } else reader.skip(part)
    }
    reader.end = bytes.length
  }
  return (namespace === '' ? name : `${namespace}/${name}`).slice(0, longestService)
}

/** Points by job; a job may come twice. */
export function countJobs(points: Pick<MetricPoints, 'count' | 'resources'>): readonly ServiceCount[] {
  const counts: ServiceCount[] = []
  const { count, resources } = points
  for (let at = 0; at < count; ) {
    const { bytes } = resources[at] as (typeof resources)[number]
    const from = at++
    while (at < count && resources[at]?.bytes === bytes) at++
    let service = known.get(bytes)
    if (service === undefined) known.set(bytes, (service = readJob(bytes)))
    const last = counts.at(-1)
    if (last?.service === service) counts[counts.length - 1] = { service, items: last.items + at - from }
    else counts.push({ service, items: at - from })
  }
  return counts
}
