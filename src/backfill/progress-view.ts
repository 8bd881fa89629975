/** How far a run is, as somebody sees it: a bar on a terminal, `key=value` lines elsewhere. */

import { sumReasons } from './counts.ts'
import { durationText, grouped, plainWords, secondText, shortCount } from './figures.ts'
import type { Summary } from './ledger.ts'
import type { Reasons } from './model.ts'
import type { Progress } from './progress.ts'

export interface ProgressView {
  /** `jaeger-es` */
  readonly source: string
  /** As the ledger has it: the whole run. */
  readonly summary: Summary
  /** Of this start. */
  readonly progress: Pick<Progress, 'state' | 'waitingUntilMs' | 'perSecond' | 'pace' | 'parallelReason' | 'frontierMs'>
}

/** `pit_lost 1, vanished 1`, the most frequent first. */
export const reasonsText = (reasons: Reasons, most = 5): string => {
  const sorted = Object.entries(reasons).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  const more = sorted.length > most ? [`${sorted.length - most} more`] : []
  return [...sorted.slice(0, most).map(([reason, count]) => `${reason} ${grouped(count)}`), ...more].join(', ')
}

/** Slices that were read to their end. */
export const endedSlices = ({ slices }: Pick<Summary, 'slices'>): number =>
  slices.done + slices.done_with_losses + slices.verified + slices.mismatch

/** Part of the plan that is done, 0…1: by items where they are known beforehand, else by slices. */
export function partDone(summary: Summary): number {
  const all = Object.values(summary.slices).reduce((sum, count) => sum + count, 0)
  const ended = endedSlices(summary)
  if (all > 0 && ended === all) return 1
  const part = summary.planned > 0 ? summary.counts.read / summary.planned : all === 0 ? 0 : ended / all
  // An estimate that was too low does not finish a run.
  return Math.min(part, 0.999)
}

/** ms; undefined while there is no telling. */
export function etaOf({ summary, progress }: ProgressView): number | undefined {
  const left = summary.planned - summary.counts.read
  return summary.planned === 0 || progress.perSecond <= 0 || left <= 0 ? undefined : (left / progress.perSecond) * 1000
}

const blocks = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const

/** `▕█████▌    ▏`; an eighth of a cell is the least step. */
export function barText(part: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, part)) * width * 8)
  const text = '█'.repeat(Math.floor(eighths / 8)) + (blocks[eighths % 8] ?? '')
  return `▕${text.padEnd(width)}▏`
}

/** Why it does not go faster. */
function paceText({ summary, progress: { state, waitingUntilMs, pace, parallelReason: reason } }: ProgressView): string {
  if (state === 'stopping') return 'stopping: pages that are out are waited for'
  if (waitingUntilMs !== undefined) return `waiting until ${secondText(waitingUntilMs)} (--only)`
  if (pace.pausedUntilMs !== undefined) return `paused until ${secondText(pace.pausedUntilMs)}: ${pace.reason}`
  // Where none waits, none is held back.
  const held = reason === 'order' ? (summary.slices.pending > 0 ? 'oldest first (--order)' : '') : reason
  return [pace.reason, held === '' ? '' : `fewer slices at a time: ${held}`].filter((one) => one !== '').join('; ')
}

/** Three lines for a terminal that is so wide. */
export function progressLines(view: ProgressView, columns: number): readonly string[] {
  const { summary, source, progress } = view
  const { slices, counts, failures } = summary
  const part = partDone(summary)
  const eta = etaOf(view)
  const percent = `${part === 1 ? 100 : Math.floor(part * 100)} %`
  const known = summary.planned > 0 ? ` of ${shortCount(summary.planned)}` : ''
  const rate = `${grouped(progress.perSecond)}/s`
  const figures = `${percent}  ${shortCount(counts.read)}${known}  ${rate}${eta === undefined ? '' : `  ETA ${durationText(eta)}`}`
  const width = Math.min(30, columns - source.length - figures.length - 5)
  const failed = slices.failed === 0 ? '' : ` · ${grouped(slices.failed)} failed (${reasonsText(failures, 3)})`
  const lost = (
    [
      ['rejected', sumReasons(counts.rejected)],
      ['dead', sumReasons(counts.dead)],
      ['skipped', sumReasons(counts.skipped)],
      ['resent', counts.resent],
    ] as const
  )
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `   ${word} ${grouped(count)}`)
  const why = paceText(view)
  const isPaused = progress.state !== 'running' || progress.pace.pausedUntilMs !== undefined
  const lines = [
    `${source} ${width >= 5 ? `${barText(part, width)} ` : ''}${figures}`,
    `  slices ${grouped(endedSlices(summary))} done · ${grouped(slices.running)} running · ${grouped(slices.pending)} waiting${failed}${lost.join('')}`,
    `  ${isPaused ? why : `rate ${rate}${why === '' ? ': nothing holds it back' : `: ${why}`}`}`,
  ]
  return lines.map((line) => plainWords(line).slice(0, Math.max(10, columns - 1)))
}

const quoted = (text: string): string => (/^[\w.:/%+-]+$/.test(text) ? text : JSON.stringify(text))

/** One line for a log: `source=jaeger-es done=52.1% read=301200000 …`. */
export function progressLine(view: ProgressView): string {
  const { summary, progress, source } = view
  const { counts, slices } = summary
  const eta = etaOf(view)
  const pairs: readonly (readonly [string, string | number])[] = [
    ['source', source],
    ['state', progress.state],
    ['done', `${(Math.floor(partDone(summary) * 1000) / 10).toFixed(1)}%`],
    ['read', counts.read],
    ['planned', summary.planned],
    ['acknowledged', counts.acked],
    ['skipped', sumReasons(counts.skipped)],
    ['rejected', sumReasons(counts.rejected)],
    ['dead', sumReasons(counts.dead)],
    ['resent', counts.resent],
    ['ambiguous', counts.ambiguous],
    ['rate', `${Math.round(progress.perSecond)}/s`],
    ...(eta === undefined ? [] : [['eta', `${Math.round(eta / 1000)}s`] as const]),
    ['slices_done', endedSlices(summary)],
    ['slices_running', slices.running],
    ['slices_waiting', slices.pending],
    ['slices_failed', slices.failed],
    ...(progress.frontierMs === undefined ? [] : [['frontier', new Date(progress.frontierMs).toISOString()] as const]),
    ['pace', paceText(view) || 'free'],
  ]
  return pairs.map(([key, one]) => `${key}=${quoted(plainWords(String(one)))}`).join(' ')
}

/** Lines that stand still at the bottom of a terminal. */
export interface Screen {
  draw(lines: readonly string[]): void
  /** Text above the lines. */
  say(text: string): void
  /** The lines stay as they are; what comes next is below. */
  end(): void
}

/** Each drawing is one write, and nothing is cleared before it is written anew, so that nothing flickers. @param write to the terminal */
export function createScreen(write: (text: string) => void): Screen {
  let drawn: readonly string[] = []
  const up = (): string => (drawn.length === 0 ? '\r' : `\r\u001b[${drawn.length}A`)
  const put = (lines: readonly string[]): string => {
    const gone = Math.max(0, drawn.length - lines.length)
    const rest = gone === 0 ? '' : `${'\u001b[K\n'.repeat(gone)}\u001b[${gone}A`
    return `${lines.map((line) => `${line}\u001b[K\n`).join('')}${rest}`
  }
  return {
    draw(lines) {
      if (lines.length === drawn.length && lines.every((line, at) => line === drawn[at])) return
      write(`${up()}${put(lines)}`)
      drawn = lines
    },
    say(text) {
      const above = text.replace(/\n$/, '').split('\n')
      write(`${up()}${above.map((line) => `${line}\u001b[K\n`).join('')}${put(drawn)}`)
    },
    end() {
      drawn = []
    },
  }
}
