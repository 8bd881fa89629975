/** Items that were taken, ready to be copied into an answer: all bytes stand but the id and `_seq_no`. */

import { idLength } from './generated-ids.ts'
import { Gap, type ReplyShape } from './reply-shapes.ts'

/** For one index, kind and width of `_seq_no`. */
export interface Copy {
  readonly bytes: Uint8Array
  /** What stands behind the id: what stands around it is copied alone for ids of clients. */
  readonly tail: Uint8Array
  /** Where the id stands, −1 without one. */
  readonly idAt: number
  /** Where the number stands, −1 without one. */
  readonly sequenceAt: number
  readonly digits: number
  /** The numbers that have so many digits: from the first, below the second. */
  readonly from: number
  readonly limit: number
  /** Block of ids that the id's prefix is of. */
  block: number
}

/** Indices of which copies are kept, and how long their names may be. */
const maxIndices = 500
const longestName = 512

const madeId = Buffer.from(`"${'A'.repeat(idLength)}"`)

function createCopy(shape: ReplyShape, index: string, kind: number, typed: boolean, sequence: number): Copy | null {
  const pieces = shape.taken(kind, typed)
  if (pieces === undefined) return null
  const digits = String(sequence).length
  const parts: Uint8Array[] = []
  let length = 0
  let idAt = -1
  let sequenceAt = -1
  const put = (bytes: Uint8Array): void => {
    parts.push(bytes)
    length += bytes.length
  }
  for (const piece of pieces) {
    if (typeof piece === 'object') put(piece)
    else if (piece === Gap.Index) put(Buffer.from(JSON.stringify(index)))
    else if (piece === Gap.Sequence) {
      sequenceAt = length
      put(new Uint8Array(digits))
    } else {
      idAt = length + 1
      put(madeId)
    }
  }
  const bytes = Uint8Array.from(Buffer.concat(parts))
  const range =
    sequenceAt < 0 ? { from: 0, limit: Number.POSITIVE_INFINITY } : { from: digits === 1 ? 0 : 10 ** (digits - 1), limit: 10 ** digits }
  return { bytes, tail: bytes.slice(idAt + idLength), idAt, sequenceAt, digits, ...range, block: -1 }
}

/** Copies of one form of answer. Requests name the same indices again and again. */
class Copies {
  private readonly shape: ReplyShape
  private readonly byIndex = new Map<string, (Copy | null | undefined)[]>()

  constructor(shape: ReplyShape) {
    this.shape = shape
  }

  /** Null when nothing of such items is left. */
  get(index: string, kind: number, typed: boolean, sequence: number): Copy | null {
    if (index.length > longestName) return createCopy(this.shape, index, kind, typed, sequence)
    let forms = this.byIndex.get(index)
    if (forms === undefined) {
      if (this.byIndex.size >= maxIndices) this.byIndex.clear()
      this.byIndex.set(index, (forms = []))
    }
    const key = kind * 2 + (typed ? 1 : 0)
    let copy = forms[key]
    if (copy === undefined || (copy !== null && (sequence < copy.from || sequence >= copy.limit)))
      forms[key] = copy = createCopy(this.shape, index, kind, typed, sequence)
    return copy
  }
}

const byShape = new WeakMap<ReplyShape, Copies>()

/** The copies of a form. */
export function copiesOf(shape: ReplyShape): Copies {
  let copies = byShape.get(shape)
  if (copies === undefined) byShape.set(shape, (copies = new Copies(shape)))
  return copies
}
