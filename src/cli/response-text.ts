/** What a server answers, up to a limit. */

/** Largest answer, bytes. */
const largestBytes = 64 * 1024 * 1024

/** The body as text. Rejects with an Error when it is too large, or cut off. */
export async function responseText(response: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of response.body ?? []) {
    size += piece.length
    if (size > largestBytes) throw new Error('the answer is larger than 64 MiB')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
