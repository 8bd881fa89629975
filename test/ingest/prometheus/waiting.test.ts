import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPeek } from '../../../src/ingest/prometheus/waiting.ts'
import type { Holding, Intake, Kept, Staging } from '../../../src/otlp/intake.ts'
import { createStaging } from '../../support/staging.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prometheus-waiting-'))
})
afterEach(() => rm(folder, { recursive: true }))

const stage = (): Staging => createStaging(async () => {})

const kept = (id: number): Kept => ({ id, data: new Uint8Array([id]) })

/** An intake that gives these pages of what was kept, and nothing then. */
const intakeWith = (...pages: (readonly Kept[])[]): Intake => {
  const holding: Holding = {
    put: async () => 7,
    release() {},
    recover: async () => pages.shift() ?? [],
  }
  return { put: async () => {}, stage, refusal: () => undefined, holding: () => holding }
}

const recoverAll = async ({ holding }: Intake, name = 'prometheus'): Promise<number[]> => {
  const own = holding?.(name)
  const ids: number[] = []
  for (let some = (await own?.recover()) ?? []; some.length > 0; some = (await own?.recover()) ?? []) ids.push(...some.map(({ id }) => id))
  return ids
}

describe('createPeek', () => {
  it('sees what an earlier run kept, and leaves all of it for whoever reads it', async () => {
    const peek = createPeek(intakeWith([kept(1), kept(2)], [kept(3)]), undefined)
    expect([await peek.waits(), await peek.waits()]).toEqual([true, true])
    expect(await recoverAll(peek.intake)).toEqual([1, 2, 3])
    expect(await peek.intake.holding?.('prometheus')?.put(undefined, new Uint8Array())).toBe(7)
  })

  it('reads nothing by itself, and nothing under other names', async () => {
    expect(await recoverAll(createPeek(intakeWith([kept(1)]), undefined).intake)).toEqual([1])
    const peek = createPeek(intakeWith([], [kept(1)]), undefined)
    expect(await peek.waits()).toBe(false)
    expect(await recoverAll(peek.intake, 'other')).toEqual([1])
  })

  it('sees a saved state', async () => {
    const none: Intake = { put: async () => {}, stage, refusal: () => undefined }
    expect(await createPeek(none, undefined).waits()).toBe(false)
    expect(await createPeek(none, join(folder, 'none')).waits()).toBe(false)
    expect(await createPeek(none, folder).waits()).toBe(false)
    await writeFile(join(folder, 'series'), 'x')
    expect(await createPeek(none, folder).waits()).toBe(true)
    expect(createPeek(none, folder).intake.holding?.('prometheus')).toBeUndefined()
  })
})
