/** A gRPC client for messages that are bytes already, on the library that real clients use. */

/** Calls to one server. */
export interface GrpcCaller {
  /** One unary call. Resolves with undefined, or with status and message when it was refused. */
  call(method: string, message: Uint8Array): Promise<string | undefined>
  close(): void
}

const same = (bytes: Buffer): Buffer => bytes

const callMs = 10_000

/** @param host `127.0.0.1:14250`; the connection is opened on first use, without TLS */
export async function createGrpcCaller(host: string): Promise<GrpcCaller> {
  const { Client, credentials } = await import('@grpc/grpc-js')
  const client = new Client(host, credentials.createInsecure())
  return {
    call: (method, message) =>
      new Promise((resolve) => {
        client.makeUnaryRequest(method, same, same, Buffer.from(message), { deadline: Date.now() + callMs }, (error) =>
          resolve(error === null ? undefined : error.message),
        )
      }),
    close: () => client.close(),
  }
}
