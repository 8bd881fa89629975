/** What of a Prometheus is wanted: `--query '{job="api"}'` and `--service`, as matchers of labels. */

import { BridgeError } from '../../errors.ts'
import { type Matcher, MatchType } from '../../read/prometheus-remote-read-wire.ts'
import type { SourceFilter } from '../source.ts'

const signs: readonly (readonly [sign: string, type: number])[] = [
  ['=~', MatchType.Matches],
  ['!~', MatchType.MatchesNot],
  ['!=', MatchType.NotEqual],
  ['=', MatchType.Equal],
]

const wrong = (query: string): BridgeError =>
  new BridgeError('OB_CONFIG', `cannot read --query ${query.slice(0, 200)}: expected a selector such as {job="api", env!="test"}`, {
    place: 'query',
  })

const oneMatcher = /^\s*([a-zA-Z_][a-zA-Z0-9_.]*|"(?:[^"\\]|\\.)*")\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*(,|$)/

function unquoted(text: string, query: string): string {
  const inner = text.startsWith("'") ? `"${text.slice(1, -1).replaceAll('"', '\\"').replaceAll("\\'", "'")}"` : text
  try {
    return JSON.parse(inner) as string
  } catch {
    throw wrong(query)
  }
}

/** A selector → its matchers. Throws OB_CONFIG for what is none. */
export function parseSelector(query: string): Matcher[] {
  const [, name = '', braces] = /^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(\{.*\})?\s*$/s.exec(query) ?? [undefined, undefined, 'none']
  if (braces === 'none' || (name === '' && braces === undefined)) throw wrong(query)
  const matchers: Matcher[] = name === '' ? [] : [{ type: MatchType.Equal, name: '__name__', value: name }]
  let rest = braces?.slice(1, -1) ?? ''
  while (rest.trim() !== '') {
    const found = oneMatcher.exec(rest)
    if (found === null) throw wrong(query)
    const [all, label = '', sign, value = ''] = found
    const type = signs.find(([one]) => one === sign)?.[1] ?? MatchType.Equal
    matchers.push({ type, name: label.startsWith('"') ? unquoted(label, query) : label, value: unquoted(value, query) })
    rest = rest.slice(all.length)
  }
  return matchers
}

const metaCharacter = /[\\^$.|?*+()[\]{}]/g

/** A text as a regular expression that matches it alone. */
export const escapedRegex = (value: string): string => value.replace(metaCharacter, '\\$&')

/** What a filter asks for. Services are jobs, with their namespace or without. Throws OB_CONFIG. */
export function matchersOf({ query, services }: Pick<SourceFilter, 'query' | 'services'>): readonly Matcher[] {
  const matchers = query === undefined ? [] : parseSelector(query)
  if (services.length > 0) {
    matchers.push({ type: MatchType.Matches, name: 'job', value: `(?:[^/]*/)?(?:${services.map(escapedRegex).join('|')})` })
  }
  return matchers
}

/** Matchers of names: one is matched by itself, several as one expression. */
export const nameMatcher = (names: readonly string[]): Matcher =>
  names.length === 1
    ? { type: MatchType.Equal, name: '__name__', value: names[0] ?? '' }
    : { type: MatchType.Matches, name: '__name__', value: names.map(escapedRegex).join('|') }

/** As PromQL has them; names of labels that it does not take bare are quoted, which Prometheus 3 understands. */
export function selectorText(matchers: readonly Matcher[]): string {
  const sign = (type: number): string => signs.find(([, one]) => one === type)?.[0] ?? '='
  const label = (name: string): string => (/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : JSON.stringify(name))
  return `{${matchers.map(({ type, name, value }) => `${label(name)}${sign(type)}${JSON.stringify(value)}`).join(',')}}`
}
