/** An old backend that does as it is told: one step of the script for each request, the last one for all that follow. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

export type Step =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string | Uint8Array }
  /** Reads the request and closes the connection without an answer. */
  | 'reset'
  /** Reads the request and never answers. */
  | 'hang'
  /** Answers something that is no HTTP. */
  | 'garbage'
  /** Answers when `go` is called. */
  | { readonly gate: Promise<void>; readonly status: number }
  | ((request: SeenRequest) => Step)

export interface ScriptedServer {
  readonly url: string
  readonly seen: SeenRequest[]
  readonly connections: () => number
  script(...steps: Step[]): void
  close(): Promise<void>
}

const read = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

export async function startScriptedServer(port = 0): Promise<ScriptedServer> {
  let steps: Step[] = [{ status: 202 }]
  const seen: SeenRequest[] = []
  let connections = 0

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await read(request)
    const one = { method: request.method ?? '', url: request.url ?? '', rawHeaders: request.rawHeaders, body }
    seen.push(one)
    let step = (steps.length > 1 ? steps.shift() : steps[0]) as Step
    while (typeof step === 'function') step = step(one)
    if (step === 'hang') return
    if (step === 'reset') return void request.socket.resetAndDestroy()
    if (step === 'garbage') return void request.socket.end('Hello, this is a mail server\r\n\r\n')
    if ('gate' in step) await step.gate
    response.writeHead(step.status, 'headers' in step ? step.headers : {})
    response.end('body' in step ? step.body : '')
  }

  const server: Server = createServer((request, response) => void answer(request, response).catch(() => request.socket.destroy()))
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    connections: () => connections,
    script: (...wanted) => void (steps = wanted),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** As {@link startScriptedServer}; closed when the test ends. */
export async function scriptedForTest(port = 0): Promise<ScriptedServer> {
  const server = await startScriptedServer(port)
  onTestFinished(() => server.close())
  return server
}
