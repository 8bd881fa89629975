import { writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { randomFrom, runSeed } from '../crash/support/random.ts'
import { shipperTable } from './shipper-report.ts'
import { type Outcome, shipperRound } from './shipper-rounds.ts'
import { type Shipper, shippers } from './shippers.ts'

const lines = Number(process.env['OTLP_BRIDGE_SHIPPER_LINES'] ?? 4000)
const fullMs = Number(process.env['OTLP_BRIDGE_SHIPPER_FULL_SECONDS'] ?? 10) * 1000
const perSecond = Number(process.env['OTLP_BRIDGE_SHIPPER_RATE'] ?? Math.max(100, lines / 20))
/** How many at once: what a machine can bear. */
const together = Number(process.env['OTLP_BRIDGE_SHIPPER_TOGETHER'] ?? 6)
/** Only those whose name this is in. */
const only = process.env['OTLP_BRIDGE_SHIPPERS']?.split(',')
const report = process.env['OTLP_BRIDGE_SHIPPER_REPORT']

const present = shippers.filter((shipper) => {
  if (only !== undefined && !only.includes(shipper.name)) return false
  if (!shipper.installed()) console.warn(`SKIPPED: ${shipper.name} is not installed; run ${shipper.remedy}`)
  return shipper.installed()
})
const groups: Shipper[][] = []
for (const [index, shipper] of present.entries()) {
  if (index % together === 0) groups.push([])
  groups.at(-1)?.push(shipper)
}

describe('shippers', () => {
  const outcomes: Outcome[] = []

  it.each(groups.map((group) => [group.map(({ name }) => name).join(', '), group] as const))(
    'lose nothing that they keep themselves: %s',
    async (_, group) => {
      const seed = runSeed()
      const told: string[] = [`seed ${seed}`]
      const plan = { lines, perSecond, fullMs, random: randomFrom(seed), tell: (what: string) => told.push(what) }
      const round = await shipperRound(group, plan).finally(() => console.log(told.join('\n')))
      outcomes.push(...round.outcomes)
      console.log(shipperTable(round.outcomes))
      if (report !== undefined) await writeFile(report, shipperTable(outcomes))
      expect(Object.fromEntries(round.faults)).toEqual({})
      expect(round.outcomes.filter(({ fault }) => fault !== undefined).map(({ fault }) => fault)).toEqual([])
      expect(round.kills).toBe(2)
      expect(round.fullShare).toBeGreaterThan(0.8)
      // What a program was told to be stored is at the endpoint.
      const taken = round.outcomes.filter(({ shipper, said }) => said !== undefined && shipper.silent !== true)
      expect(
        taken.filter(({ missing, said }) => missing > (said?.lost ?? 0)).map(({ shipper: { name }, first }) => ({ name, first })),
      ).toEqual([])
      const unexpected = round.outcomes.filter(({ shipper, missing }) => shipper.keeps && missing > 0)
      expect(unexpected.map(({ shipper: { name }, missing, first }) => ({ name, missing, first }))).toEqual([])
    },
    1_800_000,
  )
})
