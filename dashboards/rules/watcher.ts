/** Watches of Elasticsearch's Watcher → rules of Loki, Prometheus or Grafana. Section 10.4 of the reference. */

import type { Converted, Item } from '../model.ts'
import type { Context } from '../options.ts'
import type { Converter, Source } from '../registry.ts'
import { type AlertRule, Findings } from './alert-rule.ts'
import { durationText } from './durations.ts'
import { LogPieces } from './log-pieces.ts'
import { aboutFile, basePath, convertedRules, type Outcome, titleOf } from './outcome.ts'
import { isPlain, listOf, memberAt, memberOf, type Plain, plainOf, wordOf } from './plain.ts'
import { isSecretKey, receiverPart, routeSketch } from './receivers.ts'
import { rhythmOf } from './schedules.ts'
import { actionsOf } from './watcher-actions.ts'
import { conditionOf, payloadOf } from './watcher-condition.ts'
import { filled, isWatch, readWatchText, unwrapWatch, type Watch } from './watcher-read.ts'
import { searchFilter } from './watcher-search.ts'

/** Kinds of inputs by name: `http` within a chain too. */
function inputKinds(input: unknown): readonly string[] {
  const own = Object.keys(plainOf(input))
  const chained = listOf(memberAt(input, 'chain', 'inputs')).flatMap((one) =>
    Object.values(plainOf(one)).flatMap((inner) => Object.keys(plainOf(inner))),
  )
  return [...own, ...chained]
}

/** What decides when a watch fires, as a report shows it: without actions, and of inputs only searches. */
function shownWatch(body: Plain): string {
  const input = plainOf(memberOf(body, 'input'))
  const searches = 'search' in input || 'chain' in input ? input : Object.fromEntries(Object.keys(input).map((kind) => [kind, '…']))
  return JSON.stringify(
    { trigger: memberOf(body, 'trigger'), input: searches, condition: memberOf(body, 'condition') },
    (key, value) => (isSecretKey(key) && typeof value === 'string' ? '***' : key === 'http' ? '…' : value),
    1,
  )
}

/** Stored scripts beside the watch: `condition.json`, `scripts/condition.painless`. */
function storedScript(id: string, context: Context): string | undefined {
  if (!/^[\w.-]{1,128}$/.test(id)) return undefined
  for (const path of [`${id}.json`, `scripts/${id}.json`, `../scripts/${id}.json`]) {
    const script = memberOf(readWatchText(context.beside(path) ?? '')?.value, 'script')
    const found = wordOf(script) ?? wordOf(memberOf(script, 'source')) ?? wordOf(memberOf(script, 'inline'))
    if (found !== undefined) return found
  }
  return context.beside(`${id}.painless`) ?? context.beside(`scripts/${id}.painless`)
}

interface Made {
  readonly outcome: Outcome
  readonly parts: readonly Item[]
}

function convertWatch(watch: Watch, name: string, where: string, repairs: readonly string[], context: Context): Made {
  const { body } = watch
  const findings = new Findings()
  const pieces = new LogPieces(context, findings)
  const rules: AlertRule[] = []
  if (repairs.length > 0) findings.note('OBD-A-018', `the file is no JSON: ${repairs.join(', ')} had to be read past`)
  const rhythm = rhythmOf(memberAt(body, 'trigger', 'schedule'))
  if (rhythm === undefined) findings.note('OBD-A-011', 'the schedule is not understood; the rule is evaluated every minute', 'approximate')
  else if (rhythm.differs !== undefined)
    findings.note('OBD-A-011', `${rhythm.differs}; the rule is evaluated every ${durationText(rhythm.interval)}`, 'approximate')
  const interval = rhythm?.interval ?? 60
  const rule = (expr: string, more: Partial<AlertRule> = {}): void => {
    if (pieces.language === undefined) return
    rules.push({
      name,
      group: name,
      interval,
      language: pieces.language,
      expr,
      holds: 0,
      labels: {},
      annotations: {},
      paused: !watch.active,
      comments: watch.active ? [] : ['the watch was not active'],
      lookback: pieces.lookback,
      ...more,
    })
  }
  const payload = payloadOf(filled(memberOf(body, 'input'), body))
  if (payload === undefined)
    findings.note(
      'OBD-A-013',
      `the input is ${inputKinds(memberOf(body, 'input')).join(', ') || 'absent'}, which no query stands for`,
      'unsupported',
    )
  else {
    if (payload.searches.size > 1)
      findings.note('OBD-A-013', 'several searches are asked at one moment; the watch asked one after the other', 'approximate')
    const condition = conditionOf(memberOf(body, 'condition'), {
      watch: body,
      payload,
      interval,
      pieces,
      findings,
      stored: (id) => storedScript(id, context),
    })
    const first = [...payload.searches.values()][0]
    const everything = (): string | undefined =>
      first === undefined
        ? undefined
        : pieces.count({
            index: first.index === '' ? undefined : first.index,
            filter: searchFilter(first, findings),
            by: [],
            window: first.window ?? interval,
            offset: first.offset,
          })
    if (condition === undefined) {
      const expr = everything()
      if (expr !== undefined) rule(expr, { unfinished: true })
    } else if (condition === 'always' || condition === 'never') {
      findings.note(
        'OBD-A-012',
        condition === 'never'
          ? 'the condition never holds: the rule is paused'
          : 'the condition always holds: it told at every run, whatever was found',
        'approximate',
      )
      const expr = everything()
      if (expr !== undefined)
        rule(`(${expr} or vector(0)) >= 0`, condition === 'never' ? { paused: true, comments: ['the condition was: never'] } : {})
    } else rule(condition.expr)
  }
  if (!watch.active) findings.note('OBD-A-029', 'the watch was not active: the new rule is paused')
  if (memberOf(body, 'transform') !== undefined) findings.note('OBD-A-009', 'the transform is left out: it only made texts of the answer')
  const actions = actionsOf(body, name, pieces.labels, findings)
  const outcome: Outcome = {
    id: name,
    where,
    title: name,
    language: 'watcher',
    before: shownWatch(body),
    rules: rules.map((one) => ({
      ...one,
      labels: actions.receivers.length === 0 ? {} : { watcher_actions: actions.receivers.map((receiver) => receiver.name).join(',') },
      annotations: actions.annotations,
    })),
    findings,
  }
  if (actions.receivers.length === 0) return { outcome, parts: [] }
  const sketch = routeSketch(
    actions.receivers,
    (receiver) => `watcher_actions=~"(.+,)?${receiver.replace(/[^\w-]/g, '.')}(,.+)?"`,
    { repeat: actions.repeat },
    durationText,
  )
  return { outcome, parts: [receiverPart(`receiver/${name}`, `${where}.actions`, name, actions.receivers, sketch, [])] }
}

/** Watches of a value: one, a list of them, or the hits of a search of `.watches`. */
function watchesOf(value: unknown): readonly { readonly watch: Plain; readonly where: string }[] {
  if (isWatch(value)) return [{ watch: value as Plain, where: '$' }]
  const hits = memberAt(value, 'hits', 'hits') ?? memberOf(value, 'watches') ?? value
  return listOf(hits).flatMap((one, at) =>
    isPlain(one) && (isWatch(one) || isWatch(memberOf(one, '_source'))) ? [{ watch: one, where: `$[${at}]` }] : [],
  )
}

function convert(source: Source, context: Context): Converted {
  const read = readWatchText(source.text)
  const found = read === undefined ? [] : watchesOf(read.value)
  const made = found.map(({ watch: value, where }) => {
    const watch = unwrapWatch(value)
    const name = watch.id ?? basePath(source.path).split('/').at(-1) ?? 'watch'
    return convertWatch(watch, name, where, read?.repairs ?? [], context)
  })
  const outcomes = made.map(({ outcome }) => outcome)
  const parts = made.flatMap((one) => one.parts)
  const about = aboutFile(outcomes, 'watch', 'a rule fires for as long as its condition holds; the watch told at each run in which it held')
  return convertedRules('watcher', source, titleOf(source, outcomes), outcomes, parts, context, [about])
}

/** Watcher. */
export const watcherConverter: Converter = { kind: 'watcher', convert }
