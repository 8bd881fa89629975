/** One request on its way to both sides: what goes to the old one, and whose answer the client gets. Table 1.7 of the cutover's mapping. */

import { BridgeError, type ErrorCode } from '../errors.ts'
import type { Client, EncodedBatch, Envelope, Signal } from '../otlp/intake.ts'
import type { TranslatedBody } from './adapter.ts'
import type { Asked, LegacyAnswer, MirrorDoor, MirrorState, RequestHead } from './mirror-door.ts'

/** What goes to the intake with a body. */
export interface Along {
  /** As in `interface.md`: `zipkin`, `jaeger.http`. */
  readonly endpoint?: string | undefined
  readonly client?: Client | undefined
  readonly envelope?: Envelope | undefined
  /** The new side need not have it: what its queue cannot take is left out. */
  readonly optional?: boolean | undefined
  /** Nothing of it can be used here, and its sender hears of success all the same: the old side is the truth. */
  readonly lenient?: boolean | undefined
  /** The old backend has taken it already. */
  readonly answered?: boolean | undefined
}

/** A batch for the intake with what goes along. */
export function batchAlong(
  format: string,
  signal: Signal,
  items: number,
  data: Uint8Array,
  keys: EncodedBatch['keys'],
  { envelope, endpoint, client, answered }: Along,
): EncodedBatch {
  return { format, signal, items, data, envelope, endpoint, keys, client, answered: answered === true ? items : undefined }
}

/** What is put of a body of which nothing could be read. */
export const nothingOf: TranslatedBody = { received: 0, items: 0, data: new Uint8Array(0), drops: [], notes: [] }

/** The old backend did not take a request, and that is the answer. */
export class LegacyRefusal extends BridgeError {
  readonly answer: LegacyAnswer

  constructor(answer: LegacyAnswer) {
    super('OB_MIRROR_REFUSED', `cannot take request: the old backend answered ${answer.status}`)
    this.answer = answer
  }
}

/** Reason label of what was lost to an error: of a refusal of the old backend its status, `old_400`. */
export function lossOf(error: BridgeError): string {
  return error instanceof LegacyRefusal ? `old_${error.answer.status}` : reasonOf(error.code)
}

/** `OB_LIMIT_BODY` → `limit_body`: the reason label of a refusal. */
export function reasonOf(code: ErrorCode): string {
  return code.slice(3).toLowerCase()
}

/** A body that came whole and cannot be read, or of which nothing can be used. What is over a limit is refused on both sides. */
export function isUndecodable(error: BridgeError): boolean {
  return error.code.startsWith('OB_DECODE_') || error.code === 'OB_ALL_REJECTED' || error.code === 'OB_INTERNAL'
}

/** Faults of the queue that a side can be left out for. */
export function isShedding(error: BridgeError): boolean {
  // With the last of them the old side is the one that was too slow.
  return error.retry === 'later' && error.code !== 'OB_STOPPING' && error.code !== 'OB_FORWARD_SLOW'
}

/** Whether the new side is left out of a request that its queue did not take. Not when the bytes for the old side are another thread's by now. */
export function goesWithout(error: BridgeError, { optional, envelope }: Along): boolean {
  return optional === true && isShedding(error) && envelope?.data.byteLength !== 0
}

/** Status codes of gRPC that mean: come again. DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, UNAVAILABLE. */
const passing = new Set([4, 8, 10, 14])

/** Whether the old backend took it. */
const isTaken = (kind: RequestHead['kind'], status: number): boolean => (kind === 'grpc' ? status === 0 : status >= 200 && status < 300)

/** Whether the client must not come again with it. */
const isFinal = (kind: RequestHead['kind'], status: number): boolean =>
  kind === 'grpc' ? !passing.has(status) : status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429

/** How a request goes, decided once its body was looked at. */
export interface Way {
  /** For `Receiver.put`: rejects with {@link LegacyRefusal}, OB_MIRROR_DOWN or OB_MIRROR_SLOW when nothing is to be taken. */
  readonly along: Along | Promise<Along>
  /** The old backend's answer, which the client gets; known when `along` has settled. */
  answer: LegacyAnswer | undefined
  /** The old backend was asked, and did not answer: ours is the answer, and says so. */
  fellBack: boolean
}

/**
 * Sends a body on its way to the old side. Undefined: it does not go there, and all is as without a mirror.
 * @param pieces as they came; copied. @param fault why nothing of it can be used here
 */
export function setOut(
  door: MirrorDoor,
  head: RequestHead,
  pieces: readonly Uint8Array[],
  format: string,
  translated: TranslatedBody | undefined,
  fault: BridgeError | undefined,
  endpoint: string,
  client: Client,
): Way | undefined {
  const state = door.state()
  if (state.old === 'off') return undefined
  const lenient = fault !== undefined
  if (lenient && (state.undecodable === 'refuse' || !isUndecodable(fault))) return undefined
  const items = lenient ? 0 : (translated?.items ?? 0)
  const envelope = door.wrap(head, pieces, { format, items, key: translated?.services?.[0]?.service })
  if (envelope === undefined) return undefined
  if (lenient) door.count('undecodable', 1)
  const optional = state.new === 'optional'
  if (state.answer === 'bridge') return { along: { endpoint, client, envelope, optional, lenient }, answer: undefined, fellBack: false }
  const way: { -readonly [K in keyof Way]: Way[K] } = { along: {}, answer: undefined, fellBack: false }
  way.along = door
    .ask(envelope)
    .then((asked) => follow(door, state, head.kind, asked, way, { endpoint, client, envelope, optional, lenient }))
  return way
}

/** What the old backend's answer, or its silence, means for the new side. */
function follow(
  door: MirrorDoor,
  { keepRefused }: MirrorState,
  kind: RequestHead['kind'],
  asked: Asked,
  way: Pick<Way, 'answer' | 'fellBack'>,
  along: Along,
): Along {
  if (asked.how === 'none') {
    if (asked.fallback === 'fail') throw silence(asked)
    door.count('answered_by_bridge', 1)
    way.fellBack = true
    return along
  }
  const { answer } = asked
  way.answer = answer
  const answered = isTaken(kind, answer.status)
  if (!answered && !(keepRefused && isFinal(kind, answer.status))) throw new LegacyRefusal(answer)
  return { ...along, envelope: undefined, answered }
}

function silence({ why, slow = false }: Extract<Asked, { how: 'none' }>): BridgeError {
  return new BridgeError(slow ? 'OB_MIRROR_SLOW' : 'OB_MIRROR_DOWN', `cannot get the old backend's answer: ${why}`, {
    retryAfterSeconds: 5,
  })
}
