/** Shows whole bodies to whoever looks at some of them. */

import type { BridgeError } from '../errors.ts'
import type { TranslatedBody } from './adapter.ts'
import type { Observer, Seen } from './observe.ts'
import type { Receiver } from './receive.ts'

/** What the transport of a body says of it. */
export type Sight = Pick<Seen, 'endpoint' | 'atMs' | 'client' | 'request' | 'headers' | 'body'>

/** Shows a body with what came of it. For an observer that wants it: it is asked before, as most bodies are not looked at. */
export function showBody(
  observer: Observer,
  sight: Sight,
  { format, signal = 'traces' }: Receiver,
  { data, items, drops }: TranslatedBody,
  fault: BridgeError | undefined,
): void {
  observer.see({ ...sight, format, signal, otlp: data, items, refused: fault?.message ?? drops[0]?.example })
}
