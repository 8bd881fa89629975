/** Timelion: chains of `.es()` that count, average or sum are converted, everything else is kept as text. Section 8.3. */

import { allOf } from '../filters/model.ts'
import type { Aggregate, Bucket, Value } from '../logql/query.ts'
import type { Note } from '../model.ts'
import { worse } from '../model.ts'
import { timeBucket } from './aggregations.ts'
import { colourOf } from './colours.ts'
import { type Asked, emptyPanel, type Layer, type NeutralPanel } from './model.ts'
import { placeholderPanel } from './others.ts'
import { type Scope, together } from './scope.ts'
import { searchedText } from './searches.ts'
import { at, type Json, type JsonObject, textOf } from './value.ts'

const maxLength = 64 * 1024
const maxCalls = 500

interface Call {
  readonly name: string
  readonly plain: readonly string[]
  readonly named: ReadonlyMap<string, string>
}

/** Splits `.es(…).label(…), .es(…)` into chains of calls; undefined: another shape. Arguments that are chains themselves are another shape, too. */
export function timelionChains(source: string): readonly (readonly Call[])[] | undefined {
  if (source.length > maxLength) return undefined
  const chains: Call[][] = []
  const shape = /\s*(,)?\s*\.([a-zA-Z_]{1,40})\(/y
  let at = 0
  let calls = 0
  while (source.slice(at).trim() !== '') {
    shape.lastIndex = at
    const match = shape.exec(source)
    if (match === null || ++calls > maxCalls) return undefined
    const read = argumentsAt(source, shape.lastIndex)
    if (read === undefined) return undefined
    const call: Call = { name: match[2] ?? '', plain: read.plain, named: read.named }
    if (match[1] !== undefined || chains.length === 0) chains.push([call])
    else chains.at(-1)?.push(call)
    at = read.end
  }
  return chains
}

function argumentsAt(source: string, start: number): (Omit<Call, 'name'> & { readonly end: number }) | undefined {
  const plain: string[] = []
  const named = new Map<string, string>()
  const argument = /\s*(?:([a-zA-Z_]{1,40})\s*=\s*)?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,()'"]*))\s*([,)])/y
  let at = start
  for (;;) {
    argument.lastIndex = at
    const match = argument.exec(source)
    if (match === null) return undefined
    const [, name, single, double, bare, end] = match
    const value = (single ?? double)?.replaceAll(/\\(.)/g, '$1') ?? bare?.trim() ?? ''
    if (value.startsWith('.')) return undefined
    if (name !== undefined) named.set(name, value)
    else if (value !== '' || single !== undefined || double !== undefined) plain.push(value)
    at = argument.lastIndex
    if (end === ')') return { plain, named, end: at }
  }
}

const metrics: ReadonlyMap<string, Aggregate['op']> = new Map([
  ['count', 'count'],
  ['avg', 'avg'],
  ['sum', 'sum'],
])

const looks: ReadonlySet<string> = new Set([
  'label',
  'color',
  'lines',
  'bars',
  'points',
  'title',
  'yaxis',
  'legend',
  'fit',
  'static',
  'props',
])

/** One chain; undefined: something in it cannot be converted. */
function layerOf(chain: readonly Call[], position: number, state: JsonObject, scope: Scope, where: string): Layer | undefined {
  const [source, ...rest] = chain
  if (source?.name !== 'es' && source?.name !== 'elasticsearch') return undefined
  if (rest.some(({ name }) => !looks.has(name) && !['movingaverage', 'mvavg', 'derivative', 'multiply', 'divide'].includes(name)))
    return undefined
  const q = source.named.get('q') ?? source.plain[0] ?? '*'
  const [op = 'count', ...field] = (source.named.get('metric') ?? 'count').split(':')
  const kind = metrics.get(op)
  if (kind === undefined || source.named.has('fit')) return undefined
  const searched = together(
    source.named.get('kibana') === 'false' ? { ...scope.around, text: '' } : scope.around,
    searchedText(q, 'lucene'),
  )
  const offset = source.named.get('offset')
  if (offset !== undefined && !/^-\d+[smhdw]$/.test(offset)) return undefined
  let value: Value = { kind: 'aggregate', op: kind, ...(kind === 'count' ? {} : { field: field.join(':') }) }
  let label: string | undefined
  let color: string | undefined
  for (const { name, plain, named } of rest) {
    const first = plain[0]
    const number = Number(first ?? named.get('multiplier') ?? named.get('divisor') ?? named.get('window'))
    if (name === 'label') label = first ?? named.get('label')
    else if (name === 'color') color = colourOf(first ?? named.get('color') ?? null)
    else if (name === 'derivative') value = { kind: 'difference', lag: 1, positive: false, of: value }
    else if (name === 'movingaverage' || name === 'mvavg') {
      if (!Number.isInteger(number)) return undefined
      value = { kind: 'window', fn: 'moving_avg', size: number, of: value }
    } else if (name === 'multiply' || name === 'divide') {
      if (!Number.isFinite(number)) return undefined
      value = { kind: 'arithmetic', op: name === 'multiply' ? '*' : '/', left: value, right: { kind: 'number', value: number } }
    }
  }
  const split = source.named.get('split')
  const [splitField, size] =
    split === undefined ? [] : [split.slice(0, split.lastIndexOf(':')), Number(split.slice(split.lastIndexOf(':') + 1))]
  const groups: readonly Bucket[] =
    splitField === undefined ? [] : [{ kind: 'terms', fields: [splitField], size: size ?? 10, order: { by: 'count', direction: 'desc' } }]
  const id = String(position)
  const notes: readonly Note[] = [...searched.notes, { code: 'OBD-K-009', text: 'Timelion is converted as far as it is plain.' }]
  const asked: Asked = {
    id: `series/${id}`,
    metrics: [id],
    where: `${where}.params.expression`,
    title: label ?? q,
    before: chain
      .map(({ name, plain, named }) => `.${name}(${[...plain, ...[...named].map(([key, each]) => `${key}=${each}`)].join(', ')})`)
      .join(''),
    language: 'timelion',
    style: { color },
    floor: worse(searched.floor, 'approximate'),
    notes,
  }
  return {
    id,
    asked: [asked],
    query:
      searched.filter === undefined
        ? undefined
        : {
            index: source.named.get('index'),
            filter: allOf([searched.filter]),
            metrics: [{ id, label: label ?? (split === undefined ? q : undefined), value }],
            buckets: [...groups, timeBucket(textOf(at(state, 'params', 'interval')))],
            shape: 'range',
            ...(offset === undefined ? {} : { shift: offset.slice(1) }),
          },
  }
}

/** A Timelion visualisation. Chains that cannot be converted make the whole a placeholder: its series are computed with each other. */
export function timelionPanel(state: JsonObject, scope: Scope, where: string, title: string, original: Json): NeutralPanel {
  const expression = textOf(at(state, 'params', 'expression')) ?? ''
  const chains = timelionChains(expression)
  const layers = chains?.map((chain, position) => layerOf(chain, position, state, scope, where))
  if (layers === undefined || layers.length === 0 || layers.some((layer) => layer === undefined)) {
    return placeholderPanel(
      { language: 'timelion', text: expression, what: 'timelion' },
      where,
      title,
      { code: 'OBD-K-009', text: 'Timelion is a program; only chains of .es() with count, avg or sum are converted.' },
      original,
    )
  }
  return {
    ...emptyPanel,
    type: 'timeseries',
    layers: layers.filter((layer) => layer !== undefined),
    display: { draw: 'line', legend: 'bottom' },
    original,
  }
}
