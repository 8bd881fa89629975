/** Everything behind the endpoint that documents go through: from the head of a request to the queue and the answer. Loaded with the first request. */

import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { BridgeError, isBridgeError } from '../../errors.ts'
import type { ElasticsearchTranslateConfig } from '../../translate/elasticsearch/config.ts'
import type { AdapterDeps } from '../adapter.ts'
import { createDuplicates } from '../duplicates.ts'
import { clientOfRequest } from '../peer.ts'
import { asBridgeError, cellsByReason, createRequestBooks } from '../receive.ts'
import { type Client, createAdmission, isFull, isPassing } from './admission.ts'
import { sendError, sendFault } from './answers.ts'
import { createDocumentBatcher, type DocumentBatcherOptions } from './batcher.ts'
import { createLineReader } from './body-lines.ts'
import type { BulkMeans } from './bulk.ts'
import { createBulkBooks, formatName } from './bulk-books.ts'
import { type BulkExchange, type BulkRequest, createBulkExchanges, type Outcome } from './bulk-exchange.ts'
import { documentLimitsOf, type ElasticsearchConfig } from './config.ts'
import type { RequestFault } from './decode-action.ts'
import { createDelivery } from './delivery.ts'
import { createDoor, type Head } from './documents-door.ts'
import { ItemErrors } from './es-errors.ts'
import { GeneratedIds, SequenceNumbers } from './generated-ids.ts'
import { createHold } from './hold.ts'
import { IndexNames } from './index-name.ts'
import { createNotices } from './notices.ts'
import { createOldSide, type OldRequest } from './old-side.ts'
import { createSingleExchanges } from './single-exchange.ts'
import type { DocumentTarget } from './target.ts'
import { majorOf } from './versions.ts'

export interface DocumentReceiver {
  /** Takes a request with documents, and answers it. Never throws. */
  take(request: IncomingMessage, response: ServerResponse, target: DocumentTarget): void
  /** The listener stops: nobody waits for room any more. */
  drain(): void
}

export interface DocumentReceiverOptions {
  readonly config: ElasticsearchConfig
  readonly translate: ElasticsearchTranslateConfig
  /** The user's own rules for fields. */
  readonly fields?: DocumentBatcherOptions['fields']
}

const section = 'ingest.elasticsearch'
const monotonicMs = (): number => performance.now()

/** The old backend was to answer, and has not: the client is told so in its own words, whatever it makes of a full queue. */
const isOfOldSide = ({ code }: BridgeError): boolean => code === 'OB_MIRROR_DOWN' || code === 'OB_MIRROR_SLOW' || code === 'OB_MIRROR_BUSY'

/** Creates it. One for each listener. */
export function createDocumentReceiver({ config, translate, fields }: DocumentReceiverOptions, deps: AdapterDeps): DocumentReceiver {
  const { metrics, intake, nowMs, log } = deps
  const door = deps.mirrors?.('elasticsearch')
  const oldSide = door === undefined ? undefined : createOldSide(door, config.prefix)
  const { limits, dedupe, backpressure } = config
  const hold = createHold({
    refusal: () => intake.refusal(door?.name),
    requests: backpressure.requests,
    bytes: backpressure.bytes,
    nowMs: monotonicMs,
  })
  const admission = createAdmission({ hold, backpressure, monotonicMs })
  const notices = createNotices(deps, section)
  const books = createBulkBooks(deps, notices)
  const requests = createRequestBooks(formatName, 'http', deps)
  const stage = (name: string) => metrics.histogram('otlp_bridge_stage_seconds', { stage: name, format: formatName })
  const delivery = createDelivery({ intake, admission, hold, books, seconds: stage('queue'), monotonicMs })
  const lines = createLineReader({
    maxBytes: limits.body,
    maxCompressedBytes: limits.compressedBody,
    maxRatio: limits.ratio,
    maxLine: limits.document,
    section: `${section}.limits`,
  })
  const headOf = createDoor(config.lenientContentType, lines)
  const major = majorOf(config.version)
  const full = (cache: string) => () => void (metrics.gauge('otlp_bridge_cache_full', { cache }).value = 1)
  const means: BulkMeans = {
    options: { maxItems: limits.items, maxDocument: limits.document, lenientNewline: config.lenientNewline, upsert: config.upsert },
    batcher: createDocumentBatcher({
      limits: documentLimitsOf(limits),
      translate,
      fields,
      nowMs,
      chunks: deps.chunks,
      notices,
    }),
    errors: new ItemErrors(config.version),
    names: new IndexNames(major),
    created: createDuplicates({ ids: dedupe.ids, ttlMs: dedupe.ttl, nowMs, onFull: full('elasticsearch ids of create') }),
    indexed: createDuplicates({ ids: dedupe.ids, ttlMs: dedupe.ttl, nowMs, onFull: full('elasticsearch ids of index') }),
  }
  let draining = false
  const exchangeDeps = {
    means,
    lines,
    delivery,
    books,
    major,
    ids: new GeneratedIds({ now: nowMs, random: randomBytes }),
    sequences: new SequenceNumbers(),
    shortItems: config.shortItems,
    seconds: stage('translate'),
    monotonicMs,
    isDraining: () => draining,
    observer: deps.observer,
    nowMs,
    maxDocument: limits.document,
  }
  const bulk = createBulkExchanges(exchangeDeps)
  const single = createSingleExchanges(exchangeDeps)

  const answers = new Map<string, { value: number }>()
  const count = (path: string, code: number): void => {
    const key = `${path} ${code}`
    let cell = answers.get(key)
    if (cell === undefined) {
      answers.set(key, (cell = metrics.counter('otlp_bridge_elasticsearch_requests_total', { path, code: String(code) })))
    }
    cell.value++
  }
  const wire = cellsByReason((encoding) => metrics.counter('otlp_bridge_elasticsearch_bytes_total', { encoding }))
  const pressed = cellsByReason((answer) => metrics.counter('otlp_bridge_elasticsearch_backpressure_total', { answer }))
  const unknown = metrics.counter('otlp_bridge_elasticsearch_unknown_parameters_total')
  const heldRequests = metrics.gauge('otlp_bridge_elasticsearch_held_requests')
  metrics.onCollect(() => {
    heldRequests.value = hold.requests
  })

  /** Refuses a request whole. */
  const refuse = (client: Client, target: DocumentTarget, error: BridgeError): void => {
    const { request, response } = client
    requests.refused(error)
    if (response.destroyed) return
    if (draining) response.shouldKeepAlive = false
    const throttle = admission.answer(client) === 503 ? 503 : 429
    count(target.path, sendError(request, response, target, error, throttle))
  }

  const refuseFault = ({ request, response }: Client, target: DocumentTarget, fault: RequestFault): void => {
    requests.refused(new BridgeError(fault.status === 413 ? 'OB_LIMIT_ITEMS' : 'OB_DECODE_JSON', fault.reason))
    if (response.destroyed) return
    if (draining) response.shouldKeepAlive = false
    sendFault(request, response, target, fault)
    count(target.path, fault.status)
  }

  /**
   * Lets a client go that may come back. @param exchange what can still tell it of each item
   * @returns true when it may be tried again after all
   */
  const turnAway = async (client: Client, target: DocumentTarget, error: BridgeError, exchange?: BulkExchange): Promise<boolean> => {
    const answer = admission.answer(client)
    if (answer === 'close') {
      const how = await admission.close(client)
      if (how === 'room' && exchange === undefined) return true
      if (how === 'room') client.request.socket.destroy()
      requests.refused(error)
      count(target.path, 0)
    } else if (answer !== 'items' || exchange === undefined || !(await exchange.rejectItems())) {
      refuse(client, target, error)
    } else {
      requests.refused(error)
      count(target.path, 200)
    }
    if (isFull(error)) pressed(String(answer)).value++
    return false
  }

  /** Undefined when the body may be read now; else what is to be answered, `gone` when nobody is there to be told. */
  const awaitRoom = async (client: Client, old: OldRequest | undefined): Promise<BridgeError | 'gone' | undefined> => {
    for (;;) {
      // What the new side need not have may find it full; an old side that must have the data needs room of its own.
      const refusal = old?.state.new === 'optional' ? undefined : intake.refusal(old === undefined ? undefined : door?.name)
      if (refusal === undefined) return undefined
      if (!isFull(refusal)) return asBridgeError(refusal)
      const room = await admission.wait(client, 0)
      if (room === 'gone') return 'gone'
      if (room === 'none') return asBridgeError(refusal)
    }
  }

  const settle = async (client: Client, target: DocumentTarget, outcome: Outcome, exchange?: BulkExchange): Promise<void> => {
    if (outcome.how === 'answered') count(target.path, client.response.statusCode)
    else if (outcome.how === 'fault') refuseFault(client, target, outcome.fault)
    else if (isPassing(outcome.error) && !isOfOldSide(outcome.error)) await turnAway(client, target, outcome.error, exchange)
    else refuse(client, target, outcome.error)
  }

  const requestOf = (client: Client, target: DocumentTarget, head: Head, old: OldRequest | undefined): BulkRequest => {
    const { request, response } = client
    return { request, response, target, head, client, sender: clientOfRequest(request), old }
  }

  const exchangeBulk = async (client: Client, target: DocumentTarget, head: Head, startedAt: number): Promise<void> => {
    const old = oldSide?.begin(client.request, true)
    let error = await awaitRoom(client, old)
    let rejectAll = false
    while (error !== undefined) {
      if (error === 'gone') return
      rejectAll = admission.answer(client) === 'items'
      if (rejectAll) break
      if (!(await turnAway(client, target, error))) {
        requests.arrived(0)
        return
      }
      error = await awaitRoom(client, old)
    }
    const exchange = bulk(requestOf(client, target, head, old), startedAt, rejectAll)
    try {
      const outcome = await exchange.run()
      if (rejectAll && outcome.how === 'answered') {
        requests.refused(error as BridgeError)
        if (isFull(error)) pressed('items').value++
      }
      await settle(client, target, outcome, exchange)
    } finally {
      requests.arrived(exchange.wireBytes)
      wire(head.encoding).value += exchange.wireBytes
      exchange.close()
    }
  }

  const exchangeSingle = async (client: Client, target: DocumentTarget, head: Head): Promise<void> => {
    const old = oldSide?.begin(client.request, false)
    const error = await awaitRoom(client, old)
    if (error === 'gone') return
    if (error !== undefined && !(await turnAway(client, target, error))) {
      requests.arrived(0)
      return
    }
    const exchange = single(requestOf(client, target, head, old))
    try {
      await settle(client, target, await exchange.run())
    } finally {
      requests.arrived(exchange.wireBytes)
      wire(head.encoding).value += exchange.wireBytes
      exchange.close()
    }
  }

  const exchange = async (client: Client, target: DocumentTarget): Promise<void> => {
    const startedAt = monotonicMs()
    const head = headOf(client.request)
    unknown.value += target.unknown
    if (isBridgeError(head)) {
      requests.arrived(0)
      refuse(client, target, head)
    } else if (target.fault !== undefined) {
      requests.arrived(0)
      refuseFault(client, target, target.fault)
    } else if (target.kind < 0) await exchangeBulk(client, target, head, startedAt)
    else await exchangeSingle(client, target, head)
  }

  return {
    take(request, response, target) {
      const client = admission.client(request, response)
      exchange(client, target).catch((error: unknown) => {
        log.error({ section, error }, 'a request with documents could not be taken')
        refuse(client, target, asBridgeError(error))
      })
    },
    drain() {
      draining = true
      hold.close()
    },
  }
}
