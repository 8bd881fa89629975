/** Pages of records → OTLP, each record by the translator of its format, received when it was written: the same whenever it is read. */

import type { TranslatedBody } from '../../ingest/adapter.ts'
import { DocumentFate } from '../../ingest/documents.ts'
import { createMessageTranslator } from '../../ingest/index.ts'
import { type MessageEncoding, type MessageTranslator, messageEncodings } from '../../ingest/messages.ts'
import type { KafkaMessage } from '../../net/kafka-records.ts'
import type { Signal } from '../../otlp/intake.ts'
import { createIdentitySum } from '../identity.ts'
import type { TranslatedPage } from '../model.ts'
import type { SourceDeps } from '../source.ts'
import type { RecordPage } from './kafka-reader.ts'
import { createPageMemory, type PageMemory } from './page-memory.ts'
import { createPageBuilder, type PageBuilder, refusalOf } from './payload-page.ts'

/** What the records of a topic are. */
export const recordFormats = [...messageEncodings, 'beats-json'] as const

export type RecordFormat = (typeof recordFormats)[number]

/** Translates the values; returns, for each message, whether something of it went on. */
type ValuesTranslator = (
  messages: readonly KafkaMessage[],
  where: (message: KafkaMessage) => string,
  page: PageBuilder,
) => readonly boolean[]

/** A message that became nothing at all is left out; of one that lost a part, that is noted. */
function account(body: TranslatedBody, page: PageBuilder, where: string, raw: Uint8Array): boolean {
  for (const { reason, count } of body.notes) page.note(reason, count)
  const { items, drops } = body
  const requests = items + (body.others ?? []).reduce((all, one) => all + one.items, 0)
  const [first] = drops
  if (requests === 0 && first !== undefined) {
    page.skip(first.reason, 1, { where, message: first.example, raw })
    return false
  }
  for (const { reason, count } of drops) page.note(`part_${reason}`, count)
  return true
}

function eachByItself({ translate, signal }: MessageTranslator, memory: PageMemory): ValuesTranslator {
  return (messages, where, page) => {
    const made = new Map<Signal, { items: number; readonly parts: Uint8Array[] }>()
    const keep = (of: Signal, items: number, data: Uint8Array): void => {
      if (items === 0) return
      const found = made.get(of)
      if (found === undefined) made.set(of, { items, parts: [data] })
      else {
        found.items += items
        found.parts.push(data)
      }
    }
    const kept = messages.map((message) => {
      const { value, timestampMs } = message
      if (value === undefined || value.length === 0) {
        page.skip(value === undefined ? 'null_value' : 'empty_value', 1)
        return false
      }
      try {
        const body = translate(value, timestampMs)
        keep(signal, body.items, body.data)
        for (const other of body.others ?? []) keep(other.signal, other.items, other.data)
        return account(body, page, where(message), value)
      } catch (error) {
        const { reason, message: words } = refusalOf(error)
        page.skip(reason, 1, { where: where(message), message: words, raw: value })
        return false
      }
    })
    for (const [of, { items, parts }] of made) page.request(of, items, memory.join(parts), true)
    memory.reclaim()
    return kept
  }
}

/** What Beats write: one document a record, with `@metadata`. */
async function beatsJson({ translate, userMapping }: Pick<SourceDeps, 'translate' | 'userMapping'>): Promise<ValuesTranslator> {
  const { createDocumentBatcher } = await import('../../ingest/elasticsearch/batcher.ts')
  const { documentLimitsOf, elasticsearchConfig } = await import('../../ingest/elasticsearch/config.ts')
  const own = translate.elasticsearch
  let atMs = 0
  const batcher = createDocumentBatcher({
    limits: documentLimitsOf(elasticsearchConfig.parse({}).limits),
    translate: own,
    fields: own.mapping === undefined ? undefined : (await userMapping?.(own.mapping, 'elasticsearch'))?.fields,
    metadata: true,
    nowMs: () => atMs,
  })
  return (messages, where, page) => {
    const piece = Buffer.concat(messages.map(({ value }) => value ?? new Uint8Array(0)))
    let start = 0
    atMs = messages[0]?.timestampMs ?? 0
    batcher.open(piece)
    const kept = messages.map((message) => {
      const { value } = message
      const from = start
      start += value?.length ?? 0
      if (value === undefined || value.length === 0) {
        page.skip(value === undefined ? 'null_value' : 'empty_value', 1)
        return false
      }
      const fate = batcher.add(from, start, { index: undefined, id: '', pipeline: '' })
      if (fate < DocumentFate.Discarded) return true
      page.skip(
        batcher.reason,
        1,
        fate === DocumentFate.Refused ? { where: where(message), message: batcher.message, raw: value } : undefined,
      )
      return false
    })
    for (const { signal, items, data } of batcher.take()) page.request(signal, items, data)
    for (const { reason, count } of batcher.notes()) page.note(reason, count)
    return kept
  }
}

/** Creates what translates pages of one topic. @param signal of OTLP messages; all others hold what they hold */
export async function createPageTranslator(
  format: RecordFormat,
  signal: Signal,
  deps: Pick<SourceDeps, 'translate' | 'userMapping'>,
  topic: string,
): Promise<(partition: number, page: RecordPage) => TranslatedPage> {
  const isMessage = (one: RecordFormat): one is MessageEncoding => one !== 'beats-json'
  const memory = createPageMemory()
  const values = isMessage(format)
    ? eachByItself(await createMessageTranslator(format, signal, deps.translate, undefined, memory), memory)
    : await beatsJson(deps)
  return (partition, { messages, lost, gaps }) => {
    const page = createPageBuilder()
    const sum = createIdentitySum()
    page.read = messages.length
    for (const { offset, count, reason } of lost) {
      page.read += count
      const message = `${count} ${count === 1 ? 'record' : 'records'} from offset ${offset} on: ${reason}`
      page.skip(reason, count, { where: `${topic}/${partition}/${offset}`, message })
    }
    if (gaps > 0) page.note('gaps', gaps)
    const kept = values(messages, ({ offset }) => `${topic}/${partition}/${offset}`, page)
    messages.forEach(({ offset, timestampMs, value }, index) => {
      page.bytes += value?.length ?? 0
      page.time(timestampMs)
      if (kept[index] !== true) return
      sum.number(partition)
      sum.number(offset)
      sum.item()
    })
    return page.page(sum.value())
  }
}
