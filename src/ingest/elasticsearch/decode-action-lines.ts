/** Action lines that came before: a line that has the bytes of one of them, but for the id, says the same. */

/** Bytes of an id. More refuses the request, as in Elasticsearch. */
export const maxIdBytes = 512
/** Lines that are kept, and how long they may be. */
const maxLines = 8
const maxLineBytes = 1024

const noBytes = new Uint8Array(0)

/** A line that is recognised. */
export interface KnownLine<Says> {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Where its id begins and ends; both are its length without one. */
  readonly idStart: number
  readonly idEnd: number
  readonly hasId: boolean
  /** The id is a number, not a text. */
  readonly digits: boolean
  readonly says: Says
}

/** The last few different lines of a listener. */
export class KnownLines<Says> {
  private readonly lines: KnownLine<Says>[] = []
  private oldest = 0
  private last: KnownLine<Says> | undefined = undefined
  private piece: Uint8Array = noBytes
  private view: DataView = new DataView(noBytes.buffer)

  /** Lines are of this piece from now on. */
  open(piece: Uint8Array): void {
    this.piece = piece
    this.view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength)
  }

  forget(): void {
    this.lines.length = 0
    this.oldest = 0
    this.last = undefined
  }

  /** The one that the line at bytes `start` to `end` is like. */
  find(start: number, end: number): KnownLine<Says> | undefined {
    const { last } = this
    if (last === undefined) return undefined
    if (this.isLike(last, start, end)) return last
    for (const line of this.lines) {
      if (line !== last && this.isLike(line, start, end)) {
        this.last = line
        return line
      }
    }
    return undefined
  }

  /**
   * Keeps a line, unless it is too long.
   * @param id where its id stands: plain ASCII without escapes between quotes, or digits; undefined for a line without one
   */
  add(
    start: number,
    end: number,
    id: { readonly start: number; readonly end: number; readonly digits: boolean } | undefined,
    says: Says,
  ): void {
    if (end - start > maxLineBytes) return
    const bytes = this.piece.slice(start, end)
    const line: KnownLine<Says> = {
      bytes,
      view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      idStart: id === undefined ? bytes.length : id.start - start,
      idEnd: id === undefined ? bytes.length : id.end - start,
      hasId: id !== undefined,
      digits: id?.digits ?? false,
      says,
    }
    this.last = line
    if (this.lines.length < maxLines) this.lines.push(line)
    else this.lines[this.oldest++ % maxLines] = line
  }

  private isLike(line: KnownLine<Says>, start: number, end: number): boolean {
    const { bytes, idStart, idEnd } = line
    const rest = bytes.length - idEnd
    if (!line.hasId) return end - start === bytes.length && this.isSame(line, 0, start, idStart)
    const from = start + idStart
    const to = end - rest
    if (to <= from || to - from > maxIdBytes || !this.isSame(line, 0, start, idStart) || !this.isSame(line, idEnd, to, rest)) return false
    const { piece } = this
    if (line.digits) {
      if (piece[from] === 0x30 && to > from + 1) return false
      for (let at = from; at < to; at++) if ((piece[at] as number) < 0x30 || (piece[at] as number) > 0x39) return false
      return true
    }
    for (let at = from; at < to; at++) {
      const byte = piece[at] as number
      if (byte < 0x20 || byte === 0x22 || byte === 0x5c || byte >= 0x80) return false
    }
    return true
  }

  /** Whether `length` bytes of a line are those of the piece at `at`. */
  private isSame(line: KnownLine<Says>, from: number, at: number, length: number): boolean {
    const { view, piece } = this
    const whole = length & ~3
    for (let i = 0; i < whole; i += 4) if (view.getInt32(at + i, true) !== line.view.getInt32(from + i, true)) return false
    for (let i = whole; i < length; i++) if (piece[at + i] !== line.bytes[from + i]) return false
    return true
  }
}
