/** Texts of ElastAlert's alerts as annotations: `{0}`, `{}`, `{name}`, `%(name)s` and Jinja. Only scanned, never run. */

import type { ElastalertRule } from './elastalert-read.ts'
import { annotationOf, literalText } from './mustache.ts'
import { isPlain, memberOf, wordOf, wordsOf } from './plain.ts'
import { maskSecrets } from './receivers.ts'

export interface RuleTexts {
  readonly annotations: Readonly<Record<string, string>>
  /** Fields of documents that a text names and that no label holds. */
  readonly lost: readonly string[]
}

const longest = 65_536

/** Python's `str.format` and its older `%(name)s`: `{{` is a brace there. */
function formatted(text: string, args: readonly string[], names: ReadonlyMap<string, string>, show: (field: string) => string): string {
  let next = 0
  const pieces: string[] = []
  let at = 0
  const tag = /\{\{|\}\}|\{([^{}]{0,256})\}|%\(([^()]{1,256})\)s/g
  for (let found = tag.exec(text); found !== null; found = tag.exec(text)) {
    pieces.push(literalText(text.slice(at, found.index)))
    at = tag.lastIndex
    const [whole, inner, old] = found
    if (whole === '{{' || whole === '}}') pieces.push(whole[0] as string)
    else if (old !== undefined) pieces.push(show(names.get(old) ?? old))
    else {
      const key = (inner ?? '').split(/[:!]/, 1)[0] ?? ''
      const field = key === '' ? args[next++] : /^\d+$/.test(key) ? args[Number(key)] : (names.get(key) ?? key)
      pieces.push(field === undefined ? whole : show(field))
    }
  }
  pieces.push(literalText(text.slice(at)))
  return pieces.join('')
}

/** Summary and description of a rule. `labels`: field → label of the alert. */
export function elastalertTexts(rule: ElastalertRule, labels: ReadonlyMap<string, string>): RuleTexts {
  const lost = new Set<string>()
  const resolve = (field: string): string | undefined => {
    if (field === 'num_hits' || field === 'num_matches') return '{{ $value }}'
    const label = labels.get(field)
    return label === undefined ? undefined : `{{ $labels.${label} }}`
  }
  const show = (field: string): string => {
    const found = resolve(field)
    if (found === undefined) lost.add(field)
    return found ?? `[${literalText(field)}]`
  }
  const names = new Map<string, string>()
  const keywords = memberOf(rule.all, 'alert_text_kw')
  if (isPlain(keywords)) for (const [field, name] of Object.entries(keywords)) if (typeof name === 'string') names.set(name, field)
  const isJinja = wordOf(memberOf(rule.all, 'alert_text_type')) === 'alert_text_jinja'
  const made = (key: 'alert_subject' | 'alert_text'): string | undefined => {
    const text = wordOf(memberOf(rule.all, key))?.slice(0, longest)
    if (text === undefined) return undefined
    const safe = maskSecrets(text)
    const args = wordsOf(memberOf(rule.all, `${key}_args`))
    if (!isJinja) return formatted(safe, args, names, show)
    const { text: annotated, lost: gone } = annotationOf(safe, (path) =>
      resolve(/^_data\[['"](.+)['"]\]$/.exec(path)?.[1] ?? path.split('|', 1)[0]?.trim() ?? path),
    )
    for (const path of gone) lost.add(path)
    return annotated
  }
  const description = wordOf(memberOf(rule.all, 'description'))
  const body = [description === undefined ? undefined : literalText(maskSecrets(description)), made('alert_text')]
    .filter((one) => one !== undefined)
    .join('\n\n')
  return {
    annotations: {
      summary: made('alert_subject') ?? literalText(rule.name),
      ...(body === '' ? {} : { description: body }),
    },
    lost: [...lost],
  }
}
