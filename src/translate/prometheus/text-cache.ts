/**
 * Short texts out of UTF-8 that come again and again, such as names of labels: the string of the same bytes is found rather than made anew. Each
 * has one place only, by a hash of its bytes, and gives way to the next that has the same: what comes once costs what it would anyway.
 */

/** Bytes of the longest text that is kept. */
const longestKept = 96
const placeBits = 11
const places = 2 ** placeBits

export interface TextCache {
  /** The text; undefined when it is not UTF-8. A byte order mark is part of it. */
  read(bytes: Uint8Array, start: number, end: number): string | undefined
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Uint8Array, start: number, end: number): string | undefined {
  try {
    return decoder.decode(bytes.subarray(start, end))
  } catch {
    return undefined
  }
}

/** Creates an empty one: some 200 KiB, and as much again for the strings. */
export function createTextCache(): TextCache {
  const kept = new Uint8Array(places * longestKept)
  const lengths = new Uint8Array(places)
  const texts = new Array<string>(places).fill('')
  return {
    read(bytes, start, end) {
      const length = end - start
      if (length === 0) return ''
      if (length > longestKept) return decode(bytes, start, end)
      let hash = length
      for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x9e3779b1)
      const place = (hash ^ (hash << 15)) >>> (32 - placeBits)
      const from = place * longestKept - start
      if (lengths[place] === length) {
        let at = start
        while (at < end && kept[from + at] === bytes[at]) at++
        if (at === end) return texts[place]
      }
      const text = decode(bytes, start, end)
      if (text === undefined) return undefined
      for (let at = start; at < end; at++) kept[from + at] = bytes[at] as number
      lengths[place] = length
      texts[place] = text
      return text
    },
  }
}
