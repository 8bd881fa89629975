/** Who was told of an alert: names of receivers, never what reaches them. */

import type { Item, Note } from '../model.ts'
import { noUses } from '../model.ts'

/** Keys whose values are never copied, not even into a report. */
const secretKey =
  /(pass(word|wd|phrase)?|secret|token|api_?key|service_?key|routing_?key|webhook|credential|authorization|private_?key|bearer|_url$|^url$|urls$|email|recipient|smtp|username|user_?key|phone|^to$|^cc$|^bcc$|number$|headers?$|channel_?id|auth)/i

/** Whether a key may hold a secret or somebody's address. */
export const isSecretKey = (key: string): boolean => secretKey.test(key)

const longestMasked = 65_536

/**
 * A text that people wrote, without what lets somebody in: user information in URLs, paths of webhooks, bearer tokens, `password=…`. Long texts are cut at 64 KiB.
 */
export function maskSecrets(text: string): string {
  return text
    .slice(0, longestMasked)
    .replace(/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@"'<>]{1,512}@/gi, '$1***@')
    .replace(
      /\bhttps?:\/\/[^\s"'<>/]{0,255}(?:hooks?|webhook|services)[^\s"'<>]{0,2048}/gi,
      (url) => `${/^https?:\/\/[^/]*/i.exec(url)?.[0] ?? ''}/***`,
    )
    .replace(/\bhttps?:\/\/([^\s"'<>/]{1,255})\/[^\s"'<>]{0,512}?\b(?:hooks?|webhooks?|services)\/[^\s"'<>]{1,2048}/gi, 'https://$1/***')
    .replace(/\b(bearer|basic|apikey)(\s+)[A-Za-z0-9._~+/=-]{8,4096}/gi, '$1$2***')
    .replace(/\b(pass(?:word|wd)?|secret|token|api[_-]?key|access[_-]?key)(["']?\s{0,4}[=:]\s{0,4}["']?)[^\s"'&,;}]{1,4096}/gi, '$1$2***')
}

/** How somebody is told. */
export interface Receiver {
  /** `slack`, `email`, a connector's kind, an action's id. */
  readonly name: string
  /** Settings that were there and are not copied, by name. */
  readonly withheld: readonly string[]
}

/** How often and together with what alerts are sent; seconds. */
export interface Sending {
  readonly repeat?: number | undefined
  readonly wait?: number | undefined
  readonly groupBy?: readonly string[] | undefined
}

const quoted = (text: string): string => JSON.stringify(text)

/** An Alertmanager route as a sketch: receivers are only named. `matcher` is what chooses the alert. */
export function routeSketch(
  receivers: readonly Receiver[],
  matcher: (receiver: string) => string,
  sending: Sending,
  print: (s: number) => string,
): string {
  const lines = ['route:', '  routes:']
  for (const { name } of receivers) {
    lines.push(`    - matchers: [${quoted(matcher(name))}]`, `      receiver: ${quoted(name)}`, '      continue: true')
    if (sending.repeat !== undefined && sending.repeat > 0) lines.push(`      repeat_interval: ${print(sending.repeat)}`)
    if (sending.wait !== undefined) lines.push(`      group_wait: ${print(sending.wait)}`)
    if (sending.groupBy !== undefined && sending.groupBy.length > 0)
      lines.push(`      group_by: [${sending.groupBy.map(quoted).join(', ')}]`)
  }
  lines.push('receivers:')
  for (const { name } of receivers) lines.push(`  - name: ${quoted(name)}`)
  return `${lines.join('\n')}\n`
}

/** The part of a report that names receivers. */
export function receiverPart(
  id: string,
  where: string,
  title: string,
  receivers: readonly Receiver[],
  sketch: string,
  notes: readonly Note[],
): Item {
  const names = receivers.map(({ name, withheld }) => (withheld.length === 0 ? name : `${name} (not copied: ${withheld.join(', ')})`))
  return {
    kind: 'receiver',
    id,
    where,
    title,
    language: 'other',
    status: 'manual',
    before: names.join('\n'),
    after: sketch,
    edits: [],
    notes: [
      {
        code: 'OBD-A-003',
        text: `${receivers.length === 1 ? 'a receiver is' : `${receivers.length} receivers are`} only named: ${receivers.map(({ name }) => name).join(', ')}`,
        suggestion: 'set the receivers up in Alertmanager or Grafana and take the route from the sketch',
      },
      ...notes,
    ],
    uses: noUses,
  }
}
