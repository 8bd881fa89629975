/**
 * Ids for documents that come without one: 20 characters of URL-safe base64, as Elasticsearch makes them. 48 bits of time, 48 random ones of this
 * process and a counter, so that no two are alike.
 */

/** Characters of an id, and how many of them change from one to the next. */
export const idLength = 20
const countLength = 4
export const idPrefixLength = idLength - countLength

const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
const maxCount = 1 << 24
/** Of all of this process, so that those of two are told apart. */
let blocks = 0

export interface GeneratedIdsDeps {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Six bytes at random: `crypto.randomBytes`. */
  readonly random: (bytes: number) => Uint8Array
}

export class GeneratedIds {
  /** The characters that stay until `block` changes. */
  readonly prefix = new Uint8Array(idPrefixLength)
  block = 0
  private readonly now: () => number
  private readonly node: Uint8Array
  private time = 0
  private count = 0

  constructor(deps: GeneratedIdsDeps) {
    this.now = deps.now
    this.node = Uint8Array.from(deps.random(6))
    this.renew()
  }

  /** Ids begin with the time from now on. Once a request. */
  renew(): void {
    const now = Math.trunc(this.now())
    if (now > this.time) this.begin(now)
  }

  /** Writes what comes behind the prefix in the next id, at `at`. `ready` is to be called before. */
  writeCount(out: Uint8Array, at: number): void {
    const count = this.count++
    out[at] = alphabet[count >>> 18] as number
    out[at + 1] = alphabet[(count >>> 12) & 63] as number
    out[at + 2] = alphabet[(count >>> 6) & 63] as number
    out[at + 3] = alphabet[count & 63] as number
  }

  /** Before each id: the prefix holds for it from now on. */
  ready(): void {
    if (this.count === maxCount) this.begin(Math.max(this.time + 1, Math.trunc(this.now())))
  }

  /** One id. For answers to single documents. */
  next(): string {
    const bytes = Buffer.alloc(idLength)
    this.ready()
    bytes.set(this.prefix)
    this.writeCount(bytes, idPrefixLength)
    return bytes.toString('latin1')
  }

  private begin(time: number): void {
    this.time = time
    this.count = 0
    this.block = ++blocks
    const bytes = Buffer.alloc(12)
    bytes.writeUIntBE(time % 2 ** 48, 0, 6)
    bytes.set(this.node, 6)
    this.prefix.set(Buffer.from(bytes.toString('base64url'), 'latin1'))
  }
}

/** Indices whose numbers are kept. */
const maxIndices = 10_000

/** `_seq_no` of answers: grows with each document of an index, from 0 at each start. Nothing reads it but the eyes of people. */
export class SequenceNumbers {
  private readonly nexts = new Map<string, number>()

  /** Takes `count` numbers of an index; gives the first. */
  claim(index: string, count: number): number {
    const first = this.nexts.get(index) ?? 0
    if (first === 0 && this.nexts.size >= maxIndices) {
      const [oldest] = this.nexts.keys()
      if (oldest !== undefined) this.nexts.delete(oldest)
    }
    this.nexts.set(index, first + count)
    return first
  }
}
