/** The same HTTP request put to an old server and to the bridge, and in what their answers differ. */

import { request } from 'node:http'

/**
 * A request, and how far the answers must agree. `text`: status and body, word for word but for what {@link withoutPlace} takes out;
 * `start`: status and the text up to its first colon; `status`: the body is left alone.
 */
export interface Case {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly compare: 'text' | 'start' | 'status'
  /** Names of headers that must be equal too when both answer 2xx. */
  readonly sameHeaders?: readonly string[]
}

/** A difference that the mapping asks for: in these cases the bridge answers so, and not as the old server does. */
export interface Accepted {
  readonly rule: string
  readonly why: string
  readonly cases: readonly string[]
  readonly status: number
  readonly body: RegExp
}

export interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** Puts the request to a port of the loopback. node:http and not fetch, which follows redirects, forbids Origin and adds headers. */
export function ask(port: number, { method, path, headers, body }: Case): Promise<Answer> {
  return new Promise((settle, fail) => {
    const sent = body === undefined ? headers : { ...headers, 'content-length': String(body.length) }
    const call = request({ host: '127.0.0.1', port, method, path, headers: sent, agent: false }, (reply) => {
      const chunks: Buffer[] = []
      reply.on('data', (chunk: Buffer) => chunks.push(chunk))
      reply.on('error', fail)
      reply.on('end', () => settle({ status: reply.statusCode ?? 0, body: Buffer.concat(chunks).toString(), headers: reply.headers }))
    })
    call.on('error', fail)
    call.end(body)
  })
}

// The page of the Zipkin format fixes how these three texts begin and end, and leaves free what place and cause stand between.
const freeMiddle = /^(End of input|Malformed|Truncated)\b.*( reading List<Span> from \w+)$/s

/** A text without what its format's page leaves free: "at line 1 column 16 path $[0].traceId" and the like. */
export const withoutPlace = (text: string): string => text.replace(freeMiddle, '$1$2').replace(/ (?:at )?line \d+ column \d+ path \S+/, '')

const compared = (text: string, compare: Case['compare']): string =>
  compare === 'status' ? '' : compare === 'start' ? text.replace(/:.*/s, '') : withoutPlace(text)

const plain = (value: string | string[] | undefined): string =>
  String(value ?? '')
    .replaceAll(' ', '')
    .toLowerCase()

/** One line per difference, `old → bridge`; none when they agree as far as the case asks. */
export function differences(one: Case, old: Answer, bridge: Answer): string[] {
  const found: string[] = []
  if (old.status !== bridge.status) found.push(`status ${old.status} → ${bridge.status}`)
  if (compared(old.body, one.compare) !== compared(bridge.body, one.compare)) {
    found.push(`text ${JSON.stringify(old.body.slice(0, 100))} → ${JSON.stringify(bridge.body.slice(0, 100))}`)
  }
  if (old.status < 300 && bridge.status < 300) {
    for (const name of one.sameHeaders ?? []) {
      if (plain(old.headers[name]) !== plain(bridge.headers[name]))
        found.push(`${name} ${plain(old.headers[name])} → ${plain(bridge.headers[name])}`)
    }
  }
  return found
}

/** What a case came to: undefined when all is as it must be, else what is wrong, for an assertion that shows it. */
export interface Verdict {
  readonly differences: readonly string[]
  readonly rule: string
  readonly wrong: string | undefined
}

/** Judges one case by the accepted list. An entry whose case shows no difference any more is wrong too: the list must say how things are. */
export function judge(one: Case, old: Answer, bridge: Answer, accepted: readonly Accepted[]): Verdict {
  const found = differences(one, old, bridge)
  const entry = accepted.find(({ cases }) => cases.includes(one.name))
  const rule = entry?.rule ?? ''
  if (entry === undefined) return { differences: found, rule, wrong: found.length === 0 ? undefined : found.join('; ') }
  if (found.length === 0) return { differences: found, rule, wrong: `no difference any more: strike ${one.name} from ${entry.rule}` }
  const asRuled = bridge.status === entry.status && entry.body.test(bridge.body)
  return {
    differences: found,
    rule,
    wrong: asRuled ? undefined : `not as ${entry.rule} says: ${bridge.status} ${bridge.body.slice(0, 200)}`,
  }
}
