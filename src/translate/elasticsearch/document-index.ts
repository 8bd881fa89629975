/** An index as the documents in it carry it: its name and its data stream as attributes that are encoded once. */

import { textValue } from '../../otlp/attributes.ts'
import { prepareLogAttributes } from '../../otlp/encode/logs.ts'
import { createKey } from '../../otlp/keys.ts'
import type { KeyValue } from '../../otlp/model.ts'
import { type DataStream, indexInfo } from './index-names.ts'

export interface DocumentIndex {
  readonly name: string
  /** One of `IndexKind`. */
  readonly kind: number
  readonly dataStream: DataStream | undefined
  /** Attributes of a record as they stand in it: the index, and the data stream where the name has one. */
  readonly withStream: Uint8Array
  /** The same without the data stream: for documents that name theirs. */
  readonly alone: Uint8Array
  /** The data stream alone. */
  readonly stream: Uint8Array
}

const indexKey = createKey('elasticsearch.index')
const typeKey = createKey('data_stream.type')
const datasetKey = createKey('data_stream.dataset')
const namespaceKey = createKey('data_stream.namespace')

/** @param onRecord whether `elasticsearch.index` is an attribute of the record */
export function createDocumentIndex(name: string, onRecord: boolean): DocumentIndex {
  const { kind, dataStream } = indexInfo(name)
  const own: KeyValue[] = onRecord ? [textValue(indexKey, name)] : []
  const stream: KeyValue[] =
    dataStream === undefined
      ? []
      : [textValue(typeKey, dataStream.type), textValue(datasetKey, dataStream.dataset), textValue(namespaceKey, dataStream.namespace)]
  return {
    name,
    kind,
    dataStream,
    withStream: prepareLogAttributes([...own, ...stream]),
    alone: prepareLogAttributes(own),
    stream: prepareLogAttributes(stream),
  }
}
