/** Parts of an encoded request put together again: what is copied is copied as it stands, only lengths are written anew. */

import { type Bounds, type Group, groupTag, type Scope, scopeTag } from './survey.ts'

/** Those items of a scope that are wanted. */
export interface Chosen {
  readonly scope: Scope
  readonly items: Bounds
}

/** A message that holds another one behind fields of its own. */
export interface Level {
  readonly tag: number
  readonly head: Bounds
}

/** The most that tag and length of a field take. */
export const headMost = 6

/** Bytes within the bounds. */
export function sizeOf(bounds: Bounds): number {
  let size = 0
  for (let at = 0; at < bounds.length; at += 2) size += (bounds[at + 1] as number) - (bounds[at] as number)
  return size
}

/** Adds bounds at the end of a list; what follows what is there already becomes one with it. */
export function addBounds(bounds: number[], from: number, to: number): void {
  if (bounds.at(-1) === from) bounds[bounds.length - 1] = to
  else bounds.push(from, to)
}

/** Tag and length of a field. */
function head(tag: number, length: number): Uint8Array {
  const bytes = [tag]
  let left = length
  for (; left > 0x7f; left = Math.floor(left / 128)) bytes.push((left & 0x7f) | 0x80)
  bytes.push(left)
  return Uint8Array.from(bytes)
}

/** A request as it grows: bytes of another one, in the order of the calls. */
export class Rebuilt {
  readonly #data: Uint8Array
  readonly #pieces: Uint8Array[] = []
  #size = 0
  /** Bytes of the request that are not a piece yet: more may follow on them. */
  #from = 0
  #to = 0

  /** @param data the request that it is all taken from */
  constructor(data: Uint8Array) {
    this.#data = data
  }

  /** Bytes as they stand. */
  copy(from: number, to: number): void {
    if (this.#to !== from) {
      this.#close()
      this.#from = from
    }
    this.#to = to
    this.#size += to - from
  }

  copyAll(bounds: Bounds): void {
    for (let at = 0; at < bounds.length; at += 2) this.copy(bounds[at] as number, bounds[at + 1] as number)
  }

  /** A resource again, with those of its scopes and items that were chosen. */
  group(group: Group, chosen: readonly Chosen[]): void {
    const sizes = chosen.map(({ scope, items }) => sizeOf(scope.head) + sizeOf(items))
    const heads = sizes.map((size) => head(scopeTag, size))
    let size = sizeOf(group.head)
    for (let at = 0; at < chosen.length; at++) size += (heads[at] as Uint8Array).length + (sizes[at] as number)
    this.#write(head(groupTag, size))
    this.copyAll(group.head)
    for (let at = 0; at < chosen.length; at++) {
      const { scope, items } = chosen[at] as Chosen
      this.#write(heads[at] as Uint8Array)
      this.copyAll(scope.head)
      this.copyAll(items)
    }
  }

  /** Messages inside of each other, the outermost first, and what the last one holds behind its head. */
  nested(levels: readonly Level[], innermost: Bounds): void {
    const heads: Uint8Array[] = []
    let size = sizeOf(innermost)
    for (const { tag, head: fields } of levels.toReversed()) {
      size += sizeOf(fields)
      const bytes = head(tag, size)
      heads.push(bytes)
      size += bytes.length
    }
    for (const { head: fields } of levels) {
      this.#write(heads.pop() as Uint8Array)
      this.copyAll(fields)
    }
    this.copyAll(innermost)
  }

  #write(bytes: Uint8Array): void {
    this.#close()
    this.#pieces.push(bytes)
    this.#size += bytes.length
  }

  #close(): void {
    if (this.#to > this.#from) this.#pieces.push(this.#data.subarray(this.#from, this.#to))
    this.#from = this.#to
  }

  /** All of it, in memory of its own. */
  bytes(): Uint8Array {
    this.#close()
    const data = new Uint8Array(this.#size)
    let at = 0
    for (const piece of this.#pieces) {
      data.set(piece, at)
      at += piece.byteLength
    }
    return data
  }
}
