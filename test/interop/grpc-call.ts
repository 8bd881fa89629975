/** One call over gRPC as Google's own client for Node.js makes it; messages are bytes. */

import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'

/** What a server answered: its status, and its message where that is OK (0). */
export interface GrpcAnswer {
  readonly code: number
  readonly details: string
  readonly message: Buffer
}

const bytes = (value: Buffer): Buffer => value

/** Calls `/package.Service/Method` on a port of the loopback. Rejects only when the call cannot be made. */
export async function callGrpc(
  port: number,
  method: string,
  message: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<GrpcAnswer> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  try {
    return await new Promise((settle) => {
      const done = (error: ServiceError | null, reply?: Buffer): void =>
        settle(
          error === null
            ? { code: 0, details: '', message: reply ?? Buffer.alloc(0) }
            : { code: error.code, details: error.details, message: Buffer.alloc(0) },
        )
      client.makeUnaryRequest(method, bytes, bytes, Buffer.from(message), metadata, { deadline: Date.now() + 10_000 }, done)
    })
  } finally {
    client.close()
  }
}
