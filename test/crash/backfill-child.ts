/**
 * A back-fill that is killed: numbers, as spans, from a scripted source to an OTLP endpoint; prints a line with its counts when it comes to its end.
 * Arguments: folder of the ledger, endpoint, slices, items of a slice, items of a page.
 */

import { createFileLedger } from '../../src/backfill/ledger-file.ts'
import type { PageRequest, TranslatedPage } from '../../src/backfill/model.ts'
import { createOtlpSink } from '../../src/backfill/otlp-sink.ts'
import { always, unpaced } from '../../src/backfill/pacing.ts'
import { runBackfill } from '../../src/backfill/run.ts'
import { sleepFor } from '../../src/backfill/sleep.ts'
import type { Source } from '../../src/backfill/source.ts'
import { emitConfig } from '../../src/emit/config.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { numbersIn, numbersSource } from '../backfill/support/numbers-source.ts'
import { tracesPage } from '../backfill/support/otlp-requests.ts'
import { metaOf, runName } from '../backfill/support/runs.ts'

const [folder = '', endpoint = '', slices = '1', perSlice = '1', perPage = '1'] = process.argv.slice(2)

const numbers = numbersSource({ slices: Number(slices), perSlice: Number(perSlice), perPage: Number(perPage) })

const asSpans = (page: TranslatedPage): TranslatedPage => ({
  ...page,
  requests: page.requests.map(({ data }): PageRequest => tracesPage(numbersIn(data).map((id) => ({ id, ms: 1_700_000_000_000 + id })))),
})

const source: Source = {
  ...numbers,
  open(slice, cursor) {
    const reader = numbers.open(slice, cursor)
    return {
      ...reader,
      async next(abort) {
        const page = await reader.next(abort)
        return page === undefined ? undefined : { ...page, translate: () => asSpans(page.translate()) }
      },
    }
  },
}

const sink = await createOtlpSink(
  { emit: emitConfig.parse({ endpoint, retry: { initialInterval: '10ms', maxInterval: '50ms' } }) },
  {
    log: silentLog,
    metrics: createMetrics(),
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
    random: Math.random,
    instanceId: 'test',
    distress: () => {},
  },
)
const ledger = await createFileLedger({ folder, run: runName, create: metaOf() })
await ledger.add(numbers.specs)
process.stdout.write('open\n')
const { end, summary } = await runBackfill(
  {
    source,
    ledger,
    sink,
    pace: unpaced,
    windows: always,
    log: silentLog,
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
    sleep: sleepFor,
  },
  { owner: 'child', parallel: 4, order: 'time', slackMs: 3_600_000, abort: new AbortController().signal },
)
await ledger.close()
await sink.close()
process.stdout.write(`${JSON.stringify({ end, done: summary?.slices.done, ...summary?.counts, srcSum: undefined, ackSum: undefined })}\n`)
