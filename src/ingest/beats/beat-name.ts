/** Which Beat an event is of, out of its text: enough for a counter. */

/** Encoders of Beats put `@metadata` right behind `@timestamp`. */
const lookBytes = 1024

const metadata = Buffer.from('"@metadata":{')

/** Name and version of a Beat; empty where there are none. Name and major version may stand in labels. */
export interface BeatName {
  readonly beat: string
  readonly major: string
  /** `7.17.29` */
  readonly version: string
}

export const noBeat: BeatName = { beat: '', major: '', version: '' }

/** Looks for `@metadata.beat` and `@metadata.version` near the beginning of the document at `start` to `end`. Reads it, changes nothing. */
export function beatNameOf(bytes: Uint8Array, start: number, end: number): BeatName {
  const near = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.min(end - start, lookBytes))
  const at = near.indexOf(metadata)
  if (at < 0) return noBeat
  const text = near.toString('latin1', at + metadata.length)
  const beat = /"beat":"([a-z0-9_.-]{1,40})"/i.exec(text)?.[1]
  if (beat === undefined) return noBeat
  const [, version = '', major = ''] = /"version":"((\d{1,3})\.[0-9a-z.+-]{1,30})"/i.exec(text) ?? []
  return { beat, major, version }
}
