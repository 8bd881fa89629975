/** What Elasticsearch and OpenSearch say to a search that did not work, and a search that is asked again until it is whole. */

import { BridgeError } from '../errors.ts'
import type { PatientAnswer, PatientClient, PatientRequest } from './patient-client.ts'

/**
 * `lost`: the search context is gone · `vanished`: no such index, or closed · `too_large`: fewer documents at once may do · `partial`: shards did not
 * answer · `unsupported`: this server does not know the call · `refused`: everything else
 */
export type SearchFaultKind = 'lost' | 'vanished' | 'too_large' | 'partial' | 'unsupported' | 'refused'

export interface SearchFault {
  readonly kind: SearchFaultKind
  readonly message: string
}

interface Reason {
  readonly type?: unknown
  readonly reason?: unknown
  readonly caused_by?: Reason
}

interface ErrorShape extends Reason {
  readonly root_cause?: readonly Reason[]
  readonly failed_shards?: readonly { readonly shard?: unknown; readonly index?: unknown; readonly reason?: Reason }[]
}

const wordsOf = (reason: Reason | undefined): string => `${String(reason?.type ?? 'error')}: ${String(reason?.reason ?? '')}`

function messageOf(status: number, body: Buffer): string {
  try {
    const { error } = JSON.parse(body.toString()) as { error?: string | ErrorShape }
    if (typeof error === 'string') return `status ${status} ${error}`
    const [shard] = error?.failed_shards ?? []
    const where = shard === undefined ? '' : ` (shard ${String(shard.shard)} of ${String(shard.index)})`
    const words = wordsOf(error?.root_cause?.[0] ?? shard?.reason ?? error)
    const cause = error?.caused_by === undefined ? '' : `, ${wordsOf(error.caused_by)}`
    return `status ${status} ${words}${where}${words.length > 300 ? '' : cause}`.slice(0, 600)
  } catch {
    return `status ${status}`
  }
}

/** What a status besides 2xx means. */
export function searchFaultOf({ status, body }: Pick<PatientAnswer, 'status' | 'body'>): SearchFault | undefined {
  if (status >= 200 && status < 300) return undefined
  // Failures of many shards make long texts; what is looked for stands at their beginning.
  const text = body.toString('utf8', 0, 20_000)
  const fault = (kind: SearchFaultKind): SearchFault => ({ kind, message: messageOf(status, body) })
  if (/search_context_missing_exception|No search context found/.test(text)) return fault('lost')
  if (/index_not_found_exception|index_closed_exception/.test(text)) return fault('vanished')
  if (status === 413 || /Result window is too large|content too long/i.test(text)) return fault('too_large')
  if (status >= 500) return fault('partial')
  const isUnknown =
    /no handler found|request body is required|unrecognized parameter|Unknown NamedObject|\[_shard_doc\]|incorrect HTTP method/i
  if (status === 405 || isUnknown.test(text)) return fault('unsupported')
  return fault('refused')
}

/** Statuses that are read here. A node that is overloaded says 429, which is waited out. */
const told = [400, 404, 405, 413, 500]

/** 503 comes of a node that starts, which passes, and of shards that nobody has, which may not. */
const isShardFailure = (status: number, body: Buffer): boolean =>
  status === 503 && /search_phase_execution_exception|no_shard_available|missing shards/.test(body.toString('utf8', 0, 20_000))

/** Asks; statuses that {@link searchFaultOf} knows are answers. */
export const askElasticsearch = (client: PatientClient, request: PatientRequest, abort: AbortSignal): Promise<PatientAnswer> =>
  client.send({ ...request, accept: [...told, ...(request.accept ?? [])], isAnswer: isShardFailure }, abort)

/** How often an answer that lacks shards is asked for again, and how long apart. */
export const partialTries = 5
export const partialPauseMs = (attempt: number): number => 1000 * 2 ** attempt

/** OB_SOURCE, its word in front. @param index its place */
export function searchError(fault: SearchFault, index: string, tries = 0): BridgeError {
  const word = fault.kind === 'lost' ? 'pit_lost' : fault.kind === 'partial' ? 'partial_results' : fault.kind
  const known = word === 'unsupported' || word === 'refused' ? 'source_error' : word
  const again = tries > 0 ? ` (asked ${tries} times)` : ''
  return new BridgeError('OB_SOURCE', `${known}: cannot read index ${index}: ${fault.message}${again}`, { place: index })
}

interface WholeShape {
  readonly timed_out?: unknown
  readonly _shards?: { readonly failed?: unknown; readonly failures?: readonly { readonly reason?: Reason; readonly shard?: unknown }[] }
}

/**
 * A search whose answer is small, parsed. One that lacks shards is asked for again, five times; rejects with OB_SOURCE then, and for all else.
 * @param sleep rejects with OB_STOPPING
 */
export async function searchWhole(
  client: PatientClient,
  request: PatientRequest,
  index: string,
  sleep: (ms: number) => Promise<void>,
  abort: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  for (let attempt = 0; ; attempt++) {
    const answer = await askElasticsearch(client, request, abort)
    let fault = searchFaultOf(answer)
    if (fault === undefined) {
      let read: unknown
      try {
        read = JSON.parse(answer.body.toString())
      } catch {
        // Something in between answers for it.
      }
      if (typeof read !== 'object' || read === null) throw searchError({ kind: 'refused', message: 'the answer is not JSON' }, index)
      const { timed_out, _shards } = read as WholeShape
      const failed = typeof _shards?.failed === 'number' ? _shards.failed : 0
      if (timed_out !== true && failed === 0) return read as Readonly<Record<string, unknown>>
      const [first] = _shards?.failures ?? []
      const why = timed_out === true ? 'the search took too long' : `${failed} shards did not answer: ${wordsOf(first?.reason)}`
      fault = { kind: 'partial', message: why }
    }
    if (fault.kind !== 'partial' || attempt + 1 >= partialTries) throw searchError(fault, index, fault.kind === 'partial' ? attempt + 1 : 0)
    await sleep(partialPauseMs(attempt))
  }
}
