/** Bodies of `_bulk` as a hostile sender writes them. */

/** An action line. @param rest members beside the index, as JSON */
export const action = (name = 'create', index = 'logs', rest = ''): string => `{"${name}":{"_index":${JSON.stringify(index)}${rest}}}\n`

/** Lines of a body; what is an object is written as JSON. */
export const ndjson = (...lines: readonly (string | object)[]): string =>
  lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')

/** Documents as they are given, each with an action of its own, between two good ones: `LABEL before` and `LABEL after`. */
export const between = (label: string, ...documents: readonly string[]): string =>
  [`{"message":"${label} before"}`, ...documents, `{"message":"${label} after"}`].map((one) => `${action()}${one}\n`).join('')

/** Records of {@link between} that must arrive. @param good further texts */
export const neighbours = (label: string, ...good: readonly string[]): Readonly<Record<string, number>> =>
  Object.fromEntries([`${label} before`, ...good, `${label} after`].map((text) => [text, 1]))

/** The same piece again and again. */
export const times = (piece: string | Uint8Array, count: number): Buffer => {
  const bytes = Buffer.from(piece as string)
  return Buffer.alloc(bytes.length * count, bytes)
}
