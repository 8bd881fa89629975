/** The explicit list of formats. A new one is one line here; nothing registers itself. */

import { z } from 'zod'
import type { Signal } from '../otlp/intake.ts'
import type { AdapterDeps, BodyExplainer, BodyTranslator, Listener } from './adapter.ts'
import { beats } from './beats/carrier.ts'
import { elasticsearch } from './elasticsearch/format.ts'
import { createEndpoints, type Endpoint, type Place, type PlannedEndpoint } from './endpoints.ts'
import type {
  Carried,
  Carrier,
  CarrierContext,
  EndpointStart,
  Format,
  FormatContext,
  Means,
  SamplingLookup,
  UserMappingReader,
} from './format.ts'
import { jaeger } from './jaeger/format.ts'
import { createJaegerTranslators } from './jaeger/translators.ts'
import { kafka } from './kafka/carrier.ts'
import { type DecodeLimits, defaultDecodeLimits } from './limits.ts'
import type { MessageEncoding, MessageTranslator } from './messages.ts'
import { otlp } from './otlp/carrier.ts'
import type { Pages } from './pages.ts'
import { prometheus } from './prometheus/format.ts'
import { zipkin } from './zipkin/format.ts'
import { createZipkinTranslators } from './zipkin/translators.ts'

const formats = {
  zipkin,
  jaeger,
  prometheus,
  elasticsearch,
} as const

/** What brings payloads of these formats, or OTLP, some other way. */
const carriers = {
  beats,
  otlp,
  kafka,
} as const

type Formats = typeof formats
type Name = keyof Formats
type Carriers = typeof carriers

/** The formats with their own types forgotten: each is only ever handed what its own schema gave. */
const entries = Object.entries(formats) as unknown as readonly (readonly [Name, Format<z.ZodType, z.ZodType, string>])[]

const carrierEntries = Object.entries(carriers) as unknown as readonly (readonly [keyof Carriers, Carrier<z.ZodType>])[]

/** An object with one member a format. */
function each<Result>(make: (format: Format<z.ZodType, z.ZodType, string>, name: Name) => unknown): Result {
  return Object.fromEntries(entries.map(([name, format]) => [name, make(format, name)])) as Result
}

/** Section `ingest`: an absent key is an endpoint that is not started. */
export const ingestConfig = z
  .strictObject({
    ...each<{ [F in Name]: z.ZodOptional<Formats[F]['config']> }>((format) => format.config.optional()),
    ...(Object.fromEntries(carrierEntries.map(([name, { config }]) => [name, config.optional()])) as {
      [C in keyof Carriers]: z.ZodOptional<Carriers[C]['config']>
    }),
  })
  .describe('The endpoints. Without this section the legacy ones are started on localhost; with it only those named.')

export type IngestConfig = z.output<typeof ingestConfig>

/** Section `translate`: what changes the OTLP that comes out, by legacy format. */
export const translateConfig = z
  .strictObject({
    semconv: z
      .enum(['stable', 'legacy', 'both'])
      .default('stable')
      .describe(
        'Attribute names where the semantic conventions changed them. stable: network.peer.address and its like; legacy: net.peer.ip, net.peer.port, net.host.ip, net.host.port; both: each under both names, while dashboards move over.',
      ),
    ...each<{ [F in Name]: z.ZodPrefault<Formats[F]['translate']> }>((format) => format.translate.prefault({})),
  })
  .prefault({})
  .describe('How legacy data becomes OTLP.')

export type TranslateConfig = z.output<typeof translateConfig>

/** What starting endpoints needs beside their sections. */
export interface IngestContext extends AdapterDeps {
  readonly pages: Pages
  /** Sampling strategies, for Jaeger clients that ask for theirs. */
  readonly sampling: SamplingLookup
  readonly translate: TranslateConfig
  readonly userMapping: UserMappingReader
  /** What tells one state of the user's mapping files from another, by the format whose option names them: a file that changed is read again. */
  readonly mappingRevisions?: ReadonlyMap<string, string> | undefined
  /** False for all workers but the first: endpoints that must be alone are not theirs. */
  readonly leads?: boolean | undefined
}

/** Everything `ingest` means when the file does not have it. */
export const everyEndpoint = (): IngestConfig => ({
  ...each<IngestConfig>((format) => format.config.parse({})),
  ...Object.fromEntries(
    carrierEntries.filter(([, { byDefault }]) => byDefault === true).map(([name, { config }]) => [name, config.parse({})]),
  ),
})

/** Decoders that travel between formats are joined here, where all formats are known anyway. */
function carriedBy(translate: TranslateConfig, userMapping: UserMappingReader, chunks: AdapterDeps['chunks']): Carried {
  const zipkinTranslators = (limits: DecodeLimits) =>
    createZipkinTranslators({ limits, translate: translate.zipkin, names: translate.semconv, chunks })
  const zipkinList: Carried['zipkinList'] = (limits) => zipkinTranslators(limits).thriftList
  // Loaded where they are wanted: most bridges carry neither.
  const otlpTranslators: Carried['otlp'] = async (limits) =>
    (await import('./otlp/translators.ts')).createOtlpTranslators({ limits, chunks })
  return {
    zipkinList,
    otlp: otlpTranslators,
    async messages(encoding, signal, limits) {
      const { messageTranslator } = await import('./messages.ts')
      const { zipkinMessageFormat } = await import('./zipkin/message.ts')
      return messageTranslator(encoding, signal, {
        jaeger: createJaegerTranslators({ limits, translate: translate.jaeger, zipkinList: zipkinList(limits), chunks }),
        zipkin: zipkinTranslators(limits),
        zipkinFormat: zipkinMessageFormat,
        otlp: await otlpTranslators(limits),
      })
    },
    async documents(limits, { carrier, nowMs, ...deps }) {
      const { createDocumentBatcher } = await import('./elasticsearch/batcher.ts')
      const { createNotices } = await import('./elasticsearch/notices.ts')
      const notices = createNotices(deps, `ingest.${carrier}`)
      const own = translate.elasticsearch
      const fields = own.mapping === undefined ? undefined : (await userMapping(own.mapping, 'elasticsearch')).fields
      return createDocumentBatcher({ limits, translate: own, fields, metadata: carrier === 'beats', notices, nowMs, chunks })
    },
  }
}

const meansOf = (
  name: Name,
  translate: TranslateConfig,
  userMapping: UserMappingReader,
  chunks?: AdapterDeps['chunks'],
): Means<unknown> => ({
  translate: translate[name],
  semconv: translate.semconv,
  chunks,
  carried: carriedBy(translate, userMapping, chunks),
  userMapping,
})

const isListening = (section: object | undefined): section is { readonly host: string; readonly port: number } =>
  section !== undefined && 'host' in section && 'port' in section

const placeOf = (section: object | undefined): Place | undefined =>
  isListening(section) ? { transport: 'receiveBuffer' in section ? 'udp' : 'tcp', host: section.host, port: section.port } : undefined

/** What decides whether a reload concerns an endpoint; its port is in its place. */
function settingsOf(
  name: Name | keyof Carriers,
  start: EndpointStart,
  section: unknown,
  { translate, mappingRevisions, mirrors }: IngestContext,
): unknown {
  const formatsTaken: readonly string[] = start.carries === undefined ? entries.map(([one]) => one) : [name, ...start.carries]
  const own = start.section === undefined ? section : { ...start.section, port: undefined }
  return {
    own,
    semconv: translate.semconv,
    translate: entries.filter(([one]) => formatsTaken.includes(one)).map(([one]) => translate[one]),
    mappings: formatsTaken.map((one) => mappingRevisions?.get(one)),
    // What a mirror is like may change behind its door; whether there is one is asked when an endpoint starts.
    mirrored: mirrors?.(start.name) !== undefined,
  }
}

/** Every endpoint of the section, in order, not started. */
export function planIngest(config: IngestConfig, context: IngestContext): readonly PlannedEndpoint[] {
  const plan: PlannedEndpoint[] = []
  const predecessors = new Map<string, Listener>()
  const before = (section: string): Listener | undefined => predecessors.get(section)
  const add = (name: Name | keyof Carriers, section: unknown, starts: readonly EndpointStart[]): void => {
    for (const start of starts) {
      if (start.alone === true && context.leads === false) continue
      const settings = settingsOf(name, start, section, context)
      const begin = (previous: Listener | undefined): Promise<Listener> => {
        if (previous !== undefined) predecessors.set(`ingest.${start.name}`, previous)
        return start.start().finally(() => predecessors.delete(`ingest.${start.name}`))
      }
      plan.push({ name: start.name, place: placeOf(start.section), settings, start: begin })
    }
  }
  for (const [name, format] of entries) {
    const section = config[name]
    if (section === undefined) continue
    const own: FormatContext<unknown> = { ...context, before, ...meansOf(name, context.translate, context.userMapping, context.chunks) }
    add(name, section, format.endpoints(section, own))
  }
  for (const [name, carrier] of carrierEntries) {
    const section = config[name]
    if (section === undefined) continue
    const own: CarrierContext = { ...context, before, carried: carriedBy(context.translate, context.userMapping, context.chunks) }
    add(name, section, carrier.endpoints(section, own))
  }
  return plan
}

/** Starts every endpoint of the section, in order. All or nothing: when one throws, those before it are stopped and it is thrown on. */
export async function startIngest(config: IngestConfig, context: IngestContext): Promise<readonly Endpoint[]> {
  const endpoints = createEndpoints({ reusePort: context.reusePort === true, drainMs: 0 })
  await endpoints.change(planIngest(config, context))
  return endpoints.list()
}

/** What `otlp-bridge translate --from` takes. */
export type FileFormat = { [F in Name]: keyof Formats[F]['files'] }[Name]

/** Every {@link FileFormat}. */
export const fileFormats: readonly FileFormat[] = entries.flatMap(([, format]) => Object.keys(format.files) as FileFormat[])

/** What a file format holds. */
export function signalOfFile(format: FileFormat): Signal {
  return entries.find(([, { files }]) => files[format] !== undefined)?.[1].signal ?? 'traces'
}

const noMapping: UserMappingReader = (file) => Promise.reject(new Error(`BUG: nothing was given that reads ${file}`))

/** The translator of one file format. @param limits the defaults of the endpoints unless given */
export async function createFileTranslator(
  format: FileFormat,
  translate: TranslateConfig,
  limits: DecodeLimits = defaultDecodeLimits,
  userMapping: UserMappingReader = noMapping,
): Promise<BodyTranslator> {
  for (const [name, { files }] of entries) {
    const make = files[format]
    if (make !== undefined) return make(meansOf(name, translate, userMapping), limits)
  }
  throw new Error(`BUG: no translator for ${format}`)
}

/** The translator of the messages of a topic; as {@link createFileTranslator}. @param chunks where its messages get their memory */
export function createMessageTranslator(
  encoding: MessageEncoding,
  signal: Signal,
  translate: TranslateConfig,
  limits: DecodeLimits = defaultDecodeLimits,
  chunks?: AdapterDeps['chunks'],
): Promise<MessageTranslator> {
  return carriedBy(translate, noMapping, chunks).messages(encoding, signal, limits)
}

/** What says why the OTLP of a file format is what it is; undefined for formats that have nothing to say about it. */
export async function createFileExplainer(
  format: FileFormat,
  translate: TranslateConfig,
  limits: DecodeLimits = defaultDecodeLimits,
): Promise<BodyExplainer | undefined> {
  for (const [name, { files, explainers }] of entries) {
    if (files[format] !== undefined) return (await explainers?.(meansOf(name, translate, noMapping), limits))?.[format]
  }
  return undefined
}
