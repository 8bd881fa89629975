/** 64-bit hashes of bytes, and a set of them that is 16 bytes a member: who was seen, without keeping who it was. */

/** The hash of some bytes: MurmurHash3's mixing, in two lanes. It tells things apart, not liars. Stored in cursors: it never changes. */
export class Hash64 {
  hi = 0
  lo = 0

  of(bytes: Uint8Array, start: number, end: number): this {
    let a = 0x9747b28c | 0
    let b = 0x3c6ef372 | 0
    let at = start
    for (const last = end - 3; at < last; at += 4) {
      const word =
        (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)
      const k = Math.imul(word, 0xcc9e2d51)
      a ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593)
      a = (Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64) | 0
      const l = Math.imul(word, 0x239b961b)
      b ^= Math.imul((l << 16) | (l >>> 16), 0xab0e9789 | 0)
      b = (Math.imul((b << 17) | (b >>> 15), 5) + 0x0bcaa747 + a) | 0
    }
    for (; at < end; at++) {
      const byte = bytes[at] as number
      a = Math.imul(a ^ byte, 0x01000193)
      b = Math.imul(b ^ byte, 0x85ebca6b)
    }
    a = finish(a ^ (end - start))
    b = finish((b ^ (end - start)) + a)
    this.hi = a >>> 0
    this.lo = b >>> 0
    return this
  }
}

const finish = (value: number): number => {
  let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** Grows by doubling; keeps the order of arrival. */
export class HashSet64 {
  size = 0
  /** hi and lo of each, in order. */
  private words = new Uint32Array(16)
  /** Places in `words` + 1, by hash; 0: free. */
  private table = new Int32Array(16)

  has(hash: Hash64): boolean {
    return this.table[this.place(hash.hi, hash.lo)] !== 0
  }

  /** False when it is there already. */
  add({ hi, lo }: Hash64): boolean {
    const place = this.place(hi, lo)
    if (this.table[place] !== 0) return false
    this.words[2 * this.size] = hi
    this.words[2 * this.size + 1] = lo
    this.table[place] = ++this.size
    if (this.size * 2 >= this.table.length) this.grow()
    return true
  }

  clear(): void {
    if (this.size === 0) return
    this.size = 0
    if (this.table.length > 1024) {
      this.words = new Uint32Array(16)
      this.table = new Int32Array(16)
    } else this.table.fill(0)
  }

  /** All of them as base64, 8 bytes each. */
  pack(): string {
    const bytes = Buffer.alloc(this.size * 8)
    for (let i = 0; i < 2 * this.size; i++) bytes.writeUInt32LE(this.words[i] as number, i * 4)
    return bytes.toString('base64')
  }

  /** Adds what {@link pack} gave. */
  unpack(text: string): void {
    const bytes = Buffer.from(text, 'base64')
    const hash = new Hash64()
    for (let at = 0; at + 8 <= bytes.length; at += 8) {
      hash.hi = bytes.readUInt32LE(at)
      hash.lo = bytes.readUInt32LE(at + 4)
      this.add(hash)
    }
  }

  private place(hi: number, lo: number): number {
    const { table, words } = this
    const mask = table.length - 1
    for (let place = lo & mask; ; place = (place + 1) & mask) {
      const found = table[place] as number
      if (found === 0 || (words[2 * found - 2] === hi && words[2 * found - 1] === lo)) return place
    }
  }

  private grow(): void {
    const old = this.words
    this.words = new Uint32Array(this.table.length * 2)
    this.words.set(old)
    this.table = new Int32Array(this.table.length * 2)
    for (let i = 0; i < this.size; i++) {
      this.table[this.place(this.words[2 * i] as number, this.words[2 * i + 1] as number)] = i + 1
    }
  }
}
