/** Things that many streams have in common, each under a small number, for as long as somebody uses it. */

import { mapKey } from '../../otlp/map-key.ts'

export interface Registry<T> {
  /** The number of the thing with this key, made when it is new. Every `acquire` wants a `release`. */
  acquire(key: string, make: () => T): number
  get(id: number): T
  release(id: number): void
  /** All that are in use. */
  values(): IterableIterator<T>
  readonly size: number
  /** Length of all keys: what the things take is some small multiple of it. */
  readonly keyLength: number
}

interface Entry<T> {
  readonly key: string
  /** Of the key as it was given. */
  readonly length: number
  readonly id: number
  readonly value: T
  uses: number
}

/** Creates an empty registry. It holds as much as is acquired: whoever bounds the users bounds it. @param onGone told of what nobody uses any more */
export function createRegistry<T>(onGone: (value: T) => void = () => {}): Registry<T> {
  const byKey = new Map<string, Entry<T>>()
  const byId: (Entry<T> | undefined)[] = []
  const free: number[] = []
  let keyLength = 0
  const entryOf = (id: number): Entry<T> => {
    const entry = byId[id]
    if (entry === undefined) throw new Error(`BUG: nothing is registered under ${id}`)
    return entry
  }
  return {
    acquire(name, make) {
      const key = mapKey(name)
      let entry = byKey.get(key)
      if (entry === undefined) {
        const value = make()
        entry = { key, length: name.length, id: free.pop() ?? byId.length, value, uses: 0 }
        byKey.set(key, entry)
        byId[entry.id] = entry
        keyLength += name.length
      }
      entry.uses++
      return entry.id
    },
    get: (id) => entryOf(id).value,
    release(id) {
      const entry = entryOf(id)
      if (--entry.uses > 0) return
      byKey.delete(entry.key)
      keyLength -= entry.length
      byId[id] = undefined
      free.push(id)
      onGone(entry.value)
    },
    *values() {
      for (const entry of byKey.values()) yield entry.value
    },
    get size() {
      return byKey.size
    },
    get keyLength() {
      return keyLength
    },
  }
}
