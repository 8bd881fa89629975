/**
 * `prometheus-api`: a Prometheus of which nothing but the query API is open, section 2.9 of backfill.md. Floats are as they were stored; markers of
 * staleness are not shown; native histograms are made of the buckets that are shown.
 */

import { z } from 'zod'
import { duration } from '../../config/units.ts'
import { createPrometheusRange, type PrometheusRange } from '../../read/prometheus-range.ts'
import type { Matcher } from '../../read/prometheus-remote-read-wire.ts'
import type { SourceDeps } from '../source.ts'
import type { SourceKind } from '../source-kind.ts'
import { createSourceClient, httpSourceKeys, publicUrl } from './http-options.ts'
import { createTurnstile, ownMetadata } from './prometheus-asking.ts'
import { createPrometheusHttpSource, createSourcePoints, type PrometheusStore, prometheusHttpKeys } from './prometheus-http-source.ts'
import { matchersOf, nameMatcher, selectorText } from './prometheus-selector.ts'

const options = z.strictObject({
  ...httpSourceKeys,
  ...prometheusHttpKeys,
  externalLabels: z
    .array(z.string().regex(/^[^=\0]+=[^\0]*$/, { error: 'expected a label such as cluster=prod' }))
    .default([])
    .describe(
      'A label that every series gets that does not have it, as name=value: `external_labels` of the server, which its own API does not show. May be repeated.',
    ),
  step: duration
    .optional()
    .describe(
      'Asks for graphs with this step instead of samples, for a proxy that does not let range selectors through. Values then repeat for up to five minutes: the run is approximate.',
    ),
  concurrency: z.number().int().min(1).max(64).default(2).describe('Questions at the same time.'),
})

type Options = z.output<typeof options>

function createStore(api: PrometheusRange, matchers: readonly Matcher[], own: Options, close: () => Promise<void>): PrometheusStore {
  const turn = createTurnstile(own.concurrency)
  const others = matchers.filter(({ name }) => name !== '__name__')
  const { step } = own
  return {
    names: (fromMs, toMs, abort) => turn(() => api.names(matchers.length === 0 ? '' : selectorText(matchers), fromMs, toMs, abort)),
    read: (names, range, abort) =>
      turn(() => {
        const selector = selectorText([nameMatcher(names), ...others])
        return step === undefined ? api.raw(selector, range, abort) : api.steps(selector, range, step, abort)
      }),
    close,
  }
}

async function open(own: Options, deps: SourceDeps) {
  const client = await createSourceClient(own, deps)
  const matchers = matchersOf(deps.filter)
  const api = createPrometheusRange(client)
  const labels = Object.fromEntries(own.externalLabels.map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]))
  const { points, notes } = await createSourcePoints(deps, own.metadata, ownMetadata(own, client, deps), labels)
  const url = publicUrl(own.url)
  return createPrometheusHttpSource({
    kind: 'prometheus-api',
    name: url,
    identity: own.step === undefined ? url : `${url} step ${own.step}`,
    approximate:
      own.step === undefined
        ? 'markers of staleness are not there, and native histograms are made of the buckets that the API shows'
        : 'values are those of a graph: at whole steps, and repeated for up to five minutes',
    deps,
    store: createStore(api, matchers, own, () => client.close()),
    points,
    shards: own.shards,
    maxTargets: deps.translate.prometheus.targetInfo.max,
    notes,
  })
}

/** Registered in sources.ts. */
export const prometheusApi: SourceKind = { options, open: (own, _args, deps) => open(own as Options, deps) }
