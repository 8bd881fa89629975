/** Templates, policies, pipelines and data streams: kept as they were put, and given back in the form of each. */

import type { Bodies } from './handshake-bodies.ts'
import { type Asked, acknowledged, isParsed, isSet, largestParsed, replyError, replyIndexMissing, replyJson } from './handshake-replies.ts'
import type { Find, Route } from './handshake-routes.ts'
import { entryNameFault, fits, isPattern, namesOf, newIndexFault } from './names.ts'
import type { EntryHead, EntryKind, Registry } from './registry.ts'

export interface EntriesOptions {
  readonly registry: () => Promise<Registry>
  readonly bodies: Bodies
}

/** Bytes of answers that are on their way to clients that may not read them; more is told to come back. */
const mostUnsent = 64 * 1024 * 1024

/** How one kind is put, shown and missed. */
interface EntryForm {
  readonly kind: EntryKind
  /** Of the counter: the path. */
  readonly endpoint: string
  /** What is kept of a body. */
  normalize(body: Readonly<Record<string, unknown>>): object
  /** The entry in the answer, as JSON text. */
  show(head: EntryHead, body: string): string
  /** Member that lists them; undefined where the names are the members. */
  readonly list?: string
  /** What `_cat/templates` shows. */
  line?(body: Readonly<Record<string, unknown>>): readonly unknown[]
  readonly lowerCase?: boolean
  readonly noBody?: boolean
  /** Answers 404 for a name that is not there. @param change true when it was to be deleted */
  missing(asked: Asked, name: string, change: boolean): void
  /** Whether a pattern that fits nothing is 404, too. */
  readonly patternMissing?: boolean
  /** Refuses a name that is taken; undefined where an entry is put over the other. */
  taken?(name: string): readonly [type: string, reason: string]
  /** Refuses it with `?create=true`. */
  exists?(name: string): string
}

const named = ({ name }: EntryHead, body: string): string => `${JSON.stringify(name)}:${body}`

const notFound =
  (words: string) =>
  (asked: Asked, name: string): void =>
    replyError(asked, 404, 'resource_not_found_exception', `${words}[${name}] not found`)

const templateMissing = (asked: Asked, name: string): void =>
  replyError(asked, 404, 'index_template_missing_exception', `index_template [${name}] missing`)

/** `[filebeat-*, logs]`. */
const patternsOf = (value: unknown): string =>
  `[${(Array.isArray(value) ? value : [value]).filter((one) => typeof one === 'string').join(', ')}]`

/** In the order of their paths below the root. */
const forms: readonly EntryForm[] = [
  {
    kind: 'template',
    endpoint: '_template',
    // 6.x said `template` for the patterns.
    normalize: ({ template, ...body }) => ({
      order: 0,
      ...(body['index_patterns'] === undefined && template !== undefined ? { index_patterns: [template] } : {}),
      settings: {},
      mappings: {},
      aliases: {},
      ...body,
    }),
    show: named,
    line: (body) => [patternsOf(body['index_patterns']), body['order'], body['version'], ''],
    lowerCase: true,
    missing(asked, name, change) {
      if (change) templateMissing(asked, name)
      else replyJson(asked, 404, {})
    },
    patternMissing: true,
    exists: (name) => `index_template [${name}] already exists`,
  },
  {
    kind: 'index_template',
    endpoint: '_index_template',
    normalize: (body) => ({ composed_of: [], ...body }),
    show: ({ name }, body) => `{"name":${JSON.stringify(name)},"index_template":${body}}`,
    list: 'index_templates',
    line: (body) => [patternsOf(body['index_patterns']), body['priority'], body['version'], patternsOf(body['composed_of'] ?? [])],
    lowerCase: true,
    missing: (asked, name, change) => (change ? templateMissing(asked, name) : notFound('index template matching ')(asked, name)),
    patternMissing: true,
    exists: (name) => `index template [${name}] already exists`,
  },
  {
    kind: 'component_template',
    endpoint: '_component_template',
    normalize: (body) => body,
    show: ({ name }, body) => `{"name":${JSON.stringify(name)},"component_template":${body}}`,
    list: 'component_templates',
    missing: notFound('component template matching '),
    patternMissing: true,
    exists: (name) => `component template [${name}] already exists`,
  },
  {
    kind: 'ilm_policy',
    endpoint: '_ilm/policy',
    normalize: (body) => body['policy'] ?? {},
    show: ({ name, revision, changedMs }, body) =>
      `${JSON.stringify(name)}:{"version":${revision},"modified_date":"${new Date(changedMs).toISOString()}","policy":${body},"in_use_by":{"indices":[],"data_streams":[],"composable_templates":[]}}`,
    missing: (asked, name) => replyError(asked, 404, 'resource_not_found_exception', `Lifecycle policy not found: ${name}`),
  },
  {
    kind: 'pipeline',
    endpoint: '_ingest/pipeline',
    normalize: (body) => body,
    show: named,
    missing(asked, name, change) {
      if (change) replyError(asked, 404, 'resource_not_found_exception', `pipeline [${name}] is missing`)
      else replyJson(asked, 404, {})
    },
    patternMissing: true,
  },
  {
    kind: 'data_stream',
    endpoint: '_data_stream',
    normalize: () => ({}),
    show: ({ name }) =>
      `{"name":${JSON.stringify(name)},"timestamp_field":{"name":"@timestamp"},"indices":[],"generation":1,"status":"GREEN","hidden":false,"system":false,"allow_custom_routing":false,"replicated":false}`,
    list: 'data_streams',
    noBody: true,
    missing: replyIndexMissing,
    taken: (name) => ['resource_already_exists_exception', `data_stream [${name}] already exists`],
  },
]

/** What is shown of a name or a list of patterns in a table stays short. */
const longestCell = 512

const lineOf = (values: readonly unknown[]): string =>
  JSON.stringify(values.map((one) => (typeof one === 'string' || typeof one === 'number' ? String(one).slice(0, longestCell) : '')))

/** Finds the routes of entries. */
export function createEntries({ registry, bodies }: EntriesOptions): Find {
  let unsent = 0

  /** Sends what was put together, unless too much is under way already: clients may ask for all of it, and not read. */
  const send = (asked: Asked, form: EntryForm, found: readonly EntryHead[], from: Registry): void => {
    let size = 0
    for (const head of found) size += head.size
    if (isParsed(asked) && size > largestParsed) {
      replyError(asked, 400, 'illegal_argument_exception', 'the answer is too large to be indented or filtered: ask for fewer names')
      return
    }
    if (size > 0 && unsent + size > mostUnsent) {
      replyError(asked, 429, 'es_rejected_execution_exception', 'too many large answers are under way')
      return
    }
    unsent += size
    asked.response.once('close', () => {
      unsent -= size
    })
    const shown = found.map((head) => form.show(head, form.noBody === true ? '' : (from.body(form.kind, head.name) ?? '{}'))).join(',')
    replyJson(asked, 200, { json: form.list === undefined ? `{${shown}}` : `{"${form.list}":[${shown}]}` })
  }

  const get = async (form: EntryForm, asked: Asked, list: string | undefined): Promise<void> => {
    const from = await registry()
    const names = namesOf(list)
    if (names === undefined) {
      const all = from.heads(form.kind)
      // The real one says so of pipelines alone.
      if (all.length === 0 && form.kind === 'pipeline') form.missing(asked, '*', false)
      else send(asked, form, all, from)
      return
    }
    const found = new Map<string, EntryHead>()
    for (const name of names) {
      if (isPattern(name)) {
        for (const head of from.heads(form.kind)) if (fits(name, head.name)) found.set(head.name, head)
        continue
      }
      const head = from.head(form.kind, name)
      if (head !== undefined) found.set(name, head)
      else if (form.list !== undefined || form.kind === 'ilm_policy') {
        form.missing(asked, name, false)
        return
      }
    }
    if (found.size > 0) send(asked, form, [...found.values()], from)
    else if (form.patternMissing !== true) replyJson(asked, 200, { json: form.list === undefined ? '{}' : `{"${form.list}":[]}` })
    else if (form.list === undefined) form.missing(asked, names.join(','), false)
    else replyJson(asked, 404, { [form.list]: [] })
  }

  const put = async (form: EntryForm, asked: Asked, name: string): Promise<void> => {
    const fault = form.kind === 'data_stream' ? newIndexFault(name, false) : entryNameFault(name, form.lowerCase === true)
    if (fault !== undefined) {
      const invalid = form.lowerCase === true ? 'invalid_index_template_exception' : 'illegal_argument_exception'
      replyError(
        asked,
        400,
        invalid,
        `${form.kind === 'template' ? 'index_template' : form.kind} [${name.slice(0, 256)}] invalid, cause [Validation Failed: 1: ${fault};]`,
      )
      return
    }
    const body = await bodies.readObject(asked, form.noBody)
    if (body === undefined) return
    const to = await registry()
    const isThere = (form.taken ?? form.exists) !== undefined && to.head(form.kind, name) !== undefined
    if (isThere && form.taken !== undefined) {
      replyError(asked, 400, ...form.taken(name))
      return
    }
    if (isThere && form.exists !== undefined && isSet(asked.query, 'create')) {
      replyError(asked, 400, 'illegal_argument_exception', form.exists(name))
      return
    }
    to.put(form.kind, name, JSON.stringify(form.normalize(body)), form.line === undefined ? '' : lineOf(form.line(body)))
    replyJson(asked, 200, acknowledged)
  }

  const remove = async (form: EntryForm, asked: Asked, list: string): Promise<void> => {
    const from = await registry()
    const names = namesOf(list) ?? ['*']
    let removed = 0
    for (const name of names) {
      const fitting = isPattern(name) ? from.heads(form.kind).filter((head) => fits(name, head.name)) : [{ name }]
      for (const one of fitting) if (from.remove(form.kind, one.name)) removed++
    }
    if (removed > 0) replyJson(asked, 200, acknowledged)
    else form.missing(asked, list.slice(0, 256), true)
  }

  const paths = forms.map((form) => {
    const parts = form.endpoint.split('/')
    const nameOf = ({ segments }: Asked): string => segments[parts.length] ?? ''
    const all: Route = { endpoint: form.endpoint, methods: { GET: (asked) => get(form, asked, undefined) } }
    const one: Route = {
      endpoint: form.endpoint,
      methods: {
        GET: (asked) => get(form, asked, nameOf(asked)),
        PUT: (asked) => put(form, asked, nameOf(asked)),
        POST: (asked) => put(form, asked, nameOf(asked)),
        DELETE: (asked) => remove(form, asked, nameOf(asked)),
      },
    }
    return { parts, all, one }
  })

  return (segments) => {
    for (const { parts, all, one } of paths) {
      const further = segments.length - parts.length
      if (further < 0 || further > 1 || parts.some((part, at) => segments[at] !== part)) continue
      return further === 0 ? all : one
    }
    return undefined
  }
}
