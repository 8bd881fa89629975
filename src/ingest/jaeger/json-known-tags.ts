/** Beginnings of tags that come again and again in the documents of one body: a whole one is compared at once, its key is not looked for. */

import type { Key } from '../../otlp/model.ts'

/** A tag up to where its value begins: `{"key":"http.method","type":"string","value":`, or `"http@method":` where it is a field. */
export interface KnownTag {
  /** Where it stands in the body; −1: not in the form in which it could be compared. */
  readonly from: number
  readonly length: number
  readonly key: Key
  /** As the reader of its value understands it. */
  readonly type: number
  /** Number of the object in which it stood last: names of members are not to come twice. */
  stamp: number
  /** What comes behind it; those that came lately stand further to the front. */
  readonly followers: KnownTag[]
}

/** Tags stand in an order of their own for each service, and Jaeger v2 turns it about from span to span. */
const mostFollowers = 6

/** More are not remembered: somebody makes them up. */
const most = 4096

/** The first four bytes of something that is compared are its own: a word that overlaps them would stand before it. */
const shortest = 4

const noView: DataView = new DataView(new ArrayBuffer(0))

/** The tags of one body that are remembered. A name is the key, or a text. */
export class KnownTags {
  private view = noView
  private readonly byName = new Map<Key | string, KnownTag>()
  /** What comes first in lists. */
  private readonly first: KnownTag[] = []
  /** What comes behind the tag before. */
  private followers: KnownTag[] = this.first

  /** Goes on with other bytes, of which nothing is known. */
  open(view: DataView): void {
    this.view = view
    this.first.length = 0
    this.followers = this.first
    this.byName.clear()
  }

  /** Begins a list. */
  begin(): void {
    this.followers = this.first
  }

  get isFull(): boolean {
    return this.byName.size >= most
  }

  /** The tag that stands at these bytes, if it is one of those expected; bytes up to `end` may be read. */
  at(start: number, end: number): KnownTag | undefined {
    const { followers } = this
    for (let i = 0; i < followers.length; i++) {
      const known = followers[i] as KnownTag
      if (!this.isAt(known, start, end)) continue
      if (i > 0) {
        followers[i] = followers[i - 1] as KnownTag
        followers[i - 1] = known
      }
      this.followers = known.followers
      return known
    }
    return undefined
  }

  private isAt(known: KnownTag, start: number, end: number): boolean {
    const { from, length } = known
    if (start + length > end) return false
    const { view } = this
    const last = length - 4
    for (let i = 0; i < last; i += 4) if (view.getInt32(from + i, true) !== view.getInt32(start + i, true)) return false
    return view.getInt32(from + last, true) === view.getInt32(start + last, true)
  }

  /** The tag of this name. */
  find(name: Key | string): KnownTag | undefined {
    return this.byName.get(name)
  }

  /** Remembers what stands behind the tag before. */
  add(name: Key | string, from: number, length: number, key: Key, type: number): KnownTag {
    const known: KnownTag = { from, length, key, type, stamp: 0, followers: [] }
    if (this.byName.size < most) this.byName.set(name, known)
    return this.follow(known)
  }

  /** Says that this one stands behind the tag before. */
  follow(known: KnownTag): KnownTag {
    const { followers } = this
    if (known.from >= 0 && known.length >= shortest && !followers.includes(known)) {
      if (followers.length >= mostFollowers) followers.pop()
      followers.push(known)
    }
    this.followers = known.followers
    return known
  }
}
