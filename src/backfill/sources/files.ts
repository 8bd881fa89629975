/**
 * `files`: what was saved of a store or an agent (mapping/backfill.md 2.11): Jaeger UI JSON, Zipkin JSON, elasticdump and hits, captures of `_bulk` and of
 * remote-write, OTLP JSON lines, OpenMetrics; plain, gzip or zstd, told by their bytes and never by their names. A file of 10 GB is never in memory.
 */

import { stat } from 'node:fs/promises'
import { z } from 'zod'
import { BridgeError } from '../../errors.ts'
import { sourceFault } from '../../read/patient-client.ts'
import type { Json, Plan, PlanGroup, SliceSpec } from '../model.ts'
import type { SliceReader, Source, SourceDeps } from '../source.ts'
import type { SourceKind } from '../source-kind.ts'
import { type ByteSource, type Head, headOf, openFile, openInput } from './files/bytes.ts'
import { type FileKind, fileKinds, kindOf } from './files/detect.ts'
import { createRecordFilter, isFiltered } from './files/filter.ts'
import { fileIdentity, findFiles, inputName } from './files/find.ts'
import { createRecordsTranslator } from './files/payloads.ts'
import { createFileReader, isLines } from './files/reader.ts'
import { countByReading } from './payload-page.ts'

const options = z.strictObject({
  as: z
    .enum([...fileKinds, 'logs'])
    .optional()
    .describe('What the files hold, where their first bytes do not say it or say something else. `logs`: documents, one a line.'),
})

type Options = z.output<typeof options>

/** Lines are read in slices of this many bytes. */
const sliceBytes = 256 * 1024 * 1024

interface OneFile {
  readonly path: string
  readonly size: number
  readonly mtimeMs: number
  readonly head: Head
  readonly identity: string
  readonly kind: FileKind
}

const given = ({ as }: Options): FileKind | undefined => (as === 'logs' ? 'es-docs' : as)

function kindFor(path: string, head: Head, options: Options): FileKind {
  const kind = given(options) ?? kindOf(head.plain)
  if (kind === undefined)
    throw new BridgeError(
      'OB_CONFIG',
      `cannot read ${path}: its first bytes are those of nothing that is known; say what it is with --as`,
      { place: path },
    )
  return kind
}

/** Undefined: there is nothing in it. */
async function lookAt(path: string, options: Options): Promise<OneFile | undefined> {
  const head = await headOf(path)
  const { size, mtimeMs } = await stat(path)
  if (size === 0) return undefined
  return {
    path,
    size,
    mtimeMs: Math.floor(mtimeMs),
    head,
    identity: fileIdentity(path, size, head.raw),
    kind: kindFor(path, head, options),
  }
}

function slicesOf({ path, size, identity, kind, head }: OneFile): SliceSpec[] {
  const isCut = head.compression === 'none' && isLines(kind)
  const count = isCut ? Math.max(1, Math.ceil(size / sliceBytes)) : 1
  return Array.from({ length: count }, (_, index) => {
    const part = count === 1 ? {} : { from: index * sliceBytes, to: Math.min((index + 1) * sliceBytes, size) }
    const bytes = 'from' in part ? (part.to ?? 0) - (part.from ?? 0) : size
    return { key: { file: path, identity, kind, ...part }, group: path, fromMs: undefined, toMs: undefined, items: 0, bytes }
  })
}

const textIn = (key: SliceSpec['key'], name: string): string => {
  const value = key[name]
  if (typeof value !== 'string') throw new Error(`BUG: a slice without ${name}`)
  return value
}

/** The file as it was planned. Rejects with OB_SOURCE, `vanished`, when it is another by now. */
async function asPlanned(slice: SliceSpec): Promise<{ readonly head: Head; readonly mtimeMs: number }> {
  const path = textIn(slice.key, 'file')
  const head = await headOf(path)
  const { size, mtimeMs } = await stat(path)
  if (fileIdentity(path, size, head.raw) !== slice.key['identity'])
    throw sourceFault('vanished', `cannot read ${path}: it is not the file that was planned: its size or its beginning is another`, path)
  return { head, mtimeMs: Math.floor(mtimeMs) }
}

function readFileSlice(slice: SliceSpec, cursor: Json | undefined, deps: SourceDeps): SliceReader {
  const path = textIn(slice.key, 'file')
  const kind = fileKinds.find((one) => one === slice.key['kind'])
  if (kind === undefined) throw new Error('BUG: a slice without a kind')
  const { from, to } = slice.key
  let planned: ReturnType<typeof asPlanned> | undefined
  const known = (): ReturnType<typeof asPlanned> => (planned ??= asPlanned(slice))
  return createFileReader({
    name: path,
    identity: textIn(slice.key, 'identity'),
    kind,
    from: typeof from === 'number' ? from : 0,
    to: typeof to === 'number' ? to : Number.POSITIVE_INFINITY,
    cursor,
    page: deps.page,
    filter: createRecordFilter(kind, deps.filter),
    open: async (offset) => openFile(path, (await known()).head.compression, offset),
    translator: async () => createRecordsTranslator(kind, deps, (await known()).mtimeMs),
  })
}

const filterNotes = ({ sinceMs, untilMs, services, query }: SourceDeps['filter'], kinds: readonly FileKind[]): readonly string[] => {
  const whole = [...new Set(kinds)].filter((kind) => !isFiltered(kind))
  const isAsked = sinceMs !== undefined || untilMs !== undefined || services.length > 0
  return [
    ...(isAsked && whole.length > 0
      ? [`Files of ${whole.join(', ')} are read whole: --since, --until and --service are not looked at.`]
      : []),
    ...(query === undefined ? [] : ['--query is not looked at in files.']),
  ]
}

async function openFiles(options: Options, args: readonly string[], paths: readonly string[], deps: SourceDeps): Promise<Source> {
  const read = (slice: SliceSpec, cursor: Json | undefined): SliceReader => readFileSlice(slice, cursor, deps)
  return {
    kind: 'files',
    name: paths.length === 1 ? (paths[0] as string) : `${paths.length} files (${args.join(' ').slice(0, 200)})`,
    identity: args.join('\n'),
    unit: 'record',
    approximate: undefined,
    isLocal: true,
    async plan(abort) {
      const groups: PlanGroup[] = []
      const slices: SliceSpec[] = []
      const strange: BridgeError[] = []
      const kinds: FileKind[] = []
      for (const path of paths) {
        if (abort.aborted) throw new BridgeError('OB_STOPPING', 'cannot plan on: the run is stopping')
        const group = { name: path, items: 0, fromMs: undefined, toMs: undefined }
        let one: OneFile | undefined
        try {
          one = await lookAt(path, options)
        } catch (error) {
          if (!(error instanceof BridgeError)) throw error
          strange.push(error)
          groups.push({ ...group, bytes: 0, note: error.message, isUnreadable: true })
          continue
        }
        const packed = one === undefined || one.head.compression === 'none' ? '' : `, ${one.head.compression}`
        groups.push({ ...group, bytes: one?.size ?? 0, note: one === undefined ? 'empty' : `${one.kind}${packed}` })
        if (one === undefined) continue
        kinds.push(one.kind)
        slices.push(...slicesOf(one))
      }
      const [first] = strange
      if (slices.length === 0 && first !== undefined) throw first
      return { groups, slices, notes: filterNotes(deps.filter, kinds) } satisfies Plan
    },
    open: read,
    count: async (slice, deep, abort) => (deep ? countByReading(read(slice, undefined), abort) : undefined),
    async close() {},
  }
}

/** Standard input: one slice, read once. */
async function openStdin(options: Options, deps: SourceDeps, input: AsyncIterable<Uint8Array>): Promise<Source> {
  const { head, source } = await openInput(input)
  const kind = kindFor('standard input', head, options)
  const identity = fileIdentity(inputName, 0, head.raw)
  const startedMs = deps.nowMs()
  let bytes: ByteSource | undefined = source
  return {
    kind: 'files',
    name: 'standard input',
    identity: `stdin ${identity}`,
    unit: 'record',
    approximate: undefined,
    isLocal: true,
    plan: async () => ({
      groups: [{ name: inputName, items: 0, bytes: 0, fromMs: undefined, toMs: undefined, note: kind }],
      slices: [{ key: { file: inputName, identity, kind }, group: inputName, fromMs: undefined, toMs: undefined, items: 0, bytes: 0 }],
      notes: ['Standard input is read once: a run that stopped cannot be gone on with.', ...filterNotes(deps.filter, [kind])],
    }),
    open: (_slice, cursor) =>
      createFileReader({
        name: 'stdin',
        identity,
        kind,
        from: 0,
        to: Number.POSITIVE_INFINITY,
        cursor: undefined,
        page: deps.page,
        filter: createRecordFilter(kind, deps.filter),
        async open() {
          const taken = cursor === undefined ? bytes : undefined
          bytes = undefined
          if (taken === undefined)
            throw sourceFault('source_error', 'cannot go on with standard input: it was read before; give it as a file', inputName)
          return taken
        },
        translator: () => createRecordsTranslator(kind, deps, startedMs),
      }),
    count: async () => undefined,
    async close() {
      await bytes?.close()
    },
  }
}

/** Command `otlp-bridge backfill files 'dump/*.ndjson.gz'`. */
export const files: SourceKind = {
  argument: { name: 'files', variadic: true, description: 'Files, patterns of them, folders, or `-` for standard input.' },
  options,
  async open(given, args, deps) {
    const parsed = options.parse(given)
    if (args.length === 0) throw new BridgeError('OB_CONFIG', 'cannot read files: none is named', { place: 'files' })
    const paths = await findFiles(args)
    return args.includes(inputName) ? openStdin(parsed, deps, process.stdin) : openFiles(parsed, args, paths, deps)
  },
}
