/**
 * A wiretap between a client and the servers under test. The first target answers the client; every other one gets the same bytes and its
 * answers are thrown away. What passed is kept, so that a test knows ids and times that only the client could know.
 */

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** One HTTP request as the client made it; `body` without its Content-Encoding. */
export interface Recorded {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Listens until closed. */
export interface Tap<Item> {
  readonly port: number
  readonly seen: readonly Item[]
  close(): Promise<void>
}

const portOf = (server: { address(): unknown }): number => (server.address() as { port: number }).port

async function closeServer(server: Server | ReturnType<typeof createServer>): Promise<void> {
  if ('closeAllConnections' in server) server.closeAllConnections()
  server.close()
  await once(server, 'close')
}

/** An HTTP server that remembers every request and answers `status` with an empty body. */
export async function startRecorder(status = 202): Promise<Tap<Recorded>> {
  const seen: Recorded[] = []
  const server = createHttpServer((request, reply) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
      seen.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: plain })
      reply.writeHead(status, { 'content-length': 0 }).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: portOf(server), seen, close: () => closeServer(server) }
}

/** Passes TCP connections on to all `targets` byte for byte, and records the HTTP requests in them. Without targets the recorder answers. */
export async function teeHttp(targets: readonly number[]): Promise<Tap<Recorded>> {
  const recorder = await startRecorder()
  const open = new Set<Socket>()
  const server = createServer((client) => {
    open.add(client)
    for (const [index, port] of [...targets, recorder.port].entries()) {
      const upstream = connect(port, '127.0.0.1')
      open.add(upstream)
      client.pipe(upstream)
      if (index === 0) upstream.pipe(client)
      else upstream.resume()
      // A target that hangs up or is not there must look so to the client, if it is the one that answers, and else to nobody.
      upstream.on('error', () => index === 0 && client.destroy())
    }
    client.on('error', () => client.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    for (const socket of open) socket.destroy()
    await closeServer(server)
    await recorder.close()
  }
  return { port: portOf(server), seen: recorder.seen, close }
}

/** Passes datagrams on to all `targets` and keeps them. */
export async function teeUdp(targets: readonly number[]): Promise<Tap<Buffer>> {
  const seen: Buffer[] = []
  const socket = createSocket('udp4')
  socket.on('message', (datagram) => {
    seen.push(datagram)
    for (const port of targets) socket.send(datagram, port, '127.0.0.1')
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const close = async (): Promise<void> => {
    socket.close()
    await once(socket, 'close')
  }
  return { port: portOf(socket), seen, close }
}
