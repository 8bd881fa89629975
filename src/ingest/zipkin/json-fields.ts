/** The keys of Zipkin's JSON objects, found by length and bytes. */

import { wordOf } from './json-scan.ts'

/** Keys that the decoder knows, of spans, annotations and binary annotations alike. */
export const Field = {
  Unknown: 0,
  TraceId: 1,
  Id: 2,
  ParentId: 3,
  Name: 4,
  Kind: 5,
  Timestamp: 6,
  Duration: 7,
  LocalEndpoint: 8,
  RemoteEndpoint: 9,
  Annotations: 10,
  Tags: 11,
  BinaryAnnotations: 12,
  Debug: 13,
  Shared: 14,
  Value: 15,
  Endpoint: 16,
  Key: 17,
} as const

const word = {
  trac: wordOf('trac'),
  ceId: wordOf('ceId'),
  pare: wordOf('pare'),
  ntId: wordOf('ntId'),
  dura: wordOf('dura'),
  tion: wordOf('tion'),
  time: wordOf('time'),
  stam: wordOf('stam'),
  tamp: wordOf('tamp'),
  name: wordOf('name'),
  kind: wordOf('kind'),
  tags: wordOf('tags'),
  debu: wordOf('debu'),
  ebug: wordOf('ebug'),
  shar: wordOf('shar'),
  ared: wordOf('ared'),
  valu: wordOf('valu'),
  alue: wordOf('alue'),
  endp: wordOf('endp'),
  oint: wordOf('oint'),
  anno: wordOf('anno'),
  tati: wordOf('tati'),
  ions: wordOf('ions'),
  loca: wordOf('loca'),
  lEnd: wordOf('lEnd'),
  dpoi: wordOf('dpoi'),
  remo: wordOf('remo'),
  teEn: wordOf('teEn'),
  bina: wordOf('bina'),
  ryAn: wordOf('ryAn'),
  nota: wordOf('nota'),
} as const

const {
  trac,
  ceId,
  pare,
  ntId,
  dura,
  tion,
  time,
  stam,
  tamp,
  name,
  kind,
  tags,
  debu,
  ebug,
  shar,
  ared,
  valu,
  alue,
  endp,
  oint,
  anno,
  tati,
  ions,
  loca,
  lEnd,
  dpoi,
  remo,
  teEn,
  bina,
  ryAn,
  nota,
} = word

/** Which key the bytes `start` to `stop` are. Their closing quote and a colon have been seen, so the next two bytes may be read too. */
export function fieldOf(view: DataView, start: number, stop: number): number {
  switch (stop - start) {
    case 2:
      return view.getInt16(start, true) === 0x6469 ? Field.Id : Field.Unknown
    case 3:
      return view.getInt16(start, true) === 0x656b && view.getUint8(start + 2) === 0x79 ? Field.Key : Field.Unknown
    case 4: {
      const only = view.getInt32(start, true)
      if (only === name) return Field.Name
      if (only === tags) return Field.Tags
      return only === kind ? Field.Kind : Field.Unknown
    }
    case 5: {
      const first = view.getInt32(start, true)
      const last = view.getInt32(start + 1, true)
      if (first === valu && last === alue) return Field.Value
      return first === debu && last === ebug ? Field.Debug : Field.Unknown
    }
    case 6:
      return view.getInt32(start, true) === shar && view.getInt32(start + 2, true) === ared ? Field.Shared : Field.Unknown
    case 7:
      return view.getInt32(start, true) === trac && view.getInt32(start + 3, true) === ceId ? Field.TraceId : Field.Unknown
    case 8: {
      const first = view.getInt32(start, true)
      const last = view.getInt32(start + 4, true)
      if (first === endp && last === oint) return Field.Endpoint
      if (first === dura && last === tion) return Field.Duration
      return first === pare && last === ntId ? Field.ParentId : Field.Unknown
    }
    case 9:
      return view.getInt32(start, true) === time && view.getInt32(start + 4, true) === stam && view.getInt32(start + 5, true) === tamp
        ? Field.Timestamp
        : Field.Unknown
    case 11:
      return view.getInt32(start, true) === anno && view.getInt32(start + 4, true) === tati && view.getInt32(start + 7, true) === ions
        ? Field.Annotations
        : Field.Unknown
    case 13:
      return view.getInt32(start, true) === loca &&
        view.getInt32(start + 4, true) === lEnd &&
        view.getInt32(start + 7, true) === dpoi &&
        view.getInt32(start + 9, true) === oint
        ? Field.LocalEndpoint
        : Field.Unknown
    case 14:
      return view.getInt32(start, true) === remo &&
        view.getInt32(start + 4, true) === teEn &&
        view.getInt32(start + 8, true) === dpoi &&
        view.getInt32(start + 10, true) === oint
        ? Field.RemoteEndpoint
        : Field.Unknown
    case 17:
      return view.getInt32(start, true) === bina &&
        view.getInt32(start + 4, true) === ryAn &&
        view.getInt32(start + 8, true) === nota &&
        view.getInt32(start + 12, true) === tion &&
        view.getUint8(start + 16) === 0x73
        ? Field.BinaryAnnotations
        : Field.Unknown
    default:
      return Field.Unknown
  }
}
