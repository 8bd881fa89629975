/** `prometheus-remote-read`: a Prometheus, or what speaks its remote-read, section 2.8 of backfill.md. Exact: markers of staleness and native histograms come as they are stored. */

import { z } from 'zod'
import { faultWord, type PatientClient } from '../../read/patient-client.ts'
import { createPrometheusRange } from '../../read/prometheus-range.ts'
import { createRemoteRead, type RemoteRead } from '../../read/prometheus-remote-read.ts'
import { type Matcher, MatchType } from '../../read/prometheus-remote-read-wire.ts'
import type { SourceDeps } from '../source.ts'
import type { SourceKind } from '../source-kind.ts'
import { createSourceClient, httpSourceKeys, publicUrl } from './http-options.ts'
import { createTurnstile, ownMetadata } from './prometheus-asking.ts'
import { createPrometheusHttpSource, createSourcePoints, type PrometheusStore, prometheusHttpKeys } from './prometheus-http-source.ts'
import { matchersOf, nameMatcher, selectorText } from './prometheus-selector.ts'

const options = z.strictObject({
  ...httpSourceKeys,
  ...prometheusHttpKeys,
  path: z.string().startsWith('/').default('/api/v1/read').describe('Where remote-read is, below `url`.'),
  answers: z
    .enum(['any', 'chunks', 'samples'])
    .default('any')
    .describe(
      'What the server is asked for: chunks, which cost it less, where it has them; or samples alone, for one whose chunks are not understood.',
    ),
  concurrency: z.number().int().min(1).max(64).default(2).describe('Questions at the same time; Prometheus takes ten from all who ask.'),
})

type Options = z.output<typeof options>

/** Names by their first letter, where the server does not list them. What begins so is matched as an expression. */
const letters = [...'abcdefghijklmnopqrstuvwxyz'].map((letter) => `~${letter}.*`).concat('~[^a-z].*')

const matcherOf = (names: readonly string[]): Matcher =>
  names.length === 1 && names[0]?.startsWith('~') === true
    ? { type: MatchType.Matches, name: '__name__', value: names[0].slice(1) }
    : nameMatcher(names)

/** The names that a server lists; where it lists none, all that there can be. */
async function listNames(client: PatientClient, matchers: readonly Matcher[], fromMs: number, toMs: number, abort: AbortSignal) {
  try {
    return await createPrometheusRange(client).names(matchers.length === 0 ? '' : selectorText(matchers), fromMs, toMs, abort)
  } catch (error) {
    if (faultWord(error) !== 'source_error') throw error
    return letters
  }
}

function createStore(client: PatientClient, remote: RemoteRead, matchers: readonly Matcher[], concurrency: number): PrometheusStore {
  const turn = createTurnstile(concurrency)
  // Names are chosen from the list, and what is said of targets is wanted whatever was chosen.
  const others = matchers.filter(({ name }) => name !== '__name__')
  return {
    names: (fromMs, toMs, abort) => listNames(client, matchers, fromMs, toMs, abort),
    read: (names, range, abort) =>
      turn(() => {
        const named = matcherOf(names)
        // Where all names are read their own matchers choose.
        const more = named.type === MatchType.Matches && names[0]?.startsWith('~') === true ? matchers : others
        return remote.read([named, ...more], range, abort)
      }),
    close: () => client.close(),
  }
}

async function open(own: Options, deps: SourceDeps) {
  const client = await createSourceClient({ ...own, gzip: false }, deps)
  const matchers = matchersOf(deps.filter)
  const remote = await createRemoteRead(client, own.path, own.answers)
  const { points, notes } = await createSourcePoints(deps, own.metadata, ownMetadata(own, client, deps))
  const url = publicUrl(own.url)
  return createPrometheusHttpSource({
    kind: 'prometheus-remote-read',
    name: url,
    identity: `${url}${own.path}`,
    approximate: undefined,
    deps,
    store: createStore(client, remote, matchers, own.concurrency),
    points,
    shards: own.shards,
    maxTargets: deps.translate.prometheus.targetInfo.max,
    notes: [
      ...notes,
      'external labels of the server are on every series; Thanos and VictoriaMetrics may give less than was stored (downsampled, deduplicated)',
    ],
  })
}

/** Registered in sources.ts. */
export const prometheusRemoteRead: SourceKind = { options, open: (own, _args, deps) => open(own as Options, deps) }
