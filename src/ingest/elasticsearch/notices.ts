/** What whoever runs the bridge has to know of documents, by name: each name is told once in the log. Names are made up by senders, so there is a cap. */

import type { AdapterDeps } from '../adapter.ts'
import { cellsByReason } from '../receive.ts'

/** Names of one kind that are told. */
const mostWarnings = 100
const longestName = 128

export interface Notices {
  /** So many documents were meant for an ingest pipeline. Counted by its name, too; beyond the cap as `other`. */
  pipeline(name: string, count: number): void
  /** A document of metrics became a log record. @param dataset that of its data stream, or its index; '' without one */
  metricsAsLogs(dataset: string): void
}

/** True for names that are to be told. */
function createFirstTimes(): { isNew(name: string): boolean; has(name: string): boolean } {
  const names = new Set<string>()
  return {
    isNew(name) {
      if (names.has(name) || names.size >= mostWarnings) return false
      names.add(name)
      return true
    },
    has: (name) => names.has(name),
  }
}

/** @param section of the configuration, for the log: `ingest.elasticsearch` */
export function createNotices({ metrics, log }: Pick<AdapterDeps, 'metrics' | 'log'>, section: string): Notices {
  const cells = cellsByReason((pipeline) => metrics.counter('otlp_bridge_elasticsearch_pipeline_ignored_total', { pipeline }))
  const pipelines = createFirstTimes()
  const datasets = createFirstTimes()
  let last: string | undefined
  return {
    pipeline(whole, count) {
      const name = whole.slice(0, longestName)
      if (pipelines.isNew(name)) {
        log.warn({ section, pipeline: name }, 'documents are meant for an ingest pipeline, which nobody runs here')
      }
      cells(pipelines.has(name) ? name : 'other').value += count
    },
    metricsAsLogs(dataset) {
      // Called for each document.
      if (dataset === last) return
      last = dataset
      const name = dataset.slice(0, longestName)
      if (!datasets.isNew(name)) return
      log.warn({ section, dataset: name }, 'documents of metrics become log records (translate.elasticsearch.metricsDocs)')
    },
  }
}
