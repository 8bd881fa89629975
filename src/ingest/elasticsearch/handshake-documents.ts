/** Paths of documents, where they are asked for instead of sent: searches, refreshes, and monitoring that nobody will look at. */

import type { Transform } from 'node:stream'
import { constants, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import type { Metrics } from '../../telemetry/metrics.ts'
import { beginBody } from '../body.ts'
import { type Encoding, encodingOf, zstdWindowLog } from '../decompress.ts'
import { asBridgeError } from '../receive.ts'
import { byQueryPaths, isMonitoring, searchPaths, syncPaths } from './api-paths.ts'
import { type Asked, replyError, replyJson } from './handshake-replies.ts'
import type { Find, Handler, Method, Route } from './handshake-routes.ts'

export interface DocumentPathsOptions {
  /** Where documents are now. */
  readonly backend: string
  readonly metrics: Metrics
}

const searches = new Set([...searchPaths, ...byQueryPaths])

/** Where documents are sent; it is answered elsewhere. */
const bulk: readonly Method[] = ['POST', 'PUT']

/** Most bytes of a monitoring request that are counted. */
const mostCounted = 100 * 1024 * 1024

const inflaters: Readonly<Record<Exclude<Encoding, 'identity'>, () => Transform>> = {
  gzip: () => createGunzip(),
  deflate: () => createInflate(),
  zstd: () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog } }),
}

/** Counts lines of a body that is thrown away; lines of blanks alone are none. Rejects for a body that cannot be read. */
function countLines({ request, response }: Asked, encoding: Encoding): Promise<number> {
  return new Promise((done, failed) => {
    const plain = encoding === 'identity' ? request : request.pipe(inflaters[encoding]())
    let lines = 0
    let bytes = 0
    let inLine = false
    plain.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes > mostCounted) {
        plain.removeAllListeners('data')
        request.unpipe()
        if (plain !== request) plain.destroy()
        failed(new Error('it is larger than 100 MiB'))
        return
      }
      for (let at = 0; at < piece.length; at++) {
        const byte = piece[at]
        if (byte === 0x0a) {
          if (inLine) lines++
          inLine = false
        } else if (byte !== 0x20 && byte !== 0x0d && byte !== 0x09) inLine = true
      }
    })
    plain.on('end', () => done(inLine ? lines + 1 : lines))
    plain.on('error', failed)
    request.on('close', () => {
      if (!request.complete) failed(new Error('the connection was closed before its end'))
    })
    beginBody(request, response)
  })
}

/** Finds the routes of paths at which documents are, or would be, had they been stored. */
export function createDocumentPaths({ backend, metrics }: DocumentPathsOptions): Find {
  const nothingHere: Handler = (asked) =>
    replyError(
      asked,
      400,
      'illegal_argument_exception',
      `otlp-bridge stores nothing: documents are forwarded to ${backend} as OpenTelemetry logs, look for them there`,
    )
  const all = (handler: Handler): Route['methods'] => ({ GET: handler, POST: handler, PUT: handler, DELETE: handler })

  const monitoring = async (asked: Asked): Promise<void> => {
    try {
      const lines = await countLines(asked, encodingOf(asked.request.headers['content-encoding'], true))
      metrics.counter('otlp_bridge_elasticsearch_system_docs_discarded_total').value += Math.ceil(lines / 2)
      replyJson(asked, 200, { took: 0, ignored: true, errors: false })
    } catch (cause) {
      const error = asBridgeError(cause)
      const isOurs = error.code !== 'OB_INTERNAL'
      replyError(asked, isOurs ? error.http : 400, 'parse_exception', isOurs ? error.message : 'the body cannot be read')
    }
  }

  const search: Route = { endpoint: '_search', methods: all(nothingHere) }
  const sync: Handler = (asked) => replyJson(asked, 200, { _shards: { total: 0, successful: 0, failed: 0 } })
  const syncRoute: Route = { endpoint: '_refresh', methods: { GET: sync, POST: sync } }
  const monitoringRoute: Route = {
    endpoint: '_monitoring/bulk',
    methods: { GET: (asked) => replyJson(asked, 200, { took: 0, ignored: true, errors: false }), POST: monitoring, PUT: monitoring },
  }
  const bulkRoute: Route = { endpoint: '_bulk', methods: {}, elsewhere: bulk }
  /** One document can be read nowhere, and is sent elsewhere. */
  const document: Route = { endpoint: '_doc', methods: { GET: nothingHere }, elsewhere: ['DELETE', 'POST', 'PUT'] }
  const action: Route = { endpoint: '_doc', methods: {}, elsewhere: bulk }

  return (segments) => {
    const [first = '', second] = segments
    const { length } = segments
    if (isMonitoring(segments)) return monitoringRoute
    if (searches.has(first)) return length <= 3 ? search : undefined
    if (syncPaths.has(first)) return length === 1 ? syncRoute : undefined
    if (first === '_bulk') return length === 1 ? bulkRoute : undefined
    if (first === '' || first.startsWith('_') || second === undefined) return undefined
    if (searches.has(second)) return length <= 3 ? search : undefined
    if (length === 2 && syncPaths.has(second)) return syncRoute
    if (length <= 3 && segments[length - 1] === '_bulk') return bulkRoute
    if (second === '_create' || second === '_update') return length === 3 ? action : undefined
    // A type of 6.x and 7.x stands where `_doc` does; what else begins so is not known.
    const isType = second === '_doc' || !second.startsWith('_')
    return isType && length <= 3 ? document : undefined
  }
}
