import { describe, expect, it } from 'vitest'
import { noCounts } from '../../src/backfill/counts.ts'
import type { Summary } from '../../src/backfill/ledger.ts'
import { barText, createScreen, etaOf, type ProgressView, partDone, progressLine, progressLines } from '../../src/backfill/progress-view.ts'

const summary: Summary = {
  slices: { pending: 2778, running: 4, done: 2980, done_with_losses: 8, failed: 2, verified: 0, mismatch: 0 },
  planned: 577_120_404,
  counts: { ...noCounts, read: 301_200_000, acked: 301_199_000, skipped: { not_a_span: 1000 }, resent: 1204 },
  failures: { pit_lost: 1, vanished: 1 },
}
const view: ProgressView = {
  source: 'jaeger-es',
  summary,
  progress: {
    state: 'running',
    waitingUntilMs: undefined,
    perSecond: 46_811,
    pace: { itemsPerSecond: 46_811, reason: "at the destination's pace (429 twice in 5 min)", pausedUntilMs: undefined },
    parallelReason: '',
    frontierMs: Date.UTC(2026, 10, 14),
  },
}

describe('progressLines', () => {
  it('is a bar, the slices and the reason for the rate', () => {
    expect(progressLines(view, 120)).toEqual([
      'jaeger-es ▕███████████████▋              ▏ 52 %  301.2 M of 577.1 M  46,811/s  ETA 1 h 38 min',
      '  slices 2,988 done · 4 running · 2,778 waiting · 2 failed (pit_lost 1, vanished 1)   skipped 1,000   resent 1,204',
      "  rate 46,811/s: at the destination's pace (429 twice in 5 min)",
    ])
  })

  it('is never wider than the terminal, and does without the bar there', () => {
    for (const columns of [20, 40, 62, 80]) {
      for (const line of progressLines(view, columns)) expect(line.length).toBeLessThan(columns)
    }
    expect(progressLines(view, 62)[0]).not.toContain('█')
  })

  it('says until when it waits', () => {
    const waiting = { ...view, progress: { ...view.progress, state: 'waiting' as const, waitingUntilMs: Date.UTC(2026, 10, 22, 22) } }
    expect(progressLines(waiting, 100)[2]).toBe('  waiting until 2026-11-22 22:00:00 Z (--only)')
  })
})

describe('progressLine', () => {
  it('says that the order holds slices back, where some wait', () => {
    const held = { ...view, progress: { ...view.progress, parallelReason: 'order', pace: { ...view.progress.pace, reason: '' } } }
    expect(progressLine(held)).toContain('pace="fewer slices at a time: oldest first (--order)"')
    const last = { ...held, summary: { ...summary, slices: { ...summary.slices, pending: 0 } } }
    expect(progressLine(last)).toContain('pace=free')
  })

  it('is key=value, quoted where it must be', () => {
    expect(progressLine(view)).toBe(
      'source=jaeger-es state=running done=52.1% read=301200000 planned=577120404 acknowledged=301199000 skipped=1000 rejected=0 dead=0 ' +
        'resent=1204 ambiguous=0 rate=46811/s eta=5894s slices_done=2988 slices_running=4 slices_waiting=2778 slices_failed=2 ' +
        'frontier=2026-11-14T00:00:00.000Z pace="at the destination\'s pace (429 twice in 5 min)"',
    )
  })
})

describe('partDone and etaOf', () => {
  const slices = { ...summary.slices, pending: 1, running: 0, failed: 0, done: 1, done_with_losses: 0 }

  it('go by slices where items are not known beforehand', () => {
    const unknown = { ...summary, slices, planned: 0 }
    expect(partDone(unknown)).toBe(0.5)
    expect(etaOf({ ...view, summary: unknown })).toBeUndefined()
  })

  it('never say all of it before all slices are over', () => {
    expect(partDone({ ...summary, slices, planned: 10 })).toBe(0.999)
    expect(partDone({ ...summary, slices: { ...slices, pending: 0 } })).toBe(1)
  })
})

describe('barText', () => {
  it('is always as wide', () => {
    for (let part = 0; part <= 1; part += 0.01) expect(barText(part, 10)).toHaveLength(12)
    expect(barText(1, 4)).toBe('▕████▏')
    expect(barText(2, 4)).toBe('▕████▏')
  })
})

/** What stands on a terminal after these writes. */
function shown(writes: readonly string[]): readonly string[] {
  const lines: string[] = ['']
  let [row, column] = [0, 0]
  for (const [token] of writes.join('').matchAll(/\p{Cc}\[(?:\d*[AK])|[\s\S]/gu)) {
    if (token === '\r') column = 0
    else if (token === '\n') [row, column] = [row + 1, 0]
    else if (token === '\u001b[K') lines[row] = (lines[row] ?? '').slice(0, column)
    else if (token.startsWith('\u001b[')) row -= Number(/\d+/.exec(token)?.[0] ?? 1)
    else {
      lines[row] = `${(lines[row] ?? '').slice(0, column).padEnd(column)}${token}${(lines[row] ?? '').slice(column + 1)}`
      column++
    }
    lines[row] ??= ''
  }
  return lines
}

describe('createScreen', () => {
  it('draws over what it drew, in one write each, and says things above it', () => {
    const writes: string[] = []
    const screen = createScreen((text) => void writes.push(text))
    screen.draw(['first line', 'second'])
    screen.draw(['1st', 'second'])
    screen.draw(['1st', 'second'])
    screen.say('a word\n')
    screen.draw(['last'])
    expect(writes).toHaveLength(4)
    expect(shown(writes).map((line) => line.trimEnd())).toEqual(['a word', 'last', '', ''])
  })
})
