/** Documents as they are stored on the old side → the log records that the bridge makes of them, as plain values: what the new side should have. */

import { loadUserMapping } from '../config/user-mapping.ts'
import { DocumentFate } from '../ingest/documents.ts'
import { createDocumentBatcher } from '../ingest/elasticsearch/batcher.ts'
import { requestToJson } from '../otlp/json/to-json.ts'
import type { Hit } from '../read/elasticsearch-search.ts'
import { type ElasticsearchTranslateConfig, elasticsearchTranslateConfig } from '../translate/elasticsearch/config.ts'
import { ruleOf } from '../translate/elasticsearch/names.ts'
import { Role, Transform } from '../translate/elasticsearch/rules.ts'

/** An OTLP value as JSON has it: integers are text of digits. */
export interface PlainValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: string | number
  readonly doubleValue?: number | string
  readonly bytesValue?: string
  readonly arrayValue?: { readonly values?: readonly PlainValue[] }
  readonly kvlistValue?: { readonly values?: readonly PlainAttribute[] }
}

export interface PlainAttribute {
  readonly key?: string
  readonly value?: PlainValue
}

/** A log record with what it stands in. */
export interface ExpectedRecord {
  /** Index or data stream that it was meant for. */
  readonly index: string
  /** Its id on the old side, which the sender may not have given it. */
  readonly id: string
  /** JSON of the document. */
  readonly source: Uint8Array
  /** 0: the document says no time. */
  readonly timeNs: bigint
  readonly severityNumber: number
  readonly severityText: string
  readonly body: PlainValue | undefined
  readonly attributes: readonly PlainAttribute[]
  readonly resource: readonly PlainAttribute[]
  readonly scope: string
  /** Hex; '' without one. */
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
  readonly eventName: string
}

/** Why there is no record: the document becomes something else, or nothing. */
export type NoRecord = 'span' | 'points' | 'discarded' | 'refused' | 'no_source'

export interface DocumentTranslator {
  /** @param index as the sender named it: data stream or index */
  record(hit: Hit, index: string): ExpectedRecord | NoRecord
  /** Whether more is done with a field than to put it under a name: it is a part of the record, or changed, or left out. */
  isRuled(path: string): boolean
}

interface PlainRecord {
  readonly timeUnixNano?: string
  readonly severityNumber?: number
  readonly severityText?: string
  readonly body?: PlainValue
  readonly attributes?: readonly PlainAttribute[]
  readonly traceId?: string
  readonly spanId?: string
  readonly flags?: number
  readonly eventName?: string
}

interface PlainRequest {
  readonly resourceLogs?: readonly {
    readonly resource?: { readonly attributes?: readonly PlainAttribute[] }
    readonly scopeLogs?: readonly { readonly scope?: { readonly name?: string }; readonly logRecords?: readonly PlainRecord[] }[]
  }[]
}

/** Above what Elasticsearch takes: what it stores, it gives. */
const limits = { maxFields: 100_000, maxListValues: 1_000_000, maxDepth: 100, maxBytes: 128 * 1024 * 1024 }

/** Names of backing indices are those of their data stream with a date and a number. */
export const streamOf = (index: string): string => /^\.ds-(.*)-\d{4}\.\d{2}\.\d{2}-\d{6}$/.exec(index)?.[1] ?? index

/** Creates it with the section `translate.elasticsearch`. Rejects with OB_CONFIG for a mapping file that cannot be used. */
export async function createDocumentTranslator(config: ElasticsearchTranslateConfig | undefined): Promise<DocumentTranslator> {
  const translate = config ?? elasticsearchTranslateConfig.parse({})
  const fields = translate.mapping === undefined ? undefined : (await loadUserMapping(translate.mapping, 'elasticsearch')).fields
  const batcher = createDocumentBatcher({ limits, translate, nowMs: () => 0, ...(fields === undefined ? {} : { fields }) })
  const rules = { renames: translate.ecs.renames, fields }
  return {
    isRuled(path) {
      const rule = ruleOf(path, rules)
      return (
        rule.role !== Role.Attribute || rule.transform !== Transform.None || rule.onlyWhenAbsent !== undefined || rule.shaped.length > 0
      )
    },
    record(hit, index) {
      const { source, id } = hit
      if (source === undefined) return 'no_source'
      batcher.open(source)
      const fate = batcher.add(0, source.length, { index: batcher.index(index), id, pipeline: '' })
      const [part] = batcher.take()
      if (fate === DocumentFate.Span) return 'span'
      if (fate === DocumentFate.Points) return 'points'
      if (fate === DocumentFate.Discarded) return 'discarded'
      if (fate !== DocumentFate.Log || part === undefined) return 'refused'
      const { resourceLogs: [group] = [] } = JSON.parse(Buffer.from(requestToJson('logs', part.data)).toString()) as PlainRequest
      const scope = group?.scopeLogs?.[0]
      const record = scope?.logRecords?.[0] ?? {}
      return {
        index,
        id,
        source,
        timeNs: BigInt(record.timeUnixNano ?? 0),
        severityNumber: record.severityNumber ?? 0,
        severityText: record.severityText ?? '',
        body: record.body,
        attributes: record.attributes ?? [],
        resource: group?.resource?.attributes ?? [],
        scope: scope?.scope?.name ?? '',
        traceId: record.traceId ?? '',
        spanId: record.spanId ?? '',
        flags: record.flags ?? 0,
        eventName: record.eventName ?? '',
      }
    },
  }
}
