/** What was noticed while JSON was read, and how a span that cannot be read keeps its place in the batch. */

import { BridgeError } from '../../errors.ts'
import { type KeyValue, noAttributes } from '../../otlp/model.ts'
import type { JaegerBatch, JaegerSpan } from '../../translate/jaeger/model.ts'

/** Why a span of a JSON form cannot be taken; label values of the drop counters, beside the translator's own. */
export type JsonRejection = 'not_json' | 'not_a_span' | 'trace_id_unreadable' | 'span_id_unreadable' | 'time_unreadable'

/** Where a tag stood, and the rule of the mapping that read it, where that is not what tags are otherwise. */
export interface TagOrigin {
  /** `tag.http@status_code`; '' where it stood among the tags. */
  readonly name: string
  readonly rule: 'J-B6' | 'J-B8'
}

/** Origins of tags, by the tag; gathered only for explanations. */
export type TagOrigins = Map<KeyValue, TagOrigin>

/** A decoded document with what its reader noticed. */
export interface JsonBatch {
  readonly batch: JaegerBatch
  /** How often something was noticed that cost no span, by reason. */
  readonly notes: ReadonlyMap<string, number>
  /** What is wrong with the first span of each {@link JsonRejection}, and at which byte. */
  readonly faults: ReadonlyMap<string, string>
}

export interface JsonFindings {
  note(reason: string): void
  origin(tag: KeyValue, rule: TagOrigin['rule'], name: string): void
  /** Says that the span which will stand at `index` cannot be read, and gives the word for {@link JaegerSpan.invalid}. */
  reject(reason: JsonRejection, index: number, at: number, what: string): JsonRejection
  /** Throws OB_DECODE_JSON when there are spans, so many, and not one of them could be read. */
  check(spans: number): void
  /** The batch. Throws as `check` does. */
  batch(spans: readonly JaegerSpan[], nanosPerTick: number): JsonBatch
  readonly notes: JsonBatch['notes']
  readonly faults: JsonBatch['faults']
}

export function createJsonFindings(origins?: TagOrigins): JsonFindings {
  const notes = new Map<string, number>()
  const faults = new Map<string, string>()
  let first: { readonly text: string; readonly at: number } | undefined
  let rejected = 0
  const check = (spans: number): void => {
    if (first !== undefined && rejected === spans) {
      throw new BridgeError('OB_DECODE_JSON', `cannot read spans: none of ${rejected} can be read; ${first.text}`, {
        place: `byte ${first.at}`,
      })
    }
  }
  return {
    notes,
    faults,
    check,
    note(reason) {
      notes.set(reason, (notes.get(reason) ?? 0) + 1)
    },
    origin(tag, rule, name) {
      origins?.set(tag, { rule, name })
    },
    reject(reason, index, at, what) {
      const text = `span ${index} at byte ${at}: ${what}`
      first ??= { text, at }
      rejected++
      if (!faults.has(reason)) faults.set(reason, text)
      return reason
    },
    batch(spans, nanosPerTick) {
      check(spans.length)
      return { batch: { nanosPerTick, process: undefined, spans, seqNo: undefined, stats: undefined }, notes, faults }
    },
  }
}

/** Holds the place of something that is no span at all, so that places in the batch are places in the input. */
export function placeholder(reason: JsonRejection): JaegerSpan {
  return {
    trace0: 0,
    trace1: 0,
    trace2: 0,
    trace3: 0,
    span0: 0,
    span1: 0,
    parent0: 0,
    parent1: 0,
    operationName: '',
    references: [],
    flags: 0,
    startHi: 0,
    startLo: 0,
    durationHi: 0,
    durationLo: 0,
    tags: noAttributes,
    logs: [],
    process: undefined,
    warnings: [],
    invalid: reason,
  }
}
