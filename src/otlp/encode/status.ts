/**
 * Answers of an OTLP endpoint that are errors: `google.rpc.Status`, as protobuf and as JSON.
 *
 * ```proto
 * message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
 * ```
 */

/** @param code of gRPC, below 128 */
export function encodeStatus(code: number, message: string): Uint8Array {
  const text = Buffer.from(message)
  const length: number[] = []
  let rest = text.length
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80)
  return Buffer.concat([Uint8Array.of(0x08, code, 0x12, ...length, rest), text])
}

/** The same as JSON text. */
export function statusToJson(code: number, message: string): string {
  return JSON.stringify({ code, message: message.toWellFormed() })
}
