import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clientSendings } from './client-sendings.ts'
import { cornerSendings } from './corner-sendings.ts'
import { zipkinCornerSendings } from './corner-sendings-zipkin.ts'
import { createJudge, type Origin } from './differences.ts'
import { jaegerDifferences } from './differences-jaeger.ts'
import { zipkinDifferences } from './differences-zipkin.ts'
import { type Compared, type Paths, startPaths } from './paths.ts'
import { emitterNeeds, type Language, present } from './peers.ts'
import { shippedSending, shippedSendings } from './shipped-sendings.ts'
import { vectorSendings } from './vector-sendings.ts'

const languages: readonly Language[] = ['java', 'go', 'python', 'node']
const judge = createJudge([...jaegerDifferences, ...zipkinDifferences])
const vectors = [...vectorSendings('jaeger'), ...vectorSendings('zipkin')]
const corners = [...cornerSendings, ...zipkinCornerSendings]
const counts = { cases: 0, spans: 0, differences: 0 }

/** Lines about what no row explains; counts the rest. */
const unexplained = (what: string, origin: (traceId: string) => Origin, compared: readonly Compared[]): string[] =>
  compared.flatMap(({ protocol, direct, through, found }) => {
    counts.cases++
    counts.spans += Math.max(direct.length, through.length)
    counts.differences += found.length
    return found.flatMap((one) => {
      const traceId = one.directSpan.get('traceId') ?? one.bridgedSpan.get('traceId') ?? ''
      return judge.unexplained(what, origin(traceId), [one]).map((line) => `over ${protocol}: ${line}`)
    })
  })

describe.skipIf(!present('jaeger-v2'))('Jaeger v2 fed directly, and through the bridge over HTTP and over gRPC', () => {
  let paths: Paths
  beforeAll(async () => {
    paths = await startPaths()
  })
  afterAll(async () => {
    const { cases, spans, differences } = counts
    console.log(`${cases} comparisons of ${spans} spans, ${differences} differences\n${judge.report()}`)
    await paths?.stop()
  })

  describe.each(clientSendings)('given $title', ({ title, language, origin, send }) => {
    it.skipIf(!present(...emitterNeeds(language)))('has the same spans, but for what the mapping says', async () => {
      const compared = await paths.compare(() => send(paths.receivers))
      expect(unexplained(title, () => origin, compared)).toEqual([])
      for (const { through } of compared) expect(through.length).toBeGreaterThan(0)
    })
  })

  describe.each(shippedSendings)('given $title', (run) => {
    it.skipIf(!present(run.language))('has the same spans, but for what the mapping says', async () => {
      const origins = new Map<string, Origin>()
      const compared = await paths.compare(() => shippedSending(run, paths.receivers, origins))
      expect(unexplained(run.title, (traceId) => origins.get(traceId) ?? 'zipkin-v2', compared)).toEqual([])
      for (const { direct, through } of compared) expect([direct.length, through.length]).toEqual([2, 2])
    })
  })

  it.each([...vectors, ...corners])('has the same spans, but for what the mapping says, given $name', async ({ name, origin, send }) => {
    const compared = await paths.compare(() => send(paths.receivers))
    expect(unexplained(name, () => origin, compared)).toEqual([])
  })

  it.skipIf(vectors.length === 0 || !present(...languages.flatMap(emitterNeeds)))(
    'differs in each way that the table lists, so that no row outlives its cause',
    () => {
      expect(judge.unused()).toEqual([])
    },
  )
})
