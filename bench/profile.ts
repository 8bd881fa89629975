/** Where a case spends its time: a CPU profile for the browser's developer tools, and the functions with the most time of their own. */

import { writeFileSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector/promises'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BenchCase } from './cases.ts'

export interface SelfTime {
  readonly name: string
  /** `src/otlp/encode/traces.ts:93`; empty for what the engine does itself. */
  readonly place: string
  readonly ms: number
  /** Of the whole profile, 0 to 1. */
  readonly share: number
}

const samplingMicros = 200
const root = fileURLToPath(new URL('..', import.meta.url))

const placeOf = ({ url, lineNumber }: Profiler.ProfileNode['callFrame']): string => {
  if (url === '') return ''
  return `${url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url}:${lineNumber + 1}`
}

/** Time of its own by function, most first. Each sample stands for the time until the next one. */
export function selfTimes(profile: Profiler.Profile): SelfTime[] {
  const { nodes, samples = [], timeDeltas = [] } = profile
  const frames = new Map(nodes.map((node) => [node.id, node.callFrame]))
  const found = new Map<string, { name: string; place: string; micros: number }>()
  let all = 0
  samples.forEach((id, at) => {
    const frame = frames.get(id)
    const micros = timeDeltas[at + 1] ?? 0
    if (frame === undefined || micros <= 0) return
    const [name, place] = [frame.functionName || '(anonymous)', placeOf(frame)]
    const key = `${name} ${place}`
    const one = found.get(key) ?? { name, place, micros: 0 }
    one.micros += micros
    found.set(key, one)
    all += micros
  })
  return [...found.values()]
    .sort((left, right) => right.micros - left.micros)
    .map(({ name, place, micros }) => ({ name, place, ms: micros / 1000, share: micros / all }))
}

/** Runs a case for a third of the time unwatched, then under the profiler, and writes the profile to `file`. */
export async function profileCase(one: BenchCase, seconds: number, file: string): Promise<SelfTime[]> {
  const run = (ms: number): void => {
    for (const end = performance.now() + ms; performance.now() < end; ) one.run()
  }
  run((seconds * 1000) / 3)
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: samplingMicros })
  await session.post('Profiler.start')
  run(seconds * 1000)
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  writeFileSync(file, JSON.stringify(profile))
  return selfTimes(profile)
}
