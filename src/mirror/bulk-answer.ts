/** The answer to a `_bulk`, read as it comes: what became of each item is kept, and nothing else of it. */

/** What the old side said of an item that it did not take. */
export interface Refusal {
  readonly index: string
  readonly id: string | undefined
  /** Type and reason. */
  readonly error: string
}

export interface BulkResults {
  /** Items in the answer. */
  readonly count: number
  /** One an item; undefined: the answer says that none of them failed. */
  readonly statuses: readonly number[] | undefined
  /** By place; of the first of those that were refused for good. */
  readonly refusals: ReadonlyMap<number, Refusal>
}

export interface BulkAnswer {
  /** The next bytes, without Content-Encoding; they are not kept. */
  push(chunk: Uint8Array): void
  /** After the last of them. Undefined: this is no answer to a `_bulk`. */
  end(): BulkResults | undefined
}

/** What comes first in an answer says whether there are errors: within so many bytes. */
const openingBytes = 200

const noErrors = /"errors"\s*:\s*false/
const status = Buffer.from('"status":')

/** One item of an answer. */
const maxItemBytes = 64 * 1024

/** More items are in no request. */
const maxItems = 8 * 2 ** 20

/** Refusals of which the words are kept. */
const maxRefusals = 1000

const errorCharacters = 512

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

function resultOf(item: unknown): (Refusal & { readonly status: number }) | undefined {
  if (typeof item !== 'object' || item === null) return undefined
  const inner: unknown = Object.values(item)[0]
  if (typeof inner !== 'object' || inner === null || !('status' in inner) || typeof inner.status !== 'number') return undefined
  const error = 'error' in inner ? inner.error : undefined
  let said = textOf(error)
  if (typeof error === 'object' && error !== null) {
    said = `${'type' in error ? textOf(error.type) : ''}: ${'reason' in error ? textOf(error.reason) : ''}`
  }
  return {
    status: inner.status,
    index: '_index' in inner ? textOf(inner._index) : '',
    id: '_id' in inner && typeof inner._id === 'string' ? inner._id : undefined,
    error: said.slice(0, errorCharacters),
  }
}

/** Whether an item goes again. */
export const isLater = (code: number): boolean => code === 429 || code >= 500

/** Counts items of an answer in which none failed: in a value the same text would stand with backslashes. */
function createCounter() {
  let count = 0
  let tail: Buffer = Buffer.alloc(0)
  return {
    push(chunk: Buffer): void {
      // What is cut between two chunks.
      const seam = Buffer.concat([tail, chunk.subarray(0, status.length - 1)])
      if (seam.indexOf(status) !== -1) count++
      for (let at = chunk.indexOf(status); at !== -1; at = chunk.indexOf(status, at + status.length)) count++
      tail =
        chunk.length >= status.length - 1 ? Buffer.from(chunk.subarray(chunk.length - status.length + 1)) : seam.subarray(1 - status.length)
    },
    end: (): BulkResults => ({ count, statuses: undefined, refusals: new Map() }),
  }
}

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c]
const [openObject, closeObject, openArray, closeArray] = [0x7b, 0x7d, 0x5b, 0x5d]

/** Cuts the objects of the array `items` out of an answer, and reads each by itself. */
function createItems() {
  const statuses: number[] = []
  const refusals = new Map<number, Refusal>()
  let depth = 0
  let inString = false
  let escaped = false
  let inItems = false
  let seen = false
  let bad = false
  /** The last string of the outermost object: before a bracket it is a name. */
  let name = ''
  let naming = false
  let pieces: Uint8Array[] = []
  let itemBytes = 0

  const add = (bytes: Uint8Array): void => {
    itemBytes += bytes.length
    if (itemBytes > maxItemBytes) bad = true
    else pieces.push(bytes)
  }

  const read = (): void => {
    const bytes = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)
    pieces = []
    itemBytes = 0
    let result: ReturnType<typeof resultOf>
    try {
      result = resultOf(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()))
    } catch {
      // Below.
    }
    if (result === undefined || statuses.length >= maxItems) {
      bad = true
      return
    }
    const { status: code, ...said } = result
    if (code >= 300 && !isLater(code) && refusals.size < maxRefusals) refusals.set(statuses.length, said)
    statuses.push(code)
  }

  return {
    push(chunk: Uint8Array): void {
      let itemFrom = inItems && depth > 2 ? 0 : -1
      for (let at = 0; at < chunk.length && !bad; at++) {
        const byte = chunk[at] as number
        if (inString) {
          if (escaped) escaped = false
          else if (byte === backslash) escaped = true
          else if (byte === quote) inString = naming = false
          else if (naming && name.length < 8) name += String.fromCharCode(byte)
          continue
        }
        if (inItems && depth === 2 && byte > 0x20 && byte !== comma && byte !== openObject && byte !== closeArray) bad = true
        switch (byte) {
          case quote:
            inString = true
            naming = depth === 1
            if (naming) name = ''
            break
          case openObject:
          case openArray:
            if (depth === 1 && byte === openArray && name === 'items' && !seen) inItems = seen = true
            else if (inItems && depth === 2) itemFrom = at
            depth++
            break
          case closeObject:
          case closeArray:
            depth--
            if (!inItems) break
            if (depth === 1) inItems = false
            else if (depth === 2) {
              add(chunk.subarray(itemFrom, at + 1))
              if (!bad) read()
              itemFrom = -1
            }
        }
      }
      // The chunk is not ours. (`slice` of a Buffer is no copy.)
      if (itemFrom >= 0 && !bad) add(new Uint8Array(chunk.subarray(itemFrom)))
    },
    end: (): BulkResults | undefined =>
      bad || !seen || depth !== 0 || inString ? undefined : { count: statuses.length, statuses, refusals },
  }
}

/** Creates a reader of one answer. */
export function createBulkAnswer(): BulkAnswer {
  let opening: Buffer = Buffer.alloc(0)
  let reader: ReturnType<typeof createCounter> | ReturnType<typeof createItems> | undefined
  const begin = (): ReturnType<typeof createCounter> | ReturnType<typeof createItems> => {
    const started = noErrors.test(opening.toString('latin1', 0, openingBytes)) ? createCounter() : createItems()
    started.push(opening)
    return started
  }
  return {
    push(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
      if (reader !== undefined) reader.push(bytes)
      else {
        opening = Buffer.concat([opening, bytes])
        if (opening.length >= openingBytes) reader = begin()
      }
    },
    end: () => (reader ?? begin()).end(),
  }
}
