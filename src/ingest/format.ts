/** What a legacy format is to the rest of the program: its sections of the configuration, its endpoints, its file forms. */

import type { z } from 'zod'
import type { ChunkPool } from '../otlp/encode/chunks.ts'
import type { Signal } from '../otlp/intake.ts'
import type { FieldMapping } from '../translate/elasticsearch/user-fields.ts'
import type { UserMapping } from '../translate/prometheus/user-mapping.ts'
import type { AdapterDeps, BodyExplainer, BodyTranslator, Listener, OtlpTranslators, TranslatedBody } from './adapter.ts'
import type { DocumentBatcher } from './documents.ts'
import type { DocumentLimits } from './elasticsearch/decode-document.ts'
import type { DecodeLimits } from './limits.ts'
import type { MessageEncoding, MessageTranslator } from './messages.ts'
import type { Pages } from './pages.ts'
import type { ThriftReader } from './thrift.ts'

/** What all translators of a format are made with. */
export interface Means<Translate> {
  /** The format's section below `translate`. */
  readonly translate: Translate
  /** Attribute names where the semantic conventions changed them: `translate.semconv`. */
  readonly semconv: 'stable' | 'legacy' | 'both'
  /** Where encoded requests get their memory; files have no pool. */
  readonly chunks?: ChunkPool | undefined
  readonly carried: Carried
  /** Reads the user's own mapping file. Rejects with OB_CONFIG that lists what is wrong with it. */
  readonly userMapping: UserMappingReader
}

/** What the user's own mapping file says, by what it is about. */
export interface UserMappings {
  readonly metrics: UserMapping
  readonly fields: FieldMapping
}

/** @param format whose option `mapping` names the file */
export type UserMappingReader = (file: string, format: 'prometheus' | 'elasticsearch') => Promise<UserMappings>

/** Who brings documents, and what it is told and counted with. */
export interface DocumentOptions extends Pick<AdapterDeps, 'metrics' | 'log' | 'nowMs'> {
  readonly carrier: 'beats'
}

/** Decoders of one format that another one's protocol carries; handed round, so that no format imports a sibling. */
export interface Carried {
  /** A list of Zipkin v1 spans at a Thrift reader's place: what `emitZipkinBatch` brings to a Jaeger agent's port. */
  zipkinList(limits: DecodeLimits): (reader: ThriftReader, receivedAtMs: number) => TranslatedBody
  /** OTLP itself, of every signal. */
  otlp(limits: DecodeLimits): Promise<OtlpTranslators>
  /** The messages of a topic. @param signal what they hold; only OTLP may hold others than traces */
  messages(encoding: MessageEncoding, signal: Signal, limits: DecodeLimits): Promise<MessageTranslator>
  /** Documents of Elasticsearch. @param options.carrier what brings them: with `beats` they say in `@metadata` where they were to go */
  documents(limits: DocumentLimits, options: DocumentOptions): Promise<DocumentBatcher>
}

/** What a Jaeger client is told about sampling, in every form it may ask for. */
export interface SamplingAnswer {
  /** Enums as text. */
  readonly json: string
  /** Enums as numbers, as clients made with Thrift 0.9.2 want them. */
  readonly legacyJson: string
  /** A `jaeger.api_v2.SamplingStrategyResponse`. */
  readonly proto: Uint8Array
}

/** Finds the strategy of a service. Rejects when there is none to be had now. */
export type SamplingLookup = (service: string) => Promise<SamplingAnswer>

export interface FormatContext<Translate> extends AdapterDeps, Means<Translate> {
  readonly pages: Pages
  readonly sampling: SamplingLookup
}

/** One endpoint of a format, not yet started. */
export interface EndpointStart {
  /** As in `interface.md`: `zipkin`, `jaeger.compact`. */
  readonly name: string
  /** Its part of the configuration, defaults filled in. Decides whether a reload concerns it; absent: the format's whole section does. */
  readonly section?: object | undefined
  /** Formats whose payloads it takes beside its own: a change of how those are translated concerns it, too. Absent: all formats. */
  readonly carries?: readonly string[] | undefined
  /** Of several workers one alone opens it: what belongs together comes over several connections, and must meet in one process. */
  readonly alone?: boolean
  start(): Promise<Listener>
}

/** A format: one folder below `ingest`, one below `translate`, one entry in `ingest/index.ts`. */
export interface Format<Ingest extends z.ZodType, Translate extends z.ZodType, File extends string> {
  /** Its section below `ingest`. `{}` means all of its endpoints. */
  readonly config: Ingest
  /** Its section below `translate`. */
  readonly translate: Translate
  /** What its items are; default: traces. */
  readonly signal?: Signal
  /** What the section starts, in order. */
  endpoints(config: z.output<Ingest>, context: FormatContext<z.output<Translate>>): readonly EndpointStart[]
  /** Its forms in files, as `otlp-bridge translate --from` names them. */
  readonly files: Readonly<
    Record<File, (means: Means<z.output<Translate>>, limits: DecodeLimits) => BodyTranslator | Promise<BodyTranslator>>
  >
  /** Says why their OTLP is what it is, for each form in files. Loaded when it is asked for: endpoints do without. */
  explainers?(means: Means<z.output<Translate>>, limits: DecodeLimits): Promise<Readonly<Record<File, BodyExplainer>>>
}

export interface CarrierContext extends AdapterDeps {
  readonly carried: Carried
  readonly pages: Pages
}

/** Endpoints that bring payloads of other formats, or OTLP: one folder below `ingest`, none below `translate`. */
export interface Carrier<Ingest extends z.ZodType> {
  /** Its section below `ingest`. */
  readonly config: Ingest
  /** Started without a section `ingest`, as the formats are. Default: off unless named. */
  readonly byDefault?: boolean
  /** What the section starts, in order. */
  endpoints(config: z.output<Ingest>, context: CarrierContext): readonly EndpointStart[]
}

/** Types a carrier by its own schema. */
export function defineCarrier<Ingest extends z.ZodType>(carrier: Carrier<Ingest>): Carrier<Ingest> {
  return carrier
}

/** Types a format by its own schemas. */
export function defineFormat<Ingest extends z.ZodType, Translate extends z.ZodType, File extends string>(
  format: Format<Ingest, Translate, File>,
): Format<Ingest, Translate, File> {
  return format
}
