/**
 * One bulk request, line by line: actions, their documents, and a result for each. What it takes lies in the batcher until it is taken from there;
 * nothing of a request may be handed on for good before `end` has said that all its actions could be read. Sections 2 and 3 of the mapping.
 */

import { sliceToString } from '../../otlp/attributes.ts'
import type { Text } from '../../otlp/model.ts'
import { type DocumentBatcher, DocumentFate, type DocumentIndex } from '../documents.ts'
import type { Duplicates, RequestIds } from '../duplicates.ts'
import type { BulkResults } from './bulk-results.ts'
import { type Action, type ActionDefaults, ActionKind, type ActionReader, BadAction, NoAction, type RequestFault } from './decode-action.ts'
import { documentMissing, emptyBody, type ItemError, type ItemErrors, noFinalNewline } from './es-errors.ts'
import type { IndexNames } from './index-name.ts'
import { Tally } from './tally.ts'
import { upsertedDocument } from './update-body.ts'

export interface BulkOptions {
  /** Actions a request. */
  readonly maxItems: number
  /** Bytes of a document. */
  readonly maxDocument: number
  readonly lenientNewline: boolean
  readonly upsert: 'reject' | 'append'
}

/** What all requests of a listener share. */
export interface BulkMeans {
  readonly options: BulkOptions
  readonly batcher: DocumentBatcher
  readonly errors: ItemErrors
  readonly names: IndexNames
  /** Ids that `create` has taken. */
  readonly created: Duplicates
  /** Ids that `index` has: a second one is told in the counter alone. */
  readonly indexed: Duplicates
  /** Told of each item that is refused for good. @param place of it in the request, from 0. @param number what `error.between` may stand for */
  readonly onRefused?: ((reason: string, place: number, error: ItemError, number: number) => void) | undefined
}

/** What the old backend has to do with a request. */
export interface OldSide {
  /** It carries `update` and `delete` out: they are taken, and left out here. */
  readonly writes: boolean
  /** Whether it took the action at a place of the request, or with which status it refused it; undefined: it was not asked, or took all. */
  readonly refusedWith?: ((place: number) => number | undefined) | undefined
}

/** What goes to the batcher beside a document; used again for the next one. */
interface Meta {
  index: DocumentIndex | undefined
  id: Text
  pipeline: string
}

/** Bytes of encoded records that are gathered before they are to be taken: a body of 1 MiB can be of 60,000 documents with one long name of a pipeline. */
const mostGathered = 4 * 1024 * 1024

const noOldSide: OldSide = { writes: false }

const lineFeed = 0x0a
const carriageReturn = 0x0d

/** What winston-elasticsearch writes beside its actions: it sends a batch again for ever of which one item was refused. */
const winstonKey = 'attempts'
const rawAttribute = 'elasticsearch.parse_error'

export class BulkRun {
  /** After `read`: it stopped although there is more, because enough has gathered. To be called again from where it stopped. */
  more = false
  /** Why the whole request is refused; nothing of it may be handed on then. */
  fault: RequestFault | undefined = undefined
  readonly tally = new Tally()
  readonly results: BulkResults
  private readonly means: BulkMeans
  private readonly actions: ActionReader
  private readonly created: RequestIds
  private readonly indexed: RequestIds
  private readonly old: OldSide
  private readonly meta: Meta = { index: undefined, id: '', pipeline: '' }
  private line = 0
  private anything = false
  /** All items are answered with 429, and nothing is looked at but the actions. */
  private rejectAll: boolean
  /** Stands while the document of an action is still to come. */
  private pending: Action | undefined = undefined
  private id: Text = ''
  private emptyId = false
  /** What was found out about the last action: lines repeat. */
  private known: Action | undefined = undefined
  private knownRefusal: ItemError | undefined = undefined

  /** @param actions not to be used by another request as long as this one is under way. @param rejectAll the queue is full: every item is told so */
  constructor(
    means: BulkMeans,
    actions: ActionReader,
    results: BulkResults,
    defaults: ActionDefaults,
    rejectAll = false,
    old: OldSide = noOldSide,
  ) {
    this.means = means
    this.old = old
    results.writes = old.writes
    this.actions = actions
    this.results = results
    this.rejectAll = rejectAll
    this.created = means.created.begin()
    this.indexed = means.indexed.begin()
    actions.begin(defaults)
  }

  /**
   * Reads the lines of a piece. The batcher is taken up with it until `take` or `clear` is called there. Stops at a fault.
   * @param last the body ends with it
   * @returns where the rest begins: a line of which the end has not come, or one to go on with
   */
  read(piece: Buffer, start: number, last: boolean): number {
    const { actions, means } = this
    const end = piece.length
    actions.open(piece)
    means.batcher.open(piece)
    let at = start
    this.more = false
    while (at < end) {
      if (this.pending === undefined && means.batcher.weight > mostGathered) {
        this.more = true
        break
      }
      if (piece[at] === lineFeed) {
        // It means nothing wherever it stands, and there may be a hundred million of them.
        this.line++
        this.anything = true
        at++
        continue
      }
      let feed = piece.indexOf(lineFeed, at)
      if (feed < 0) {
        if (!last) break
        if (!means.options.lenientNewline) return this.refuse(noFinalNewline, end)
        feed = end
      }
      this.anything = true
      this.readLine(piece, at, feed)
      if (this.fault !== undefined) return end
      at = Math.min(end, feed + 1)
    }
    // The id of an action may be a slice of a piece that is gone when its document comes.
    if (this.pending !== undefined && typeof this.id !== 'string') this.id = sliceToString(this.id.source, this.id.start, this.id.end)
    actions.close()
    return at
  }

  /** The line that is under way is longer than one may be, and is left out. */
  tooLong(): void {
    const { pending } = this
    this.line++
    this.anything = true
    if (pending === undefined) {
      const reason = `Malformed action/metadata line [${this.line}], it is longer than ${this.means.options.maxDocument} bytes`
      this.refuse({ status: 400, type: 'illegal_argument_exception', reason }, 0)
      return
    }
    this.pending = undefined
    this.refuseLength(pending)
  }

  /** After the last piece: whether all of it is good, or `fault` says what is not. */
  end(): boolean {
    if (this.fault !== undefined) return false
    if (!this.anything) this.fault = emptyBody
    else if (this.pending !== undefined) this.fault = documentMissing(this.line + 1)
    else this.fault = this.actions.violation()
    return this.fault === undefined
  }

  /** One action that is no line of a body, and its document; `delete` has none. The batcher is taken up as by `read`. */
  one(action: Action, id: string, piece: Buffer, start: number, end: number): void {
    this.id = id
    this.emptyId = false
    this.means.batcher.open(piece)
    if (action.kind === ActionKind.Delete) this.refuseAction(action)
    else this.document(action, piece, start, end)
  }

  get rejectsAll(): boolean {
    return this.rejectAll
  }

  /** From now on nothing is looked at but the actions: none of the request can be taken any more. */
  rejectRest(): void {
    this.rejectAll = true
  }

  /** The queue has what was good. */
  commit(): void {
    this.created.commit()
    this.indexed.commit()
  }

  /** It has not. */
  discard(): void {
    this.created.discard()
    this.indexed.discard()
  }

  private readLine(piece: Buffer, start: number, feed: number): void {
    const { actions, pending } = this
    // What stands before a line feed may be a blank of JSON.
    const end = feed > start && piece[feed - 1] === carriageReturn ? feed - 1 : feed
    this.line++
    if (pending !== undefined) {
      // An empty line before a document: the one behind it belongs to the action.
      if (end === start) return
      this.pending = undefined
      this.document(pending, piece, start, end)
      return
    }
    const kind = actions.read(start, end, this.line)
    if (kind === NoAction) return
    if (kind === BadAction) {
      this.fault = actions.fault
      return
    }
    if (actions.actions > this.means.options.maxItems) {
      const reason = `the request has more than ${this.means.options.maxItems} actions (ingest.elasticsearch.limits.items)`
      this.refuse({ status: 413, type: 'content_too_long_exception', reason }, 0)
      return
    }
    this.id = actions.id
    this.emptyId = actions.emptyId
    if (kind === ActionKind.Delete) this.refuseAction(actions.action)
    else this.pending = actions.action
  }

  private document(action: Action, piece: Buffer, start: number, end: number): void {
    const { means, meta } = this
    const { kind } = action
    if (this.rejectAll) {
      this.add(action, means.errors.rejected)
      return
    }
    // It refuses the whole request at its end.
    if (!action.hasIndex) return
    if (this.isRefusedThere(action)) return
    if (action !== this.known) this.know(action)
    if (this.knownRefusal !== undefined) {
      this.fail(action, this.knownRefusal, 'index_name')
      return
    }
    if (this.emptyId) {
      this.fail(action, means.errors.emptyId, 'id')
      return
    }
    let from = start
    let to = end
    if (kind === ActionKind.Update) {
      const place = means.options.upsert === 'append' ? upsertedDocument(piece, start, end) : undefined
      if (place === undefined) {
        this.refuseAction(action)
        return
      }
      from = place.start
      to = place.end
    }
    if (to - from > means.options.maxDocument) {
      this.refuseLength(action)
      return
    }
    const hasId = this.id !== ''
    if (hasId && kind === ActionKind.Create && this.created.has(action.index, this.id)) {
      this.add(action, means.errors.conflict)
      this.tally.consume('duplicate_id')
      return
    }
    meta.id = this.id
    const fate = means.batcher.add(from, to, meta)
    if (fate === DocumentFate.Refused) this.refused(action, from, to)
    else this.accepted(action, fate)
  }

  private accepted(action: Action, fate: number): void {
    const { means, tally } = this
    this.add(action, undefined)
    if (fate === DocumentFate.Discarded) tally.consume(means.batcher.reason)
    if (action.pipeline !== '') tally.pipeline(action.pipeline)
    if (this.id === '') return
    if (action.kind === ActionKind.Create) this.created.keep()
    else if (this.indexed.has(action.index, this.id)) tally.repeated++
    else this.indexed.keep()
  }

  private refused(action: Action, start: number, end: number): void {
    const { means, meta, tally } = this
    const { reason, message } = means.batcher
    const isUnreadable = !notTaken.has(reason)
    if (isUnreadable && action.extraKeys.includes(winstonKey)) {
      means.batcher.addRaw(start, end, meta, rawAttribute, message)
      this.accepted(action, DocumentFate.Log)
      tally.noticed([{ reason: 'raw_document', count: 1 }])
      return
    }
    const { errors } = means
    if (reason === 'not_object') this.fail(action, errors.notObject, reason, -1)
    else this.fail(action, isUnreadable ? errors.document(message, start) : errors.refused(message), reason, errors.number)
  }

  /** What the old backend did not take is not taken here either; its own answer tells the sender. */
  private isRefusedThere(action: Action): boolean {
    const status = this.old.refusedWith?.(this.results.count)
    if (status === undefined) return false
    this.tally.refuse(`old_${status}`)
    this.add(action, undefined)
    return true
  }

  /** `update` and `delete`. */
  private refuseAction(action: Action): void {
    const { errors } = this.means
    if (this.rejectAll) this.add(action, errors.rejected)
    else if (this.old.writes) {
      if (action.kind === ActionKind.Delete && this.isRefusedThere(action)) return
      this.tally.consume('not_translatable')
      this.add(action, undefined)
    } else this.fail(action, errors.createOnly, action.kind === ActionKind.Delete ? 'delete' : 'update')
  }

  private refuseLength(action: Action): void {
    const { errors, options } = this.means
    if (this.rejectAll) {
      this.add(action, errors.rejected)
      return
    }
    const error = errors.document(`the document is longer than ${options.maxDocument} bytes (ingest.elasticsearch.limits.document)`)
    this.fail(action, error, 'length', errors.number)
  }

  private know(action: Action): void {
    const { means, meta } = this
    this.known = action
    this.knownRefusal = means.names.refusal(action.index)
    if (this.knownRefusal !== undefined) return
    meta.index = means.batcher.index(action.index)
    meta.pipeline = action.pipeline
  }

  /** An item that is refused for good. */
  private fail(action: Action, error: ItemError, reason: string, number = -1): void {
    this.means.onRefused?.(reason, this.results.count, error, number)
    this.tally.refuse(reason)
    this.add(action, error, number)
  }

  private add(action: Action, error: ItemError | undefined, number = -1): void {
    const { results, id } = this
    const typed = action.type !== ''
    if (error === undefined) results.add(action.kind, action.index, id, typed)
    else results.addFailed(action.kind, action.index, id, error, number, typed)
  }

  private refuse(fault: RequestFault, at: number): number {
    this.fault = fault
    return at
  }
}

/** Reasons of documents that are good, and not wanted. */
const notTaken: ReadonlySet<string> = new Set(['jaeger', 'profiling', 'metrics_docs', 'apm_docs', 'timestamp'])
