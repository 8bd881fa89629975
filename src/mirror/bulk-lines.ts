/** The actions of a `_bulk` body, by where their bytes are: looked at only when some of them have to go again, or are counted. */

import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib'

export interface BulkAction {
  readonly op: 'index' | 'create' | 'update' | 'delete' | 'other'
  /** First byte of its action line, and the one after its last line, line ends included. */
  readonly from: number
  readonly to: number
  readonly hasId: boolean
}

/** A body that expands to more is not looked at. */
const maxPlainBytes = 512 * 2 ** 20

const limit = { maxOutputLength: maxPlainBytes }
const gunzipAsync = promisify<Uint8Array, typeof limit, Uint8Array>(gunzip)
const inflateAsync = promisify<Uint8Array, typeof limit, Uint8Array>(inflate)
const inflateRawAsync = promisify<Uint8Array, typeof limit, Uint8Array>(inflateRaw)
const zstdAsync = promisify<Uint8Array, typeof limit, Uint8Array>(zstdDecompress)

/** A body without its Content-Encoding. Rejects for one that is not what it says, or expands to more than 512 MiB. */
export async function plainBody(encoding: string | undefined, body: Uint8Array): Promise<Uint8Array> {
  switch (encoding?.trim().toLowerCase() ?? 'identity') {
    case '':
    case 'identity':
      return body
    case 'gzip':
    case 'x-gzip':
      return gunzipAsync(body, limit)
    case 'deflate':
      return inflateAsync(body, limit).catch(() => inflateRawAsync(body, limit))
    case 'zstd':
      return zstdAsync(body, limit)
  }
  throw new Error(`Content-Encoding ${encoding} is not known here`)
}

const ops: ReadonlySet<string> = new Set(['index', 'create', 'update', 'delete'])

const utf8 = new TextDecoder()

function actionOf(line: Uint8Array): Pick<BulkAction, 'op' | 'hasId'> {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(line))
  } catch {
    return { op: 'other', hasId: false }
  }
  if (typeof value !== 'object' || value === null) return { op: 'other', hasId: false }
  const [name, inner] = Object.entries(value)[0] ?? ['', undefined]
  const hasId = typeof inner === 'object' && inner !== null && '_id' in inner && inner._id !== null && inner._id !== ''
  return { op: ops.has(name) ? (name as BulkAction['op']) : 'other', hasId }
}

const isBlank = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let at = from; at < to; at++) if ((bytes[at] as number) > 0x20) return false
  return true
}

/** All actions in a body without Content-Encoding, in order. An action that we do not know has a document, as the old side takes it. */
export function bulkActions(body: Uint8Array): BulkAction[] {
  const actions: BulkAction[] = []
  const lineEnd = (at: number): number => {
    const end = body.indexOf(0x0a, at)
    return end === -1 ? body.length : end + 1
  }
  for (let at = 0; at < body.length; ) {
    const end = lineEnd(at)
    if (isBlank(body, at, end)) {
      at = end
      continue
    }
    const { op, hasId } = actionOf(body.subarray(at, end))
    const to = op === 'delete' ? end : lineEnd(end)
    actions.push({ op, hasId, from: at, to })
    at = to
  }
  return actions
}

const opening = /^\s*\{\s*"(?:index|create)"\s*:\s*\{\s*(\}?)/

/** The `_id` that an action gets which has none: the same whenever the request is sent. @param line number of the action, from 0 */
export function assignedId(envelopeId: string, line: number): string {
  return createHash('sha256').update(`${envelopeId}\n${line}`).digest('base64url').slice(0, 20)
}

/** The body with an `_id` in each `index` and `create` that had none. */
export function withAssignedIds(body: Uint8Array, envelopeId: string): Uint8Array {
  const pieces: Uint8Array[] = []
  let copied = 0
  bulkActions(body).forEach((action, number) => {
    const lines = body.subarray(action.from, action.to)
    const withId = withAssignedId(lines, action, envelopeId, number)
    if (withId === lines) return
    pieces.push(body.subarray(copied, action.from), withId)
    copied = action.to
  })
  return pieces.length === 0 ? body : Buffer.concat([...pieces, body.subarray(copied)])
}

/** The lines of one action with an `_id`, if it is an `index` or `create` that had none; else as they are. @param number of the action, from 0 */
export function withAssignedId(
  lines: Uint8Array,
  { op, hasId }: Pick<BulkAction, 'op' | 'hasId'>,
  envelopeId: string,
  number: number,
): Uint8Array {
  if (hasId || (op !== 'index' && op !== 'create')) return lines
  const end = lines.indexOf(0x0a)
  const found = opening.exec(Buffer.from(lines.subarray(0, end === -1 ? lines.length : end)).toString('latin1'))
  if (found === null) return lines
  const empty = found[1] === '}'
  const place = found[0].length - (empty ? 1 : 0)
  const id = Buffer.from(`"_id":"${assignedId(envelopeId, number)}"${empty ? '' : ','}`)
  return Buffer.concat([lines.subarray(0, place), id, lines.subarray(place)])
}
