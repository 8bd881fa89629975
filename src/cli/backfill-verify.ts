/** `otlp-bridge backfill verify`: what was read against what the source has now, and what arrived against what was sent. */

import { alignedTable, grouped, plainWords } from '../backfill/figures.ts'
import type { Ledger } from '../backfill/ledger.ts'
import { countOf } from '../backfill/options.ts'
import { createScreen } from '../backfill/progress-view.ts'
import type { Source } from '../backfill/source.ts'
import { createSourceDeps } from '../backfill/source-deps.ts'
import { sampled, type Verification, verifyRun } from '../backfill/verify.ts'
import { type Config, loadBridgeConfig } from '../config/compose.ts'
import { loadUserMapping } from '../config/user-mapping.ts'
import { createLog } from '../telemetry/log.ts'
import { guardSize } from '../telemetry/size-guard.ts'
import type { BackfillOptions } from './backfill-flags.ts'
import type { ReadBack } from './backfill-read-back.ts'
import { openAnyRun } from './backfill-runs.ts'
import { chooseSource, openSource, readSourceWords, sourceOptionsOf } from './backfill-source.ts'
import { type Io, interruptedCode } from './io.ts'

export interface VerifyCommandOptions extends BackfillOptions {
  readonly deep?: boolean
  readonly readBack?: string
  readonly new?: string
  readonly newKind?: string
  readonly newHeader?: readonly string[]
}

const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

/** The source of a run as the run had it: options that are no secrets are in the ledger, secrets come anew. */
async function sourceOf(ledger: Ledger, words: readonly string[], config: Config, io: Io, stop: AbortSignal): Promise<Source> {
  const { source, options, span, page } = ledger.meta
  const chosen = await chooseSource(source.kind)
  const { given } = readSourceWords(chosen, words, io)
  const kept = options['source']
  const before = typeof kept === 'object' && kept !== null && !Array.isArray(kept) ? kept : {}
  const parsed = sourceOptionsOf(chosen, { given: { ...before, ...given } }, config)
  const query = options['query']
  return openSource(
    chosen,
    parsed,
    textsOf(options['args']),
    createSourceDeps({
      filter: {
        sinceMs: span?.sinceMs,
        untilMs: span?.untilMs,
        services: textsOf(options['services']),
        query: typeof query === 'string' ? query : undefined,
      },
      log: createLog({ ...config.log, terminal: io.terminal, fields: { part: 'backfill' } }),
      translate: config.translate,
      userMapping: loadUserMapping,
      page,
      distress: () => {},
      abort: stop,
    }),
  )
}

/** What the verdicts do not say; empty: they speak of every slice. */
function uncheckedText({ verdicts, unchecked, slices }: Verification, unit: string): string {
  if (verdicts.unchecked === 0) return ''
  return `not looked at: ${grouped(verdicts.unchecked)} of ${grouped(slices)} slices, of which ${grouped(unchecked)} ${unit}s were read. This source cannot count; the first slice and one in ${sampled} of the others were read again and compared item by item. --deep does so with all\n`
}

/** One line of sums, a table of what is not complete, one line of what was read back. */
export function printVerification(run: string, unit: string, found: Verification, back: ReadBack | undefined): string {
  const { verdicts, grew, shrank, lost, trouble, troubleMore, slices } = found
  const parts = [
    `${grouped(verdicts.complete)} complete`,
    ...(verdicts.grew > 0 ? [`${grouped(verdicts.grew)} complete, the source grew by ${grouped(grew)} ${unit}s since`] : []),
    ...(verdicts.shrank > 0 ? [`${grouped(verdicts.shrank)} where the source shrank by ${grouped(shrank)} ${unit}s`] : []),
    ...(verdicts.mismatch > 0 ? [`${grouped(verdicts.mismatch)} do not match`] : []),
    ...(verdicts.unreadable > 0 ? [`${grouped(verdicts.unreadable)} cannot be read any more`] : []),
    ...(verdicts.unchecked > 0 ? [`${grouped(verdicts.unchecked)} not looked at`] : []),
    ...(verdicts.open > 0 ? [`${grouped(verdicts.open)} not done`] : []),
  ]
  const rows = trouble.map(({ id, group, verdict, read, now, message, lost: gone }) => [
    id,
    group,
    verdict,
    grouped(read),
    now === undefined ? '' : grouped(now),
    gone === 0 ? '' : grouped(gone),
    message,
  ])
  const right = true
  const table =
    rows.length === 0
      ? ''
      : alignedTable(
          [
            { title: 'slice' },
            { title: 'part' },
            { title: 'verdict' },
            { title: 'read', right },
            { title: 'now', right },
            { title: 'lost', right },
            { title: 'why' },
          ],
          rows,
        )
  const more =
    troubleMore > 0 ? `and ${grouped(troubleMore)} more: --json lists the first of them, backfill status --json all slices\n` : ''
  const losses = lost > 0 ? `${grouped(lost)} items did not get to the destination: see backfill report\n` : ''
  const read =
    back === undefined
      ? ''
      : `read back: ${grouped(back.same)} of ${grouped(back.asked)} alike${back.missing > 0 ? `, ${grouped(back.missing)} not found` : ''}${back.different > 0 ? `, ${grouped(back.different)} with differences` : ''}\n${back.examples.map((one) => `  ${plainWords(one)}\n`).join('')}`
  return `${table}${more}run ${run}, ${grouped(slices)} ${slices === 1 ? 'slice' : 'slices'}: ${parts.join(' · ')}\n${uncheckedText(found, unit)}${losses}${read}`
}

/** 0 only when every slice is complete and everything that was asked for is there; 1 otherwise. */
export async function backfillVerify(words: readonly string[], options: VerifyCommandOptions, io: Io): Promise<number> {
  const config = await loadBridgeConfig(options, io.env)
  const readBack = options.readBack === undefined ? 0 : countOf('--read-back', options.readBack, 1, 100_000)
  guardSize()
  const stop = io.takeSignals()
  const ledger = await openAnyRun(options, config, 'own')
  const screen = createScreen(io.err)
  try {
    const source = await sourceOf(ledger, words, config, io, stop)
    try {
      let [seen, drawn] = [0, 0]
      const found = await verifyRun({
        ledger,
        source,
        deep: options.deep === true,
        abort: stop,
        onVerdict: () => {
          seen++
          if (!io.terminal || performance.now() - drawn < 100) return
          drawn = performance.now()
          screen.draw([`${grouped(seen)} slices verified`])
        },
      })
      const back =
        readBack === 0
          ? undefined
          : await (await import('./backfill-read-back.ts')).readBackItems({
              ledger,
              source,
              count: readBack,
              config,
              url: options.new,
              kind: options.newKind,
              headers: options.newHeader ?? [],
              env: io.env,
              stop,
            })
      if (options.json === true) io.out(`${JSON.stringify({ run: ledger.meta.run, ...found, readBack: back }, null, 2)}\n`)
      else io.out(printVerification(ledger.meta.run, source.unit, found, back))
      // What was to be looked for and was not found to ask about proves nothing.
      const isBack = back === undefined || (back.missing + back.different === 0 && back.asked > 0)
      return found.ok && isBack ? 0 : 1
    } finally {
      await source.close()
    }
  } catch (error) {
    if (stop.aborted) return interruptedCode
    throw error
  } finally {
    await ledger.close()
  }
}
