/**
 * Action lines of `_bulk`: `{"create":{"_index":"logs","_id":"1"}}`. What is refused, and in which words, is as Elasticsearch does it (run against
 * 7.17 and 8.19), since one bad line refuses the whole request. Sections 2.1 and 2.2 of the mapping.
 *
 * Bodies repeat their action lines: one that has the bytes of an earlier one, but for the id, is not parsed.
 */

import { slice, textToString } from '../../otlp/attributes.ts'
import type { Text } from '../../otlp/model.ts'
import { KnownLines, maxIdBytes } from './decode-action-lines.ts'
import { createViolation, hasVersion, noPrimaryTerm, noSeqNo, noVersion, versionViolations } from './decode-action-rules.ts'
import { JsonTokens, Token, tokenNames } from './json-tokens.ts'

export const ActionKind = { Create: 0, Index: 1, Update: 2, Delete: 3 } as const

/** Instead of a kind: the line is wrong, and with it the request. */
export const BadAction = -1
/** Instead of a kind: nothing stands in the line. */
export const NoAction = -2

/** Kinds as requests and answers name them. */
export const actionNames: readonly string[] = ['create', 'index', 'update', 'delete']

/** Why a whole request is refused. */
export interface RequestFault {
  readonly status: number
  readonly type: string
  readonly reason: string
  readonly causedBy?: { readonly type: string; readonly reason: string } | undefined
}

/** What an action line says beside the id. Shared by all lines that say the same. */
export interface Action {
  /** One of {@link ActionKind}; an `index` with `op_type` create is a create, as in Elasticsearch, and is answered as one. */
  readonly kind: number
  /** '' when neither the line nor the path has one; or when it is empty (`hasIndex`), which is an error of the item. */
  readonly index: string
  readonly hasIndex: boolean
  /** `_type` of 6.x and 7.x, '' without one. */
  readonly type: string
  /** '' without one, and of `_none`. */
  readonly pipeline: string
  readonly routing: string
  readonly opType: string
  /** −3 without one. */
  readonly version: number
  readonly versionType: string
  /** −2 without one. */
  readonly ifSeqNo: number
  /** 0 without one. */
  readonly ifPrimaryTerm: number
  readonly retryOnConflict: number
  readonly requireAlias: boolean
  readonly requireDataStream: boolean
  readonly listExecutedPipelines: boolean
  /** Keys beside the action: `attempts` of winston-elasticsearch. At most 16. */
  readonly extraKeys: readonly string[]
}

/** What path and parameters of a request say of all its actions. */
export interface ActionDefaults {
  readonly index: string
  readonly pipeline: string
  readonly routing: string
}

export const noDefaults: ActionDefaults = { index: '', pipeline: '', routing: '' }

/** Bytes of an action line. Elasticsearch has no such limit, and nobody comes near it. */
const maxLineBytes = 65_536
/** Index names that are kept. */
const maxNames = 4096
const maxExtraKeys = 16
/** Characters of an id that a refusal repeats. */
const longestShown = 2048
/** Faults of a request that are told one by one. */
const maxViolations = 100

const noKeys: readonly string[] = []
const noBytes = new Uint8Array(0)
const versionTypes = new Set(['internal', 'external', 'external_gt', 'external_gte', 'force'])

type Writable<T> = { -readonly [Name in keyof T]: T[Name] }

const nothing: Action = {
  kind: ActionKind.Index,
  index: '',
  hasIndex: false,
  type: '',
  pipeline: '',
  routing: '',
  opType: '',
  version: noVersion,
  versionType: 'internal',
  ifSeqNo: noSeqNo,
  ifPrimaryTerm: noPrimaryTerm,
  retryOnConflict: 0,
  requireAlias: false,
  requireDataStream: false,
  listExecutedPipelines: false,
  extraKeys: noKeys,
}

/** Reads action lines. One for each listener; `begin` a request, `open` each piece of it, `read` its lines, ask `violation` at its end. */
export class ActionReader {
  /** After `read`: what the line says. */
  action: Action = nothing
  /** After `read`: '' without one; a slice of the piece holds nothing that JSON escapes, and is UTF-8. */
  id: Text = ''
  /** After `read`: there is an id, and it is empty: an error of the item. */
  emptyId = false
  /** After {@link BadAction}. */
  fault: RequestFault | undefined = undefined
  /** Actions of the request so far. */
  actions = 0

  private readonly old: boolean
  private readonly tokens: JsonTokens
  private readonly names = new Map<string, string>()
  private readonly known = new KnownLines<Action>()
  private defaults: ActionDefaults = noDefaults
  private violations = ''
  private violationCount = 0
  private piece: Uint8Array = noBytes
  private line = 0
  private draft: Writable<Action> = { ...nothing }
  private idAt = -1
  private idStop = -1
  private idDigits = false

  /** @param major of the version that clients are told: errors are worded as by 7 below 8, else as by 8 */
  constructor(major: number) {
    this.old = major < 8
    this.tokens = new JsonTokens(this.old)
  }

  /** Begins a request. */
  begin(defaults: ActionDefaults = noDefaults): void {
    const { index, pipeline, routing } = this.defaults
    if (defaults.index !== index || defaults.pipeline !== pipeline || defaults.routing !== routing) {
      this.known.forget()
    }
    this.defaults = defaults
    this.actions = 0
    this.violations = ''
    this.violationCount = 0
  }

  /** Goes on with a piece: whole lines. Its bytes are not changed. */
  open(piece: Uint8Array): void {
    this.piece = piece
    this.known.open(piece)
  }

  /** Forgets the piece. */
  close(): void {
    this.open(noBytes)
    this.id = ''
  }

  get index(): string {
    return this.action.index
  }

  get pipeline(): string {
    return this.action.pipeline
  }

  /** True when the line has a `_type`: answers have it then, too. */
  get typed(): boolean {
    return this.action.type !== ''
  }

  /**
   * Reads the line at bytes `start` to `end` (without its line feed) of the piece.
   * @param line its number in the request, from 1; blank lines count
   * @returns one of {@link ActionKind}, {@link BadAction} with `fault` set, or {@link NoAction} for a blank line
   */
  read(start: number, end: number, line: number): number {
    const found = this.known.find(start, end)
    if (found === undefined) return this.parse(start, end, line)
    this.actions++
    this.action = found.says
    this.fault = undefined
    this.emptyId = false
    this.id = found.hasId ? slice(this.piece, start + found.idStart, end - (found.bytes.length - found.idEnd)) : ''
    return found.says.kind
  }

  /**
   * Asked after the last line: what is missing or wrong in actions that could be read, such as an index or an id; it refuses the whole request,
   * as does a request without actions.
   */
  violation(): RequestFault | undefined {
    if (this.actions === 0) this.violate('no requests added')
    if (this.violationCount === 0) return undefined
    const more = this.violationCount > maxViolations ? ` and ${this.violationCount - maxViolations} more` : ''
    return { status: 400, type: 'action_request_validation_exception', reason: `Validation Failed: ${this.violations}${more}` }
  }

  private parse(start: number, end: number, line: number): number {
    const { tokens } = this
    this.line = line
    const { index, routing, pipeline } = this.defaults
    this.draft = { ...nothing, index, hasIndex: index !== '', routing, pipeline }
    this.fault = undefined
    this.action = nothing
    this.id = ''
    this.emptyId = false
    this.idAt = -1
    if (end - start > maxLineBytes) return this.refuse(`Malformed action/metadata line [${line}], longer than ${maxLineBytes} bytes`)
    tokens.line(this.piece, start, end)
    let token = tokens.next()
    if (token === Token.End) return NoAction
    if (token !== Token.StartObject) return this.malformed('expected START_OBJECT', token)
    token = tokens.next()
    if (token !== Token.FieldName) return this.malformed('expected FIELD_NAME', token)
    const name = tokens.text()
    const kind = actionNames.indexOf(name)
    if (kind < 0)
      return this.refuse(
        `Malformed action/metadata line [${line}], expected field [create], [delete], [index] or [update] but found [${name}]`,
      )
    this.draft.kind = kind
    token = tokens.next()
    if (token === Token.StartObject) {
      if (!this.members()) return BadAction
    } else if (token !== Token.EndObject) return this.malformed('expected START_OBJECT or END_OBJECT', token)
    if (!this.rest()) return BadAction
    return this.finish(start, end)
  }

  private finish(start: number, end: number): number {
    const { draft } = this
    if (draft.kind === ActionKind.Update && !this.checkUpdate()) return BadAction
    if (draft.kind === ActionKind.Index && draft.opType === 'create') draft.kind = ActionKind.Create
    this.actions++
    const before = this.violationCount
    this.validate()
    this.action = { ...draft }
    if (this.violationCount === before && (this.idAt >= 0 || (this.id === '' && !this.emptyId))) {
      const id = this.idAt < 0 ? undefined : { start: this.idAt, end: this.idStop, digits: this.idDigits }
      this.known.add(start, end, id, this.action)
    }
    return draft.kind
  }

  /** What stands between the braces of the action. False after a fault. */
  private members(): boolean {
    const { tokens, draft } = this
    for (let token = tokens.next(); token !== Token.EndObject; token = tokens.next()) {
      if (token !== Token.FieldName) return this.bad(this.broken())
      const name = tokens.text()
      token = tokens.next()
      if (token === Token.Null) continue
      if (token === Token.Fault) return this.bad(this.broken())
      if (token === Token.StartObject && (name === '_source' || name === 'dynamic_templates')) {
        if (name === 'dynamic_templates' && (draft.kind === ActionKind.Update || draft.kind === ActionKind.Delete)) {
          const what = draft.kind === ActionKind.Update ? 'Update' : 'Delete'
          return this.bad(this.refuse(`${what} request in line [${this.line}] does not accept dynamic_templates`))
        }
        if (!tokens.skip(token)) return this.bad(this.broken())
        continue
      }
      if (token === Token.StartObject || token === Token.StartArray)
        return this.bad(this.malformed(`expected a simple value for field [${name}]`, token))
      if (!this.member(name, token)) return false
    }
    return true
  }

  /** A member with a simple value. False after a fault. */
  private member(name: string, token: number): boolean {
    const { tokens, draft } = this
    switch (name) {
      case '_index':
        draft.index = this.intern(tokens.text())
        draft.hasIndex = true
        return true
      case '_id':
        this.takeId(token)
        return true
      case '_type':
        draft.type = this.intern(tokens.text())
        return true
      case 'routing':
        draft.routing = tokens.text()
        return true
      case 'pipeline': {
        const pipeline = tokens.text()
        draft.pipeline = pipeline === '_none' ? '' : this.intern(pipeline)
        return true
      }
      case 'op_type':
        draft.opType = tokens.text()
        return true
      case 'version':
        draft.version = this.integer(token)
        break
      case 'if_seq_no':
        draft.ifSeqNo = this.integer(token)
        if (draft.ifSeqNo < 0) return this.bad(this.refuse(`sequence numbers must be non negative. got [${draft.ifSeqNo}].`))
        break
      case 'if_primary_term':
        draft.ifPrimaryTerm = this.integer(token)
        if (draft.ifPrimaryTerm < 0) return this.bad(this.refuse(`primary term must be non negative. got [${draft.ifPrimaryTerm}]`))
        break
      case 'retry_on_conflict':
        draft.retryOnConflict = this.integer(token)
        break
      case 'version_type': {
        const type = tokens.text()
        if (!versionTypes.has(type)) return this.bad(this.refuse(`No version type match [${type}]`))
        draft.versionType = type
        return true
      }
      case 'require_alias':
        draft.requireAlias = this.boolean(token)
        return this.fault === undefined
      case 'require_data_stream':
        draft.requireDataStream = this.boolean(token)
        return this.fault === undefined
      case 'list_executed_pipelines':
        draft.listExecutedPipelines = this.boolean(token)
        return this.fault === undefined
      case '_source':
        return true
      default:
        return this.bad(this.refuse(`Action/metadata line [${this.line}] contains an unknown parameter [${name}]`))
    }
    return this.fault === undefined
  }

  private takeId(token: number): void {
    const { tokens, piece } = this
    const { start, stop } = tokens
    this.emptyId = stop === start
    this.idDigits = token === Token.Number
    let plain = token !== Token.Boolean && !tokens.escaped
    for (let at = start; plain && at < stop; at++) {
      const byte = piece[at] as number
      plain = this.idDigits ? byte >= 0x30 && byte <= 0x39 : byte < 0x80
    }
    this.id = this.emptyId ? '' : tokens.escaped ? tokens.text() : slice(piece, start, stop)
    if (plain && !this.emptyId) {
      this.idAt = start
      this.idStop = stop
    }
  }

  /** A whole number, of text as well; what is behind its point is cut off. NaN, and `fault`, when it is none. */
  private integer(token: number): number {
    const { tokens } = this
    if (token === Token.Boolean) {
      this.jsonFault(
        `Current token (VALUE_${tokens.text().toUpperCase()}) not numeric, can not use numeric value accessors`,
        tokens.nextColumn,
      )
      return 0
    }
    const text = tokens.text()
    const value = text.trim() === '' || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number.NaN : Number(text)
    if (Number.isNaN(value)) {
      this.refuse(`For input string: "${text}"`)
      return 0
    }
    if (Math.abs(value) >= 2 ** 63) {
      this.jsonFault(
        `Numeric value (${text}) out of range of long (-9223372036854775808 - 9223372036854775807)`,
        tokens.nextColumn,
        'input_coercion_exception',
      )
      return 0
    }
    return Math.trunc(value)
  }

  private boolean(token: number): boolean {
    const { tokens } = this
    if (token === Token.Number) {
      this.jsonFault('Current token (VALUE_NUMBER_INT) not of boolean type', tokens.nextColumn)
      return false
    }
    const text = tokens.text()
    if (text !== 'true' && text !== 'false') this.refuse(`Failed to parse value [${text}] as only [true] or [false] are allowed.`)
    return text === 'true'
  }

  /**
   * What stands behind the action: nothing, one brace, more keys, another value. Version 7 does not look at it, 8 wants it to be JSON up to the
   * next token. False after a fault.
   */
  private rest(): boolean {
    const { tokens } = this
    let token = tokens.next()
    if (token === Token.FieldName) {
      this.draft.extraKeys = this.moreKeys()
      return true
    }
    if (token === Token.EndObject) token = tokens.next()
    return token !== Token.Fault || tokens.cutOff || this.old || this.bad(this.broken())
  }

  /** Names beside the action, the first of them at hand. Whatever is wrong behind it ends them. */
  private moreKeys(): readonly string[] {
    const { tokens } = this
    const keys: string[] = []
    for (let token: number = Token.FieldName; token === Token.FieldName; token = tokens.next()) {
      if (keys.length < maxExtraKeys) keys.push(tokens.text())
      if (!tokens.skip(tokens.next())) break
    }
    return keys
  }

  private checkUpdate(): boolean {
    if (hasVersion(this.draft))
      return this.bad(this.refuse('Update requests do not support versioning. Please use `if_seq_no` and `if_primary_term` instead'))
    if (this.draft.requireDataStream)
      return this.bad(
        this.refuse('Update requests do not support the `require_data_stream` flag, as data streams do not support update operations'),
      )
    return true
  }

  /** What refuses the request once all its lines are read. */
  private validate(): void {
    const { draft, id } = this
    const isWrite = draft.kind === ActionKind.Create || draft.kind === ActionKind.Index
    if (!draft.hasIndex) this.violate('index is missing')
    if (!isWrite && id === '') this.violate('id is missing')
    const create = draft.kind === ActionKind.Create ? createViolation(draft) : undefined
    if (create !== undefined) {
      this.violate(create)
      return
    }
    if (isWrite && id === '' && !this.emptyId && hasVersion(draft)) this.violate('an id must be provided if version type or value are set')
    for (const text of versionViolations(draft)) this.violate(text)
    const length = typeof id === 'string' ? Buffer.byteLength(id) : id.end - id.start
    if (isWrite && length > maxIdBytes)
      this.violate(
        `id [${textToString(id).slice(0, longestShown)}] is too long, must be no longer than ${maxIdBytes} bytes but was: ${length}`,
      )
  }

  private violate(text: string): void {
    this.violationCount++
    if (this.violationCount <= maxViolations) this.violations += `${this.violationCount}: ${text};`
  }

  private intern(name: string): string {
    const kept = this.names.get(name)
    if (kept !== undefined) return kept
    if (name.length > maxIdBytes) return name
    if (this.names.size >= maxNames) this.names.clear()
    this.names.set(name, name)
    return name
  }

  /** The line is not as it should be: because of this token, or as it is no JSON. */
  private malformed(expectation: string, token: number): number {
    if (token === Token.Fault) return this.broken()
    return this.refuse(`Malformed action/metadata line [${this.line}], ${expectation} but found [${tokenNames[token]}]`)
  }

  private refuse(reason: string): number {
    this.fault = { status: 400, type: 'illegal_argument_exception', reason }
    return BadAction
  }

  /** The line is no JSON. */
  private broken(): number {
    const { tokens } = this
    return this.jsonFault(tokens.message, tokens.column, tokens.cutOff ? 'json_e_o_f_exception' : 'json_parse_exception')
  }

  private jsonFault(message: string, column: number, type = 'json_parse_exception'): number {
    const cause = { type, reason: `${message}\n at ${this.tokens.place(column)}` }
    const cutOff = type === 'json_e_o_f_exception'
    if (this.old) this.fault = { status: 400, ...cause }
    else if (cutOff)
      this.fault = { status: 400, type: 'x_content_e_o_f_exception', reason: `[1:${column}] Unexpected end of file`, causedBy: cause }
    else this.fault = { status: 400, type: 'x_content_parse_exception', reason: `[1:${column}] ${cause.reason}`, causedBy: cause }
    return BadAction
  }

  private bad(_fault: number): false {
    return false
  }
}
