/** The bytes of a recorded connection of Beats, translated as the listener does it; without sockets, queue and acks. */

import type { BodyTranslator } from '../../src/ingest/adapter.ts'
import { beatsConfig, eventLimitsOf, frameLimitsOf } from '../../src/ingest/beats/config.ts'
import { createCounters } from '../../src/ingest/beats/counters.ts'
import { createGatherer } from '../../src/ingest/beats/gather.ts'
import { createPieceMemory } from '../../src/ingest/beats/piece.ts'
import { createReader } from '../../src/ingest/beats/reader.ts'
import type { DocumentPart } from '../../src/ingest/documents.ts'
import { createDuplicates } from '../../src/ingest/duplicates.ts'
import { createDocumentBatcher } from '../../src/ingest/elasticsearch/batcher.ts'
import { createItemBooks } from '../../src/ingest/receive.ts'
import { elasticsearchTranslateConfig } from '../../src/translate/elasticsearch/config.ts'
import { createFakeDeps } from '../ingest/support/fakes.ts'

/** Translates one connection with the options as they are. Throws what ends a connection, and for a window that is not whole. */
export const translateConnection: BodyTranslator = (bytes, receivedAtMs) => {
  const config = beatsConfig.parse({})
  const nowMs = (): number => receivedAtMs
  const deps = createFakeDeps(nowMs)
  const counters = createCounters(deps.metrics)
  const parts: DocumentPart[] = []
  let fault: unknown
  const translate = elasticsearchTranslateConfig.parse({})
  const batcher = createDocumentBatcher({ limits: eventLimitsOf(config), translate, metadata: true, nowMs })
  const reader = createReader(
    {
      frames: frameLimitsOf(config),
      inflate: { maxBytes: config.maxInflated, maxRatio: config.limits.ratio },
      gatherer: createGatherer({ ...deps, batcher, counters, books: createItemBooks('beats', deps, 'dropped', 'logs') }),
      memory: createPieceMemory(),
      duplicates: createDuplicates({ ...config.dedupe, ttlMs: config.dedupe.ttl, nowMs }),
      counters,
      monotonicMs: nowMs,
    },
    new Uint8Array(0),
    {
      mayRead: () => true,
      begun() {},
      whole: (window) => void parts.push(...window.gathered.parts),
      empty() {},
      spill: () => Promise.reject(new Error('BUG: a recording is not that large')),
      rested() {},
      held() {},
      failed: (error) => void (fault = error),
    },
  )
  // What is smaller than a recording of ours is inflated at once: all of it is read when `go` returns.
  reader.give(new Uint8Array(bytes))
  reader.go()
  if (fault !== undefined) throw fault
  if (reader.busy || !reader.between) throw new Error('the recording ends in the middle of a window')
  const items = parts.reduce((sum, part) => sum + part.items, 0)
  return { received: items, items, data: Buffer.concat(parts.map(({ data }) => data)), drops: [], notes: [] }
}
