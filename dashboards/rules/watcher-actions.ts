/** Actions of watches: whom they tell, and what they say. Settings of receivers are never copied. */

import type { Findings } from './alert-rule.ts'
import { durationText } from './durations.ts'
import { annotationOf } from './mustache.ts'
import { isPlain, memberOf, type Plain, plainOf, wordOf } from './plain.ts'
import { maskSecrets, type Receiver } from './receivers.ts'
import { secondsGiven } from './schedules.ts'
import { metadataAt } from './watcher-read.ts'

/** Kinds of actions; what else stands in an action is about all of them. */
const kinds = ['email', 'slack', 'pagerduty', 'webhook', 'index', 'logging', 'jira', 'hipchat'] as const

/** Kinds that do more than tell somebody. */
const doers: ReadonlySet<string> = new Set(['webhook', 'index', 'jira'])

export interface WatchActions {
  readonly receivers: readonly Receiver[]
  readonly annotations: Readonly<Record<string, string>>
  readonly repeat: number | undefined
}

/** A text or a template: `"…"`, `{source}`, `{inline}`. */
const templateOf = (value: unknown): string | undefined =>
  wordOf(value) ?? wordOf(memberOf(value, 'source')) ?? wordOf(memberOf(value, 'inline'))

/** The texts of an action, as people read them. */
function textsOf(kind: string, body: unknown): { readonly subject?: string | undefined; readonly text?: string | undefined } {
  if (kind === 'email') {
    const inner = memberOf(body, 'body')
    return {
      subject: templateOf(memberOf(body, 'subject')),
      text: templateOf(inner) ?? templateOf(memberOf(inner, 'text')) ?? templateOf(memberOf(inner, 'html')),
    }
  }
  if (kind === 'slack') return { text: templateOf(memberOf(memberOf(body, 'message'), 'text')) }
  if (kind === 'pagerduty') return { subject: templateOf(memberOf(body, 'description')) }
  if (kind === 'logging') return { text: templateOf(memberOf(body, 'text')) }
  if (kind === 'jira') return { subject: templateOf(memberOf(memberOf(body, 'fields'), 'summary')) }
  return {}
}

/** What the actions of a watch become. `labels`: field → label of the alert. */
export function actionsOf(watch: Plain, name: string, labels: ReadonlyMap<string, string>, findings: Findings): WatchActions {
  const receivers: Receiver[] = []
  const lost = new Set<string>()
  let subject: string | undefined
  let text: string | undefined
  const resolve = (path: string): string | undefined => {
    if (path === 'ctx.payload.hits.total' || path === 'ctx.payload.hits.total.value') return '{{ $value }}'
    if (path === 'ctx.watch_id') return name
    const metadata = metadataAt(watch, path)
    if (metadata !== undefined) return maskSecrets(metadata)
    const label = labels.get(path)
    return label === undefined ? undefined : `{{ $labels.${label} }}`
  }
  const annotated = (template: string): string => {
    const { text: made, lost: gone } = annotationOf(maskSecrets(template), resolve)
    for (const path of gone) lost.add(path)
    return made
  }
  let repeat = secondsGiven(memberOf(watch, 'throttle_period')) ?? milliseconds(memberOf(watch, 'throttle_period_in_millis'))
  for (const [id, action] of Object.entries(plainOf(memberOf(watch, 'actions')))) {
    const kind = kinds.find((one) => isPlain(memberOf(action, one)))
    const body = kind === undefined ? undefined : memberOf(action, kind)
    receivers.push({
      name: id,
      withheld: [kind ?? 'unknown kind', ...(isPlain(body) ? Object.keys(body).map((key) => `${kind}.${key}`) : [])],
    })
    if (kind === undefined) findings.note('OBD-A-028', `the action ${id} is of a kind that is not known`)
    else if (doers.has(kind)) findings.note('OBD-A-028', `the action ${id} (${kind}) is left to a receiver`)
    if (memberOf(action, 'condition') !== undefined)
      findings.note('OBD-A-012', `the action ${id} has a condition of its own, which is left out`, 'approximate')
    if (memberOf(action, 'foreach') !== undefined)
      findings.note('OBD-A-028', `the action ${id} is done for each of a list (foreach): one alert for each group`)
    repeat ??= secondsGiven(memberOf(action, 'throttle_period')) ?? milliseconds(memberOf(action, 'throttle_period_in_millis'))
    if (kind === undefined) continue
    const texts = textsOf(kind, body)
    if (subject === undefined && texts.subject !== undefined) subject = annotated(texts.subject)
    if (text === undefined && texts.text !== undefined) text = annotated(texts.text)
  }
  if (lost.size > 0) findings.note('OBD-A-005', `the text names ${[...lost].join(', ')}, which no label of the alert holds`)
  if (repeat !== undefined && repeat > 0)
    findings.note('OBD-A-004', `told again after ${durationText(repeat)} at the earliest (throttle_period): repeat_interval of the route`)
  return {
    receivers,
    annotations: { summary: subject ?? annotationOf(name, () => undefined).text, ...(text === undefined ? {} : { description: text }) },
    repeat,
  }
}

const milliseconds = (value: unknown): number | undefined => (typeof value === 'number' && value >= 0 ? value / 1000 : undefined)
