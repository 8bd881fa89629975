/** Reads rules of Kibana: saved objects of 7 to 9 as NDJSON, and answers of the API. Section 10.5 of the reference. */

import { parseJsonDocument } from '../text/json.ts'
import { secondsOf } from './durations.ts'
import { isPlain, listOf, memberAt, memberOf, numberOf, type Plain, plainOf, wordOf, wordsOf } from './plain.ts'
import type { Receiver } from './receivers.ts'

/** Whom a rule tells. */
export interface KibanaAction extends Receiver {
  readonly message: string | undefined
}

export interface KibanaRule {
  readonly id: string
  readonly name: string
  /** `.es-query`, `metrics.alert.threshold`, … */
  readonly type: string
  readonly params: Plain
  /** Seconds between runs. */
  readonly interval: number
  readonly enabled: boolean
  /** Muted, or snoozed for good. */
  readonly muted: boolean
  readonly snoozed: boolean
  readonly tags: readonly string[]
  /** Seconds before the same is told again. */
  readonly throttle: number | undefined
  /** Runs in a row before it is told. */
  readonly delay: number
  readonly actions: readonly KibanaAction[]
  /** Name of a reference → id of the object. */
  readonly references: ReadonlyMap<string, string>
  /** Place in the file. */
  readonly where: string
}

/** What a file of rules holds. */
export interface KibanaFile {
  readonly rules: readonly KibanaRule[]
  /** Other objects by `type:id`. */
  readonly objects: ReadonlyMap<string, Plain>
  /** Lines that are no JSON. */
  readonly broken: readonly number[]
}

const parsed = (text: string): unknown => {
  try {
    return parseJsonDocument(text).root.plain()
  } catch {
    return undefined
  }
}

function ruleOf(body: Plain, id: string, references: readonly unknown[], where: string): KibanaRule | undefined {
  const type = wordOf(memberOf(body, 'alertTypeId')) ?? wordOf(memberOf(body, 'rule_type_id'))
  if (type === undefined) return undefined
  const either = (...keys: readonly string[]): unknown =>
    keys.map((key) => memberOf(body, key)).find((one) => one !== undefined && one !== null)
  const named = new Map(
    references.flatMap((one) =>
      wordOf(memberOf(one, 'name')) === undefined
        ? []
        : [[wordOf(memberOf(one, 'name')) ?? '', wordOf(memberOf(one, 'id')) ?? ''] as const],
    ),
  )
  const snoozes = listOf(either('snoozeSchedule', 'snooze_schedule'))
  return {
    id,
    name: wordOf(memberOf(body, 'name')) ?? id,
    type,
    params: plainOf(memberOf(body, 'params')),
    interval: secondsOf(wordOf(memberAt(body, 'schedule', 'interval')) ?? '') ?? 60,
    enabled: memberOf(body, 'enabled') !== false,
    muted: either('muteAll', 'mute_all') === true,
    snoozed: snoozes.length > 0,
    tags: wordsOf(memberOf(body, 'tags')),
    throttle: secondsOf(wordOf(memberOf(body, 'throttle')) ?? ''),
    delay: numberOf(memberOf(either('alertDelay', 'alert_delay'), 'active')) ?? 1,
    actions: listOf(memberOf(body, 'actions')).map((action) => {
      const params = plainOf(memberOf(action, 'params'))
      const kind = wordOf(memberOf(action, 'actionTypeId')) ?? wordOf(memberOf(action, 'connector_type_id')) ?? 'connector'
      const target = wordOf(memberOf(action, 'id')) ?? named.get(wordOf(memberOf(action, 'actionRef')) ?? '')
      return {
        name: target === undefined ? kind : `${kind}/${target}`,
        withheld: Object.keys(params).filter((key) => key !== 'message'),
        message: wordOf(memberOf(params, 'message')) ?? wordOf(memberOf(params, 'body')) ?? wordOf(memberOf(params, 'summary')),
      }
    }),
    references: named,
    where,
  }
}

/** Rules and other objects of a file: NDJSON, one object, a list, or an answer of the API with `data`. */
export function readKibanaRules(text: string): KibanaFile {
  const rules: KibanaRule[] = []
  const objects = new Map<string, Plain>()
  const broken: number[] = []
  const take = (value: unknown, where: string): void => {
    if (!isPlain(value)) return
    const type = wordOf(memberOf(value, 'type'))
    const id = wordOf(memberOf(value, 'id')) ?? where
    const attributes = memberOf(value, 'attributes')
    if (isPlain(attributes)) {
      const rule =
        type === 'alert' || type === 'rule'
          ? ruleOf(attributes, id, listOf(memberOf(value, 'references')), `${where}.attributes`)
          : undefined
      if (rule !== undefined) rules.push(rule)
      else if (type !== undefined) objects.set(`${type}:${id}`, attributes)
      return
    }
    const rule = ruleOf(value, id, [], where)
    if (rule !== undefined) rules.push(rule)
  }
  const whole = parsed(text)
  const lists = whole === undefined ? undefined : (listFrom(whole) ?? [whole])
  if (lists !== undefined)
    for (const [at, value] of lists.entries()) take(value, lists.length === 1 && lists[0] === whole ? '$' : `$[${at}]`)
  else
    text.split('\n').forEach((line, at) => {
      if (line.trim() === '') return
      const value = parsed(line)
      if (value === undefined) broken.push(at + 1)
      else take(value, `line ${at + 1}`)
    })
  return { rules, objects, broken }
}

const listFrom = (whole: unknown): readonly unknown[] | undefined => {
  if (Array.isArray(whole)) return whole
  const data = memberOf(whole, 'data') ?? memberOf(whole, 'saved_objects') ?? memberOf(whole, 'rules')
  return Array.isArray(data) ? data : undefined
}

/** Whether an object is a rule of Kibana: saved, or of the API. */
export const isKibanaRule = (value: unknown): boolean =>
  (memberOf(value, 'type') === 'alert' && wordOf(memberAt(value, 'attributes', 'alertTypeId')) !== undefined) ||
  wordOf(memberOf(value, 'rule_type_id')) !== undefined
