/** What a destination has set about old times, where it tells: the settings of mapping backfill.md §5, and their present values. */

import type { Signal } from '../otlp/intake.ts'
import type { HttpGet } from './http-get.ts'

/** A destination that has a setting for old data. */
export type OldDataProgram = 'tempo' | 'jaeger' | 'loki' | 'prometheus' | 'mimir'

interface Setting {
  /** As the program names it, with its section. */
  readonly name: string
  /** The last word of the name, as it stands in a line of its configuration. */
  readonly key: string
  /** Where the line is missing. */
  readonly standard: string
}

interface Sheet {
  readonly signal: Signal
  /** Where it serves its configuration, below its address; the first that answers. */
  readonly paths: readonly string[]
  readonly settings: readonly Setting[]
  /** What makes data visible that was taken and is not found. */
  readonly hidden: string
  /** What makes it take what it refuses. */
  readonly refused: string
}

const setting = (name: string, standard: string): Setting => ({ name, key: name.split('.').at(-1) ?? name, standard })

export const sheets: Readonly<Record<OldDataProgram, Sheet>> = {
  tempo: {
    signal: 'traces',
    paths: ['/status/config', '/config'],
    settings: [setting('storage.trace.wal.ingestion_time_range_slack', '2m'), setting('compactor.compaction.block_retention', '336h')],
    hidden:
      'Tempo: storage.trace.wal.ingestion_time_range_slack as long as the history while the run lasts; query_frontend.search.query_backend_after, query_ingesters_until',
    refused: 'Tempo: overrides of the tenant (max_bytes_per_trace, rate limits); its log says which',
  },
  jaeger: {
    signal: 'traces',
    paths: [],
    settings: [],
    hidden: 'Jaeger: max_span_age (72 h) of its storage; an index cleaner deletes by the date in the name; TTL',
    refused: 'the log of Jaeger and of its storage',
  },
  loki: {
    signal: 'logs',
    paths: ['/config'],
    settings: [
      setting('limits_config.reject_old_samples', 'true'),
      setting('limits_config.reject_old_samples_max_age', '1w'),
      setting('ingester.max_chunk_age', '2h'),
      setting('querier.query_ingesters_within', '3h'),
    ],
    hidden:
      'Loki: what is older than querier.query_ingesters_within is seen only after a flush (ingester.chunk_idle_period, or POST /flush)',
    refused: 'Loki: limits_config.reject_old_samples: false; a longer ingester.max_chunk_age, or streams of its own for the history',
  },
  prometheus: {
    signal: 'metrics',
    paths: ['/api/v1/status/config'],
    settings: [setting('storage.tsdb.out_of_order_time_window', '0s')],
    hidden: 'Prometheus: storage.tsdb.retention.time, or what it drops by relabelling',
    refused: 'Prometheus: storage.tsdb.out_of_order_time_window as long as the history (can be reloaded), retention as long',
  },
  mimir: {
    signal: 'metrics',
    paths: ['/config'],
    settings: [setting('limits.out_of_order_time_window', '0s'), setting('limits.past_grace_period', '0s')],
    hidden: "Mimir: the queriers' caches and query_ingesters_within",
    refused: 'Mimir: limits.out_of_order_time_window of the tenant',
  },
}

/** Longest value that is shown. */
const longestValue = 60

/**
 * The values of a program's settings by its own account, as `name: value`; `name: value (default)` for a line that is not there. Undefined: it does not serve
 * its configuration. Never rejects. @param url what its API is below
 */
export async function readSettings(
  program: OldDataProgram,
  url: string,
  get: HttpGet,
  timeoutMs: number,
): Promise<readonly string[] | undefined> {
  const { paths, settings } = sheets[program]
  for (const path of paths) {
    try {
      const { status, body } = await get(`${url.replace(/\/+$/, '')}${path}`, { timeoutMs })
      if (status !== 200) continue
      return settings.map(({ name, key, standard }) => {
        // YAML, or JSON with YAML in it.
        const [, value] = new RegExp(`(?:^|[\\s"{]|\\\\n *)${key}"?: *"?([^\\s",\\\\}]+)`).exec(body) ?? []
        return value === undefined ? `${name}: ${standard} (default)` : `${name}: ${value.slice(0, longestValue)}`
      })
    } catch {
      // The next path, or none: what is not served is not shown.
    }
  }
  return undefined
}
