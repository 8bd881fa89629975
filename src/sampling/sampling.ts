/** Who is told what: strategies out of the file, or the old collector's, kept for a while. */

import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { SamplingConfig } from './config.ts'
import { openStrategiesFile } from './file.ts'
import { type SamplingStrategy, strategyFor } from './strategies.ts'
import { connectUpstream, type Upstream } from './upstream.ts'
import { strategyToJson, strategyToProto } from './wire.ts'

/** A strategy in every form a client may ask for. */
export interface SamplingAnswer {
  /** As `/sampling` gives it: enums as text. */
  readonly json: string
  /** As the old `/` gives it: enums as numbers. */
  readonly legacyJson: string
  /** A `jaeger.api_v2.SamplingStrategyResponse`. */
  readonly proto: Uint8Array
}

export interface Sampling {
  /** Rejects only with `upstream` and no file: when the collector fails and has never answered for this service. */
  lookup(service: string): Promise<SamplingAnswer>
  /** What is not well: a file that cannot be read again, an old collector that fails. */
  trouble(): readonly string[]
  stop(): void
}

export interface SamplingDeps {
  readonly log: Logger
  readonly metrics: Metrics
  /** Milliseconds of a clock that only goes forward. */
  readonly monotonicMs: () => number
}

/** Services whose answers of the old collector are kept, and of which the log says what they were told. */
const maxServices = 1000

/** Questions to the old collector at once: each is a connection, and anybody can ask for any service. */
const maxAsking = 256

/** Longer names are nobody's: they are answered, but not written down. */
const maxNamed = 256

interface Kept {
  readonly answer: SamplingAnswer
  readonly atMs: number
}

const answerOf = (strategy: SamplingStrategy): SamplingAnswer => ({
  json: strategyToJson(strategy),
  legacyJson: strategyToJson(strategy, true),
  proto: strategyToProto(strategy),
})

/** Opens the sources. Throws OB_CONFIG for a file that cannot be used. */
export async function createSampling(config: SamplingConfig, deps: SamplingDeps): Promise<Sampling> {
  const { log, metrics, monotonicMs } = deps
  const file = await openStrategiesFile(
    { file: config.file, defaultProbability: config.defaultProbability, reloadIntervalMs: config.reloadInterval },
    log,
  )
  const kept = new Map<string, Kept>()
  const asked = new Map<string, Promise<SamplingAnswer>>()
  const told = new Map<string, string>()
  const full = metrics.gauge('otlp_bridge_cache_full', { cache: 'sampling.services' })
  const answered = (source: string) => metrics.counter('otlp_bridge_sampling_answers_total', { source })
  let upstream: Promise<Upstream> | undefined
  let failure: string | undefined
  let stopped = false

  /** Whether strategies reach their services is the first question when sampling seems to be ignored. */
  const tell = (service: string, answer: SamplingAnswer, source: string): SamplingAnswer => {
    answered(source).value++
    if (told.get(service) === answer.json || service.length > maxNamed) return answer
    if (told.size >= maxServices && !told.has(service)) {
      full.value = 1
      return answer
    }
    told.set(service, answer.json)
    log.info({ service, source, strategy: answer.json }, 'a service got a sampling strategy')
    return answer
  }

  const fromFile = (service: string): SamplingAnswer => {
    const own = file.strategies.services.has(service)
    return tell(
      service,
      answerOf(strategyFor(file.strategies, service)),
      config.file === undefined ? 'default' : own ? 'file' : 'file_default',
    )
  }

  const keep = (service: string, answer: SamplingAnswer): void => {
    kept.delete(service)
    kept.set(service, { answer, atMs: monotonicMs() })
    if (kept.size <= maxServices) return
    full.value = 1
    const oldest = kept.keys().next()
    if (oldest.done !== true) kept.delete(oldest.value)
  }

  const askUpstream = async (url: string, service: string): Promise<SamplingAnswer> => {
    try {
      if (asked.size >= maxAsking) throw new Error(`${maxAsking} questions wait for an answer already`)
      upstream ??= connectUpstream(url, config.timeout)
      const answer = answerOf(await (await upstream).ask(service))
      failure = undefined
      if (!stopped && service.length <= maxNamed) keep(service, answer)
      return tell(service, answer, 'upstream')
    } catch (error) {
      const why = `cannot ask ${url} for sampling strategies: ${error instanceof Error ? error.message : String(error)}`
      if (failure === undefined) log.warn({ service }, why)
      failure = why
      const before = kept.get(service)
      if (before !== undefined) return tell(service, before.answer, 'upstream_stale')
      if (config.file !== undefined) return fromFile(service)
      answered('none').value++
      throw new Error(why, { cause: error })
    }
  }

  return {
    async lookup(service) {
      const url = config.upstream
      if (url === undefined) return fromFile(service)
      const before = kept.get(service)
      if (before !== undefined && monotonicMs() - before.atMs < config.cache) return tell(service, before.answer, 'upstream')
      // Many clients of one service ask at once; the collector is asked once.
      let asking = asked.get(service)
      if (asking === undefined) {
        asking = askUpstream(url, service).finally(() => asked.delete(service))
        asked.set(service, asking)
      }
      return asking
    },
    trouble: () => [file.trouble, failure].filter((one) => one !== undefined),
    stop() {
      stopped = true
      file.stop()
      upstream?.then(
        (one) => one.close(),
        () => {},
      )
    },
  }
}
