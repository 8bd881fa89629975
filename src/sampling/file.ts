/** The strategies file: read at the start, and again when it changed. Rules J-M6 and J-M14. */

import { readFile } from 'node:fs/promises'
import { BridgeError } from '../errors.ts'
import type { Logger } from '../telemetry/log.ts'
import { bodyText } from './body.ts'
import { defaultStrategies, readStrategies, type Strategies } from './strategies.ts'

export interface StrategiesFileOptions {
  /** Path or http(s) URL; undefined: the default for everybody. */
  readonly file: string | undefined
  readonly defaultProbability: number
  readonly reloadIntervalMs: number
}

export interface StrategiesFile {
  readonly strategies: Strategies
  /** Why the file could not be read the last time; the strategies are those from before. */
  readonly trouble: string | undefined
  /** Looks now. Never rejects. */
  reload(): Promise<void>
  stop(): void
}

const downloadTimeoutMs = 1000
const maxFileBytes = 16 * 2 ** 20

async function download(url: string): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(downloadTimeoutMs) })
  // Jaeger's own rule: a server that is not ready yet means "the defaults".
  if (answer.status === 503) return 'null'
  if (answer.status !== 200) throw new Error(`the server answered HTTP ${answer.status}`)
  return bodyText(answer, maxFileBytes)
}

const because = (cause: unknown): string =>
  cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : String(cause)

async function textOf(file: string): Promise<string> {
  try {
    return /^https?:\/\//i.test(file) ? await download(file) : await readFile(file, 'utf8')
  } catch (cause) {
    throw new BridgeError('OB_CONFIG', `cannot read the sampling strategies of ${file}: ${because(cause)}`, {
      place: 'sampling.file',
      cause,
    })
  }
}

const parse = (file: string, text: string, defaultProbability: number) => {
  let json: unknown
  let fault: string | undefined
  try {
    json = JSON.parse(text)
  } catch (cause) {
    fault = `not JSON: ${because(cause)}`
  }
  const read = fault === undefined ? readStrategies(json, defaultProbability) : { fault }
  if (read.fault !== undefined) {
    throw new BridgeError('OB_CONFIG', `cannot use the sampling strategies of ${file}: ${read.fault}`, { place: 'sampling.file' })
  }
  return read
}

/** Reads the file and keeps an eye on it. Throws OB_CONFIG when it cannot be read or understood at the start. */
export async function openStrategiesFile(options: StrategiesFileOptions, log: Logger): Promise<StrategiesFile> {
  const { file, defaultProbability } = options
  let strategies = defaultStrategies(defaultProbability)
  let trouble: string | undefined
  let text = ''
  let timer: NodeJS.Timeout | undefined
  if (file === undefined) return { strategies, trouble, reload: async () => {}, stop() {} }

  const take = (found: string): void => {
    const read = parse(file, found, defaultProbability)
    text = found
    strategies = read.strategies
    for (const warning of read.warnings) log.warn({ file }, `sampling strategies: ${warning}`)
    log.info({ file, services: strategies.services.size }, 'sampling strategies read')
  }
  take(await textOf(file))

  const reload = async (): Promise<void> => {
    try {
      const found = await textOf(file)
      if (found !== text) take(found)
      trouble = undefined
    } catch (error) {
      const now = error instanceof Error ? error.message : String(error)
      if (now !== trouble) log.error({ file }, `${now}; the strategies from before stay`)
      trouble = now
    }
  }
  const later = (): void => {
    timer = setTimeout(() => void reload().then(() => timer !== undefined && later()), options.reloadIntervalMs)
    timer.unref()
  }
  if (options.reloadIntervalMs > 0) later()
  return {
    get strategies() {
      return strategies
    },
    get trouble() {
      return trouble
    },
    reload,
    stop() {
      clearTimeout(timer)
      timer = undefined
    },
  }
}
