/** The report of a run as text. */

import { bytesText, durationText, grouped, plainWords } from './figures.ts'
import type { Json } from './model.ts'
import type { BackfillReport, ReportReason } from './report.ts'

const indent = '  '

/** Label, figure, what belongs to it. */
function row(label: string, count: number, rest = ''): string {
  return `${indent}${label.padEnd(14)}${grouped(count).padStart(15)}${rest === '' ? '' : `  ${rest}`}`
}

const reasonRows = (list: readonly ReportReason[]): readonly string[] =>
  list.map(
    ({ reason, items, hint }) =>
      `${indent}${indent}${plainWords(reason).padEnd(22)}${grouped(items).padStart(5)}${hint === undefined ? '' : `  ${hint}`}`,
  )

const sumOf = (list: readonly ReportReason[]): number => list.reduce((sum, { items }) => sum + items, 0)

const headlines: Readonly<Record<BackfillReport['result'], string>> = {
  complete: 'complete: everything that was read is accounted for, and nothing is missing',
  losses: 'done, with losses: see below',
  unfinished: 'not finished: the same command goes on',
}

const keyText = (key: { readonly [name: string]: Json }): string =>
  Object.entries(key)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')

function timeRows({ elapsedMs, ratePerSecond, thisStart, phasesMs }: BackfillReport): readonly string[] {
  const rate = (count: number, ms: number): string => (ms === 0 ? '' : `, ${grouped((count * 1000) / ms)} items/s`)
  const now =
    thisStart === undefined ? [] : [`${durationText(thisStart.elapsedMs)} this time${rate(thisStart.acknowledged, thisStart.elapsedMs)}`]
  // Of a run that was stopped in between both are worth knowing.
  const isWhole = thisStart !== undefined && Math.abs(thisStart.elapsedMs - elapsedMs) < 2000
  const all = elapsedMs === 0 || isWhole ? [] : [`${durationText(elapsedMs)} from first to last, ${grouped(ratePerSecond)} items/s`]
  const { read, translate, send, wait } = phasesMs
  const waited = wait > 0 ? `, wait ${durationText(wait)}` : ''
  return [
    ...(now.length + all.length === 0 ? [] : [`${indent}time          ${[...now, ...all].join('; ')}`]),
    `${indent}over all slices  read ${durationText(read)}, translate ${durationText(translate)}, send ${durationText(send)}${waited}`,
  ]
}

/** A dozen lines or so, those that say nothing left out. Ends with a line end. */
export function printReport(report: BackfillReport): string {
  const { source, slices } = report
  const skipped = sumOf(report.skipped)
  const [rejected, dead] = [sumOf(report.rejected), sumOf(report.dead)]
  const unit = `${source.unit}s`
  const done = slices.done + slices.done_with_losses + slices.verified + slices.mismatch
  const counts = [
    `${grouped(done)} done`,
    ...(slices.done_with_losses > 0 ? [`${grouped(slices.done_with_losses)} of them with losses`] : []),
    ...(slices.verified > 0 ? [`${grouped(slices.verified)} of them verified`] : []),
    ...(slices.mismatch > 0 ? [`${grouped(slices.mismatch)} of them do not match`] : []),
    ...(slices.running + slices.pending > 0 ? [`${grouped(slices.running + slices.pending)} to do`] : []),
    ...(slices.failed > 0 ? [`${grouped(slices.failed)} failed`] : []),
  ]
  const lines = [
    `${plainWords(source.kind)} ${plainWords(source.name)} → ${plainWords(report.destination)}   run ${report.run}`,
    headlines[report.result],
    '',
    row('read', report.read, unit),
    row('translated', report.translated),
    row('skipped', skipped),
    ...reasonRows(report.skipped),
    row('produced', report.produced, 'OTLP items'),
    row('acknowledged', report.acknowledged),
    row('rejected', rejected),
    ...reasonRows(report.rejected),
    row('dead letters', dead, dead > 0 ? 'see backfill status --dead' : ''),
    ...reasonRows(report.dead),
    row('resent', report.resent, report.resent > 0 ? 'after a crash: they may have arrived before' : ''),
    row('ambiguous', report.ambiguous, report.ambiguous > 0 ? 'sent again because the connection was lost before an answer' : ''),
    ...(report.duplicates > 0 ? [row('duplicates', report.duplicates, 'twice in the source, sent once')] : []),
    ...(report.conflicts > 0 ? [row('conflicts', report.conflicts, 'two values for one moment in the source')] : []),
    ...(report.sourceGrew > 0
      ? [row('source grew', report.sourceGrew, 'since it was read, in parts that were done: these were not sent')]
      : []),
    ...(report.sourceShrank > 0 ? [row('source shrank', report.sourceShrank, 'deleted there since it was read: retention')] : []),
    ...Object.entries(report.notes).map(([note, count]) => row(plainWords(note), count)),
    '',
    `${indent}slices        ${counts.join(' · ')}`,
    `${indent}bytes         ${bytesText(report.bytesIn)} read, ${bytesText(report.bytesOut)} of OTLP sent`,
    ...timeRows(report),
    ...(report.from === undefined ? [] : [`${indent}items of      ${report.from} … ${report.to ?? ''}`]),
    ...(report.cutover === undefined ? [] : [`${indent}cutover       ${report.cutover}`]),
    ...(report.approximate === undefined ? [] : [`${indent}approximate   ${plainWords(report.approximate)}`]),
    ...(report.balanced || report.result === 'unfinished'
      ? []
      : [`${indent}NOT BALANCED  read, translated and skipped, or produced and what became of it, do not add up: please report this`]),
  ]
  if (report.failures.length > 0) {
    lines.push('', 'slices that failed, by reason (backfill retry-failed takes them up again):', ...reasonRows(report.failures))
  }
  if (report.trouble.length > 0) {
    lines.push('', 'slices that did not come through whole:')
    for (const { id, state, key, reason, error } of report.trouble) {
      lines.push(
        `${indent}${id}  ${state}  ${plainWords(keyText(key))}`,
        `${indent}${indent}${plainWords(reason === '' || error.startsWith(reason) ? error : `${reason}: ${error}`)}`,
      )
    }
    if (report.troubleMore > 0) lines.push(`${indent}and ${grouped(report.troubleMore)} more: backfill status --json lists all`)
  }
  return `${lines.join('\n')}\n`
}
