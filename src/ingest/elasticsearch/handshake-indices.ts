/** Indices that shippers make before they write, and aliases: asked for again by either name. */

import type { Bodies } from './handshake-bodies.ts'
import { type Asked, acknowledged, largestParsed, replyError, replyIndexMissing, replyJson } from './handshake-replies.ts'
import type { Find, Route } from './handshake-routes.ts'
import { fits, isPattern, namesOf, newIndexFault, resolveDates } from './names.ts'
import type { Registry } from './registry.ts'

export interface IndicesOptions {
  readonly registry: () => Promise<Registry>
  readonly bodies: Bodies
  readonly nowMs: () => number
  /** As version 7 words what is wrong with names. */
  readonly old: boolean
}

/** Aliases, or changes of them, that one request may name. */
const mostAliases = 100

/** Bytes of what an alias has to say. */
const largestAlias = 16 * 1024

type Properties = Readonly<Record<string, unknown>>

const asObject = (value: unknown): Properties =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Properties) : {}

const textsOf = (...values: readonly unknown[]): readonly string[] =>
  values.flatMap((value) => (Array.isArray(value) ? value : [value])).filter((one) => typeof one === 'string')

interface Alias {
  readonly alias: string
  readonly index: string
}

/** Aliases are entries by the name `alias/index`; neither name can hold a slash. */
const aliasesOf = (registry: Registry): readonly Alias[] =>
  registry.heads('alias').map(({ name }) => {
    const slash = name.indexOf('/')
    return { alias: name.slice(0, slash), index: name.slice(slash + 1) }
  })

const propertiesOf = (registry: Registry, { alias, index }: Alias): unknown =>
  JSON.parse(registry.body('alias', `${alias}/${index}`) ?? '{}')

/** A change of `POST /_aliases`, read. */
interface Change {
  readonly remove: boolean
  readonly alias: Alias
  readonly properties: Properties
}

/** Entries whose names a sender chose, as an object: `__proto__` may be among them. */
const objectOf = (entries: Iterable<readonly [string, unknown]>): object => Object.fromEntries(entries)

/** Finds the routes of indices and aliases. Comes last: any first part of a path may be the name of an index. */
export function createIndices({ registry, bodies, nowMs, old }: IndicesOptions): Find {
  const nameFault = (asked: Asked, name: string): boolean => {
    const fault = newIndexFault(name, old)
    if (fault === undefined) return false
    const shown = name.slice(0, 256)
    const details = { index_uuid: '_na_', index: shown }
    replyError(asked, 400, 'invalid_index_name_exception', `Invalid index name [${shown}], ${fault}`, details)
    return true
  }

  /** What is wrong with the names or the size of an alias; true when that is answered. */
  const aliasFault = (asked: Asked, { alias, index }: Alias, properties: Properties): boolean => {
    const fault = newIndexFault(alias, old)
    if (fault !== undefined) {
      replyError(asked, 400, 'invalid_alias_name_exception', `Invalid alias name [${alias.slice(0, 256)}]: ${fault}`)
      return true
    }
    if (nameFault(asked, index)) return true
    if (JSON.stringify(properties).length <= largestAlias) return false
    replyError(asked, 400, 'illegal_argument_exception', `alias [${alias}] is longer than ${largestAlias} bytes`)
    return true
  }

  const tooMany = (asked: Asked, count: number): boolean => {
    if (count <= mostAliases) return false
    replyError(asked, 400, 'illegal_argument_exception', `a request may name ${mostAliases} aliases, this one names ${count}`)
    return true
  }

  const putAlias = (to: Registry, { alias, index }: Alias, properties: Properties): void =>
    to.put('alias', `${alias}/${index}`, JSON.stringify(properties))

  const create = async (asked: Asked): Promise<void> => {
    const name = resolveDates(asked.segments[0] ?? '', nowMs())
    if (nameFault(asked, name)) return
    const body = await bodies.readObject(asked, true)
    if (body === undefined) return
    const aliases = Object.entries(asObject(body['aliases'])).map(([alias, one]) => [{ alias, index: name }, asObject(one)] as const)
    if (tooMany(asked, aliases.length) || aliases.some(([alias, one]) => aliasFault(asked, alias, one))) return
    const to = await registry()
    if (to.head('index', name) !== undefined || to.head('data_stream', name) !== undefined) {
      replyError(asked, 400, 'resource_already_exists_exception', `index [${name}] already exists`, { index_uuid: '_na_', index: name })
      return
    }
    if (aliasesOf(to).some(({ alias }) => alias === name)) {
      const details = { index_uuid: '_na_', index: name }
      replyError(asked, 400, 'invalid_index_name_exception', `Invalid index name [${name}], already exists as alias`, details)
      return
    }
    const { index: nested, ...flat } = asObject(body['settings'])
    const settings = { index: { ...flat, ...asObject(nested), provided_name: name, creation_date: String(nowMs()) } }
    to.put('index', name, JSON.stringify({ mappings: asObject(body['mappings']), settings }))
    for (const [alias, one] of aliases) putAlias(to, alias, one)
    replyJson(asked, 200, { acknowledged: true, shards_acknowledged: true, index: name })
  }

  /** Indices that go by a list of names and patterns, their own or aliases; a string: the first name that is not there. */
  const resolve = (from: Registry, list: string | undefined): readonly string[] | string => {
    const indices = from.heads('index').map(({ name }) => name)
    const streams = from.heads('data_stream').map(({ name }) => name)
    const aliases = aliasesOf(from)
    const names = namesOf(list)
    if (names === undefined) return indices
    const found = new Set<string>()
    for (const asked of names) {
      const name = resolveDates(asked, nowMs())
      const before = found.size
      for (const one of [...indices, ...streams]) if (fits(name, one)) found.add(one)
      for (const { alias, index } of aliases) if (fits(name, alias)) found.add(index)
      const isKnown = found.size > before || isPattern(name) || indices.includes(name) || aliases.some(({ alias }) => alias === name)
      if (!isKnown) return name
    }
    // Their names keep them from being the next to go.
    for (const one of found) from.head('index', one)
    return [...found]
  }

  const read = async (asked: Asked): Promise<void> => {
    const from = await registry()
    const list = asked.segments[0] ?? ''
    const found = resolve(from, list)
    if (typeof found === 'string') {
      if (!nameFault(asked, found)) replyIndexMissing(asked, found)
      return
    }
    const aliases = aliasesOf(from)
    let size = 0
    for (const one of found) size += from.head('index', one)?.size ?? 0
    if (size > largestParsed && asked.request.method !== 'HEAD') {
      replyError(asked, 400, 'illegal_argument_exception', 'the answer is too large: ask for fewer names')
      return
    }
    const shown = found.slice(0, asked.request.method === 'HEAD' ? 0 : undefined).map((index) => {
      const own = aliases.filter((one) => one.index === index).map((one) => [one.alias, propertiesOf(from, one)] as const)
      const body = JSON.parse(from.body('index', index) ?? '{"mappings":{},"settings":{}}') as Properties
      return [index, { aliases: objectOf(own), mappings: body['mappings'], settings: body['settings'] }] as const
    })
    replyJson(asked, 200, objectOf(shown))
  }

  const remove = async (asked: Asked): Promise<void> => {
    const from = await registry()
    const list = asked.segments[0] ?? ''
    const names = namesOf(list) ?? ['*']
    for (const name of names) {
      const fitting = from.heads('index').filter((head) => fits(name, head.name))
      if (fitting.length === 0 && !isPattern(name)) {
        replyIndexMissing(asked, name.slice(0, 256))
        return
      }
      for (const { name: index } of fitting) {
        from.remove('index', index)
        for (const one of aliasesOf(from)) if (one.index === index) from.remove('alias', `${one.alias}/${index}`)
      }
    }
    replyJson(asked, 200, acknowledged)
  }

  const readAliases = async (asked: Asked, index: string | undefined, list: string | undefined): Promise<void> => {
    const from = await registry()
    const indices = resolve(from, index)
    if (typeof indices === 'string') {
      replyIndexMissing(asked, indices.slice(0, 256))
      return
    }
    const names = namesOf(list)
    const inside = new Set(indices)
    const fitting = aliasesOf(from).filter(
      (one) => (index === undefined || inside.has(one.index)) && (names === undefined || names.some((name) => fits(name, one.alias))),
    )
    const missing = names?.filter((name) => !isPattern(name) && !fitting.some(({ alias }) => alias === name)) ?? []
    if (missing.length > 0) {
      const many = missing.length > 1
      replyError(asked, 404, 'aliases_not_found_exception', `${many ? 'aliases' : 'alias'} [${missing.join(',').slice(0, 256)}] missing`)
      return
    }
    const byIndex = new Map<string, [string, unknown][]>()
    if (list === undefined) for (const one of indices) byIndex.set(one, [])
    for (const one of fitting) {
      const own = byIndex.get(one.index) ?? []
      own.push([one.alias, propertiesOf(from, one)])
      byIndex.set(one.index, own)
    }
    for (const one of byIndex.keys()) from.head('index', one)
    for (const one of fitting) from.head('alias', `${one.alias}/${one.index}`)
    replyJson(asked, 200, objectOf([...byIndex].map(([one, own]) => [one, { aliases: objectOf(own) }] as const)))
  }

  const putOne = async (asked: Asked, alias: Alias): Promise<void> => {
    const body = await bodies.readObject(asked, true)
    if (body === undefined || aliasFault(asked, alias, body)) return
    putAlias(await registry(), alias, body)
    replyJson(asked, 200, acknowledged)
  }

  const aliasesMissing = (asked: Asked, name: string): void =>
    replyError(asked, 404, 'aliases_not_found_exception', `aliases [${name}] missing`, { 'resource.type': 'aliases', 'resource.id': name })

  const removeOne = async (asked: Asked, { alias, index }: Alias): Promise<void> => {
    const from = await registry()
    if (from.remove('alias', `${alias}/${index}`)) replyJson(asked, 200, acknowledged)
    else aliasesMissing(asked, alias.slice(0, 256))
  }

  /** `[{"add":{"index":"a","alias":"b"}}, …]`; undefined when it is answered that it cannot be. */
  const changesOf = (asked: Asked, actions: unknown): readonly Change[] | undefined => {
    if (!Array.isArray(actions) || tooMany(asked, actions.length)) {
      if (!Array.isArray(actions))
        replyError(asked, 400, 'action_request_validation_exception', 'Validation Failed: 1: Must specify at least one alias action;')
      return undefined
    }
    const changes: Change[] = []
    for (const action of actions) {
      const [[verb, given] = ['', undefined]] = Object.entries(asObject(action))
      if (verb !== 'add' && verb !== 'remove') {
        replyError(asked, 400, 'illegal_argument_exception', `[aliases] unknown action [${verb.slice(0, 64)}]`)
        return undefined
      }
      const { index, indices, alias, aliases, ...properties } = asObject(given)
      for (const one of textsOf(index, indices)) {
        for (const name of textsOf(alias, aliases)) {
          const change = { remove: verb === 'remove', alias: { alias: name, index: one }, properties }
          if (aliasFault(asked, change.alias, properties)) return undefined
          changes.push(change)
          if (tooMany(asked, changes.length)) return undefined
        }
      }
    }
    return changes
  }

  const change = async (asked: Asked): Promise<void> => {
    const body = await bodies.readObject(asked)
    const changes = body === undefined ? undefined : changesOf(asked, body['actions'])
    if (changes === undefined) return
    const to = await registry()
    const absent = changes.find(({ remove: gone, alias }) => gone && to.head('alias', `${alias.alias}/${alias.index}`) === undefined)
    if (absent !== undefined) {
      aliasesMissing(asked, absent.alias.alias)
      return
    }
    for (const { remove: gone, alias, properties } of changes) {
      if (gone) to.remove('alias', `${alias.alias}/${alias.index}`)
      else putAlias(to, alias, properties)
    }
    replyJson(asked, 200, acknowledged)
  }

  const aliasAt = ({ segments }: Asked): Alias => ({ index: segments[0] ?? '', alias: segments[2] ?? '' })
  const index: Route = { endpoint: 'index', methods: { GET: read, PUT: create, DELETE: remove } }
  const alias: Route = { endpoint: '_alias', methods: { GET: (asked) => readAliases(asked, undefined, asked.segments[1]) } }
  const aliases: Route = { endpoint: '_alias', methods: { GET: (asked) => readAliases(asked, undefined, undefined), POST: change } }
  const ofIndex: Route = { endpoint: '_alias', methods: { GET: (asked) => readAliases(asked, asked.segments[0], asked.segments[2]) } }
  const oneOfIndex: Route = {
    endpoint: '_alias',
    methods: {
      ...ofIndex.methods,
      PUT: (asked) => putOne(asked, aliasAt(asked)),
      POST: (asked) => putOne(asked, aliasAt(asked)),
      DELETE: (asked) => removeOne(asked, aliasAt(asked)),
    },
  }

  return (segments) => {
    const [first, second] = segments
    if (first === '_aliases' && segments.length === 1) return aliases
    if (first === '_alias') return segments.length <= 2 ? alias : undefined
    if (segments.length === 1) return index
    if (second !== '_alias' && second !== '_aliases') return undefined
    if (segments.length === 2) return ofIndex
    return segments.length === 3 ? oneOfIndex : undefined
  }
}
