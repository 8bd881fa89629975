/** Errors as Elasticsearch words them: of whole requests and of single items. Type names follow the version that clients are told. Sections 2.2, 3.3, 3.5 of the mapping. */

import type { BridgeError } from '../../errors.ts'
import type { RequestFault } from './decode-action.ts'
import { prettyJson } from './pretty.ts'

/** An error of one item. One object stands for all items that have it: what differs between them is named by `between`. */
export interface ItemError {
  readonly status: number
  readonly type: string
  /** Up to what differs from item to item. */
  readonly reason: string
  /** What stands behind `reason`: the item's id, or its number. */
  readonly between?: 'id' | 'number' | undefined
  /** And behind that. */
  readonly after?: string | undefined
  /** The reason is that of a cause of this type; the error itself has the reason that stands here. */
  readonly wrapped?: { readonly type: string; readonly reason: string } | undefined
  /** Which names of its place the error has: none, those of an index that cannot be (`index_uuid`, `index`), those of a shard. */
  readonly place?: 'index' | 'shard' | undefined
  /** The item failed before an id was made for it: `_id` is this without one of the client's. */
  readonly noId?: 'null' | 'empty' | undefined
}

/** Different texts of one version that are kept; what comes beyond them is told in general words. */
const maxTexts = 1000
const maxTextLength = 1000

/** The last number of a text, of up to nine digits: mostly the place of a fault, which differs from item to item. */
const lastNumber = /^(.*?)(\d{1,9})(\D*)$/s

/** A fault of JSON, by the byte. */
const placed = /^(?:cannot read JSON: )?(.*) at byte (\d{1,15})$/s

const cut = (text: string): string => (text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text)

/** Errors of items for one version, made once each. */
export class ItemErrors {
  /** The number that belongs to the last `document` or `refused`, −1 without one. */
  number = -1
  /** `update` and `delete`: what a data stream answers to them. */
  readonly createOnly: ItemError = {
    status: 400,
    type: 'illegal_argument_exception',
    reason: 'only write ops with an op_type of create are allowed in data streams',
  }
  /** `"_id": ""`. */
  readonly emptyId: ItemError = {
    status: 400,
    type: 'illegal_argument_exception',
    reason: 'if _id is specified it must not be empty',
    noId: 'empty',
  }
  /** `create` with an id that was there before. */
  readonly conflict: ItemError = {
    status: 409,
    type: 'version_conflict_engine_exception',
    reason: '[',
    between: 'id',
    after: ']: version conflict, document already exists (current version [1])',
    place: 'shard',
  }
  /** The sender may come back with the item. */
  readonly rejected: ItemError = {
    status: 429,
    type: 'es_rejected_execution_exception',
    reason: 'rejected execution of coordinating operation [the queue of the bridge is full]',
  }
  /** JSON, but no object. */
  readonly notObject: ItemError
  private readonly old: boolean
  private readonly documentType: string
  private readonly texts = new Map<string, ItemError>()
  private readonly general: ItemError

  /** @param version that clients are told: `8.19.0` */
  constructor(version: string) {
    const [major = 8, minor = 0] = version.split('.').map(Number)
    this.old = major < 8
    this.documentType = this.old || (major === 8 && minor < 9) ? 'mapper_parsing_exception' : 'document_parsing_exception'
    this.general = { status: 400, type: this.documentType, reason: 'failed to parse' }
    this.notObject = this.old
      ? {
          status: 400,
          type: this.documentType,
          reason: 'Compressor detection can only be called on some xcontent bytes or compressed xcontent bytes',
          wrapped: { type: 'not_x_content_exception', reason: 'failed to parse' },
        }
      : { status: 400, type: this.documentType, reason: 'Malformed content, must start with an object' }
  }

  /**
   * A document that cannot be read. Sets `number`.
   * @param message what is wrong with it and where, without payload; `… at byte 123` at its end becomes the column @param start the byte at which
   * the document begins
   */
  document(message: string, start = 0): ItemError {
    const [, words = message, byte] = placed.exec(message) ?? []
    if (byte === undefined) return this.keep('d', message, (reason, between, after) => this.unreadable({ reason, between, after }))
    const key = `p${words}`
    let kept = this.texts.get(key)
    if (kept === undefined) {
      if (this.texts.size >= maxTexts) {
        this.number = -1
        return this.general
      }
      const text = cut(words)
      kept = this.old
        ? this.unreadable({ reason: `${text}\n at [Source: (ByteArrayInputStream); line: 1, column: `, between: 'number', after: ']' })
        : { status: 400, type: this.documentType, reason: '[1:', between: 'number', after: `] failed to parse: ${text}` }
      this.texts.set(key, kept)
    }
    this.number = Math.max(0, Number(byte) - start) + 1
    return kept
  }

  /** What the bridge, or what is behind it, does not take for good. Sets `number`. @param message without payload */
  refused(message: string): ItemError {
    return this.keep('r', message, (reason, between, after) => ({
      status: 400,
      type: 'illegal_argument_exception',
      reason,
      between,
      after,
    }))
  }

  private unreadable({ reason, between, after }: Pick<ItemError, 'reason' | 'between' | 'after'>): ItemError {
    const common = { status: 400, type: this.documentType, after, between }
    if (this.old) return { ...common, reason, wrapped: { reason: 'failed to parse', type: 'json_parse_exception' } }
    return { ...common, reason: `failed to parse: ${reason}` }
  }

  private keep(
    kind: string,
    message: string,
    make: (reason: string, between: 'number' | undefined, after: string | undefined) => ItemError,
  ): ItemError {
    const text = cut(message)
    const [, before, digits, after] = lastNumber.exec(text) ?? []
    this.number = digits === undefined ? -1 : Number(digits)
    // Leading zeros would be lost.
    const numbered = digits !== undefined && String(this.number) === digits
    if (!numbered) this.number = -1
    const key = numbered ? `${kind}${before}\0${after}` : `${kind}${text}`
    const kept = this.texts.get(key)
    if (kept !== undefined) return kept
    if (this.texts.size >= maxTexts) {
      this.number = -1
      return this.general
    }
    const made = numbered ? make(before ?? '', 'number', after) : make(text, undefined, undefined)
    this.texts.set(key, made)
    return made
  }
}

/** A whole-request error as JSON, both levels of it. */
export function requestFaultJson(fault: RequestFault): object {
  const { type, reason, causedBy } = fault
  const cause = causedBy === undefined ? {} : { caused_by: causedBy }
  return { error: { root_cause: [{ type, reason }], type, reason, ...cause }, status: fault.status }
}

/** JSON of an answer that is not `_bulk`'s own. */
export const jsonBytes = (value: object, pretty: boolean): Buffer => Buffer.from(pretty ? prettyJson(value) : JSON.stringify(value))

export const emptyBody: RequestFault = { status: 400, type: 'parse_exception', reason: 'request body is required' }

export const noFinalNewline: RequestFault = {
  status: 400,
  type: 'illegal_argument_exception',
  reason: 'The bulk request must be terminated by a newline [\\n]',
}

/** The last action has no document. Elasticsearch leaves it out without a word. @param line where it would be, from 1 */
export function documentMissing(line: number): RequestFault {
  return { status: 400, type: 'illegal_argument_exception', reason: `Malformed action/metadata line [${line}], expected a document` }
}

/** `?pretty=x` and others of true and false. */
export function notBoolean(value: string): RequestFault {
  return {
    status: 400,
    type: 'illegal_argument_exception',
    reason: `Failed to parse value [${value}] as only [true] or [false] are allowed.`,
  }
}

/** What a whole request is answered with, when one of our own errors is behind it. */
export interface FaultAnswer {
  readonly fault: RequestFault
  /** `retry-after`, or nothing. */
  readonly headers: Record<string, string>
}

const blocked = (why: string): string => `blocked by: [SERVICE_UNAVAILABLE/1/${why}];`

/**
 * One of our errors as Elasticsearch would have it. Errors that pass come with `Retry-After`, 5 s unless the error knows better.
 * @param throttle what a full queue is told with: 429, or 503 for clients that give up at 429
 */
export function faultOf(error: BridgeError, throttle: 429 | 503 = 429): FaultAnswer {
  const fault = faultFor(error, throttle)
  if (error.retry !== 'later') return { fault, headers: {} }
  return { fault, headers: { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterSeconds || 5))) } }
}

function faultFor(error: BridgeError, throttle: 429 | 503): RequestFault {
  const { code, message: reason } = error
  switch (code) {
    case 'OB_QUEUE_FULL':
    case 'OB_SEND_THROTTLED':
    case 'OB_LIMIT_PENDING':
      return throttle === 429
        ? { status: 429, type: 'es_rejected_execution_exception', reason: `rejected execution of coordinating operation [${reason}]` }
        : { status: 503, type: 'cluster_block_exception', reason: blocked(reason) }
    case 'OB_QUEUE_BROKEN':
    case 'OB_STOPPING':
    case 'OB_SEND_TRANSIENT':
      return { status: 503, type: 'cluster_block_exception', reason: blocked(reason) }
    case 'OB_SEND_PERMANENT':
      return { status: 400, type: 'illegal_argument_exception', reason }
    case 'OB_UNSUPPORTED_TYPE':
      return { status: 406, type: 'media_type_header_exception', reason }
    case 'OB_AUTH':
      return { status: 401, type: 'security_exception', reason }
    case 'OB_LIMIT_BODY':
    case 'OB_LIMIT_RATIO':
    case 'OB_LIMIT_ITEMS':
      return { status: 413, type: 'content_too_long_exception', reason }
    case 'OB_DECODE_ENCODING':
    case 'OB_DECODE_JSON':
      return { status: 400, type: 'parse_exception', reason }
    case 'OB_CUT_OFF':
      return { status: 400, type: 'parse_exception', reason }
    default:
      return { status: error.http, type: error.http >= 500 ? 'exception' : 'illegal_argument_exception', reason }
  }
}
