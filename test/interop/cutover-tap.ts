/** A proxy that passes HTTP requests on and keeps the SHA-256 of each body that was taken: in front of the bridge, and before each side behind it. */

import { createHash } from 'node:crypto'
import { Agent, createServer, type IncomingMessage, type OutgoingHttpHeaders, request as send } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { closeNow, listenLocally } from '../support/local-server.ts'

/** What became of the requests with one body. */
export interface Fate {
  /** Answered with 2xx. */
  taken: number
  /** Sent, and never answered: whether they were taken is not known to who sent them. */
  unheard: number
  /** Refused for good: 4xx, but for those that ask to come again. */
  refused: number
}

export interface Tap {
  readonly port: number
  readonly url: string
  /** By SHA-256, hexadecimal; of requests with a body alone. */
  readonly bodies: ReadonlyMap<string, Fate>
  /** Requests that were not answered yet. */
  readonly underWay: number
  /** Answers with their count: `POST 202`, `POST reset`. */
  readonly answers: ReadonlyMap<string, number>
  /** How many were answered in the last so many ms. */
  answeredWithin(ms: number): number
  /** The first refusals for good: status, words, media type and the first bytes of the body in base64. */
  readonly refusals: readonly string[]
  /** What each answer waits for. */
  delayMs: number
  close(): Promise<void>
}

export interface TapOptions {
  /** Told of each request whose answer was 2xx. */
  readonly taken?: (request: IncomingMessage, body: Buffer) => void
  /** Answers in the place of the target: a status. */
  readonly instead?: (request: IncomingMessage, body: Buffer) => number | undefined
}

const drain = async (stream: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const hop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'expect'])

const passed = ({ rawHeaders }: IncomingMessage): [string, string][] =>
  rawHeaders.flatMap((name, at): [string, string][] =>
    at % 2 === 0 && !hop.has(name.toLowerCase()) ? [[name, rawHeaders[at + 1] ?? '']] : [],
  )

/** The sender is to come again. */
const passing = new Set([408, 425, 429])

const gathered = (pairs: readonly (readonly [string, string])[]): OutgoingHttpHeaders => {
  const all: Record<string, string[]> = {}
  for (const [name, value] of pairs) (all[name] ??= []).push(value)
  return Object.fromEntries(Object.entries(all).map(([name, values]) => [name, values.length === 1 ? values[0] : values]))
}

/** Starts it; each connection to it has a connection of its own to `target`, so that what came in order goes on in order. */
export async function startTap(target: number, { taken, instead }: TapOptions = {}): Promise<Tap> {
  const bodies = new Map<string, Fate>()
  const answers = new Map<string, number>()
  const agents = new Map<Socket, Agent>()
  const refusals: string[] = []
  let answered: number[] = []
  const state = { underWay: 0, delayMs: 0 }

  const agentOf = (socket: Socket): Agent => {
    let agent = agents.get(socket)
    if (agent === undefined) {
      agents.set(socket, (agent = new Agent({ keepAlive: true, maxSockets: 1 })))
      socket.once('close', () => {
        // What is under way goes on to its end: it may well be taken.
        if (state.underWay === 0) agent?.destroy()
        agents.delete(socket)
      })
    }
    return agent
  }
  const fateOf = (body: Buffer): Fate => {
    const hash = createHash('sha256').update(body).digest('hex')
    let fate = bodies.get(hash)
    if (fate === undefined) bodies.set(hash, (fate = { taken: 0, unheard: 0, refused: 0 }))
    return fate
  }
  const pass = async (request: IncomingMessage, body: Buffer): Promise<{ status: number; headers: OutgoingHttpHeaders; body: Buffer }> => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const headers = passed(request).flat()
    const length = request.method === 'GET' || request.method === 'HEAD' ? [] : ['Content-Length', String(body.byteLength)]
    const agent = agentOf(request.socket)
    const onward = send({
      host: '127.0.0.1',
      port: target,
      method: request.method,
      path: request.url,
      headers: [...headers, ...length],
      setHost: false,
      agent,
    })
    onward.once('response', resolve).once('error', reject)
    onward.end(body)
    const answer = await promise
    return { status: answer.statusCode ?? 0, headers: gathered(passed(answer)), body: await drain(answer) }
  }

  const server = createServer((request, reply) => {
    const work = async (): Promise<void> => {
      const body = await drain(request)
      const fate = body.byteLength > 0 ? fateOf(body) : undefined
      const count = (what: string): void => {
        const name = `${request.method} ${what}`
        answers.set(name, (answers.get(name) ?? 0) + 1)
      }
      state.underWay++
      try {
        if (state.delayMs > 0) await delay(state.delayMs)
        const status = instead?.(request, body)
        const answer = status === undefined ? await pass(request, body) : { status, headers: {}, body: Buffer.from('instead') }
        count(String(answer.status))
        if (answer.status < 200 || answer.status > 299) {
          if (fate !== undefined && answer.status >= 400 && answer.status < 500 && !passing.has(answer.status)) {
            fate.refused++
            const said = `${answer.status} ${answer.body.subarray(0, 300)}`
            if (refusals.length < 100)
              refusals.push(`${said} to ${request.headers['content-type']} ${body.subarray(0, 600).toString('base64')}`)
          }
        } else {
          if (fate !== undefined) fate.taken++
          taken?.(request, body)
        }
        const bodyless = answer.status === 204 || request.method === 'HEAD'
        reply.writeHead(answer.status, { ...answer.headers, ...(bodyless ? {} : { 'content-length': answer.body.byteLength }) })
        reply.end(answer.body)
      } catch {
        count('reset')
        if (fate !== undefined) fate.unheard++
        request.socket.destroy()
      } finally {
        state.underWay--
        const now = performance.now()
        answered.push(now)
        if (answered.length > 2000) answered = answered.filter((at) => at > now - 5000)
      }
    }
    // A sender that hangs up has sent nothing.
    void work().catch(() => request.socket.destroy())
  })
  server.keepAliveTimeout = 120_000
  const port = await listenLocally(server)
  return Object.assign(state, {
    port,
    url: `http://127.0.0.1:${port}`,
    bodies,
    answers,
    refusals,
    answeredWithin: (ms: number) => answered.filter((at) => at > performance.now() - ms).length,
    async close() {
      const closed = closeNow(server)
      for (const agent of agents.values()) agent.destroy()
      await closed
    },
  })
}

/** What two taps say of the same bodies. */
export interface Ledger {
  /** Requests that the first answered with 2xx. */
  readonly acknowledged: number
  /** Of those, the ones that the second never took nor refused. */
  readonly missing: number
  /** Those that the second refused for good. */
  readonly refused: number
  /** Those that it refused as repeats, after a try without an answer: it has them. */
  readonly absorbed: number
  /** What the second took more often than it was sent to the first. */
  readonly repeats: number
  /** Bodies that only the second knows. */
  readonly strange: number
}

/** Compares them, body by body. */
export function ledger(front: Tap, back: Tap): Ledger {
  const sums = { acknowledged: 0, missing: 0, refused: 0, absorbed: 0, repeats: 0, strange: 0 }
  for (const [hash, { taken, unheard }] of front.bodies) {
    const there = back.bodies.get(hash)
    sums.acknowledged += taken
    const short = Math.max(0, taken - (there?.taken ?? 0))
    const refused = Math.min(short, there?.refused ?? 0)
    if ((there?.unheard ?? 0) > 0) sums.absorbed += refused
    else sums.refused += refused
    sums.missing += short - refused
    sums.repeats += Math.max(0, (there?.taken ?? 0) - taken - unheard)
  }
  for (const [hash, { taken }] of back.bodies) if (taken > 0 && !front.bodies.has(hash)) sums.strange++
  return sums
}
