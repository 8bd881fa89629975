/** Processes of plain documents. Spans of one process repeat it byte for byte: it is read once a body. */

import { noAttributes, type Text } from '../../otlp/model.ts'
import type { JaegerProcess } from '../../translate/jaeger/model.ts'
import { JsonNames } from '../json-names.ts'
import type { JsonScanner } from '../json-scan.ts'
import { Char, leave, textAt } from './json-plain.ts'
import type { PlainTags } from './json-plain-tags.ts'

/** A process that was read, and where it stands. */
interface KnownProcess {
  readonly from: number
  readonly length: number
  readonly process: JaegerProcess
}

const Member = { ServiceName: 0, Tags: 1, Tag: 2 } as const

/** Processes are looked for by the beginning and the end of the service's name; of each such place so many are remembered, the latest. */
const places = 64
const ways = 8

export class PlainProcesses {
  private readonly scanner: JsonScanner
  private readonly tags: PlainTags
  private readonly names = new JsonNames(['serviceName', 'tags', 'tag'])
  private readonly known: (KnownProcess | undefined)[] = new Array<KnownProcess | undefined>(places * ways).fill(undefined)
  private turn = 0
  /** The bytes as they came, without escapes taken out. */
  private body: Uint8Array = new Uint8Array(0)

  constructor(scanner: JsonScanner, tags: PlainTags) {
    this.scanner = scanner
    this.tags = tags
  }

  /** Goes on with what the scanner was given. @param body the same, as it came */
  open(body: Uint8Array): void {
    this.body = body
    this.known.fill(undefined)
  }

  read(first: number): JaegerProcess {
    if (first !== Char.OpenObject) leave()
    const { scanner, known, tags, names } = this
    const from = scanner.at
    const place = this.placeOf(from) * ways
    for (let way = place; way < place + ways; way++) {
      const one = known[way]
      if (one === undefined) break
      if (!this.isAt(one, from)) continue
      scanner.at = from + one.length
      return one.process
    }
    let serviceName: Text = ''
    let listed = noAttributes
    let hasFields = false
    let name = -1
    for (let byte = scanner.open(Char.CloseObject); byte !== 0; byte = scanner.next(Char.CloseObject)) {
      if (byte !== Char.Quote) leave()
      name = names.read(scanner, name)
      const value = scanner.value()
      if (name === Member.ServiceName) serviceName = textAt(scanner, value)
      else if (name === Member.Tags && !hasFields) listed = tags.list(value)
      else if (name === Member.Tag && !hasFields) {
        hasFields = true
        listed = tags.behind(listed, value)
      } else leave()
    }
    const process = { serviceName, tags: listed }
    const length = scanner.at - from
    // Where escapes were taken out of it, there is nothing left to compare with.
    if (scanner.bytes === this.body || !this.body.subarray(from, scanner.at).includes(Char.Backslash)) {
      let way = place
      while (way < place + ways && known[way] !== undefined) way++
      if (way === place + ways) way = place + (this.turn = (this.turn + 1) % ways)
      known[way] = { from, length, process }
    }
    return process
  }

  /** By bytes of the service's name, where that is the first member. */
  private placeOf(from: number): number {
    const { view, end } = this.scanner
    // {"serviceName":"
    const at = from + 16
    if (at + 16 > end) return 0
    return (
      (Math.imul(
        view.getInt32(at, true) ^ Math.imul(view.getInt32(at + 4, true) ^ (view.getInt32(at + 8, true) << 1), 0x5bd1e995),
        0x9e3779b1,
      ) >>>
        26) %
      places
    )
  }

  /** A whole object is not the beginning of another one: what is equal so far is equal. */
  private isAt({ from, length }: KnownProcess, start: number): boolean {
    const { view, end } = this.scanner
    if (start + length > end) return false
    if (length < 4) return false
    // From behind: processes of one service differ in their last tags.
    for (let i = length - 4; i > 0; i -= 4) if (view.getInt32(from + i, true) !== view.getInt32(start + i, true)) return false
    return view.getInt32(from, true) === view.getInt32(start, true)
  }
}
