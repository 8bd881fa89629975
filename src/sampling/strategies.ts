/** Jaeger's sampling strategies: the model, and the strategies file with Jaeger's own merging rules. Rules J-M6 to J-M14 of the mapping. */

/** What a client is told. As `jaeger.api_v2.SamplingStrategyResponse`; an absent branch is not set on the wire. */
export interface SamplingStrategy {
  readonly strategyType: StrategyType
  readonly probabilisticSampling?: Probabilistic
  readonly rateLimitingSampling?: { readonly maxTracesPerSecond: number }
  readonly operationSampling?: OperationSampling
}

export type StrategyType = 'PROBABILISTIC' | 'RATE_LIMITING'

/** 0 ≤ samplingRate ≤ 1, but what a file says is handed on as it is: the client judges. */
export interface Probabilistic {
  readonly samplingRate: number
}

export interface OperationSampling {
  readonly defaultSamplingProbability: number
  readonly defaultLowerBoundTracesPerSecond: number
  readonly perOperationStrategies: readonly OperationStrategy[]
  readonly defaultUpperBoundTracesPerSecond: number
}

export interface OperationStrategy {
  readonly operation: string
  readonly probabilisticSampling: Probabilistic
}

/** A strategies file, merged. */
export interface Strategies {
  readonly fallback: SamplingStrategy
  readonly services: ReadonlyMap<string, SamplingStrategy>
}

/** What was read: `fault` when the file as a whole is not a strategies file, else the strategies and what was odd in it. */
export type StrategiesRead =
  | { readonly strategies: Strategies; readonly warnings: readonly string[]; readonly fault?: undefined }
  | { readonly strategies?: undefined; readonly warnings?: undefined; readonly fault: string }

const probabilistic = (samplingRate: number): SamplingStrategy => ({
  strategyType: 'PROBABILISTIC',
  probabilisticSampling: { samplingRate },
})

/** No file: everybody gets the default probability. */
export function defaultStrategies(defaultProbability: number): Strategies {
  return { fallback: probabilistic(defaultProbability), services: new Map() }
}

type Section = Readonly<Record<string, unknown>>

class WrongShape extends Error {}

const kindOf = (value: unknown): string => (Array.isArray(value) ? 'a list' : value === null ? 'null' : `a ${typeof value}`)

const isSection = (value: unknown): value is Section => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Keys are found whatever their case, as Go's JSON decoder finds them; the last of several wins. */
function read(section: Section, place: string, known: readonly string[], warn: (text: string) => void): Map<string, unknown> {
  const values = new Map<string, unknown>()
  for (const [key, value] of Object.entries(section)) {
    const name = known.find((one) => one === key.toLowerCase())
    if (name === undefined) warn(`${place}: unknown key \`${key}\` is ignored`)
    else if (value !== null) values.set(name, value)
  }
  return values
}

function sectionAt(value: unknown, place: string): Section {
  if (isSection(value)) return value
  throw new WrongShape(`${place} is ${kindOf(value)}, not an object`)
}

function listAt(value: unknown, place: string): readonly unknown[] {
  if (value === undefined) return []
  if (Array.isArray(value)) return value
  throw new WrongShape(`${place} is ${kindOf(value)}, not a list`)
}

function textAt(value: unknown, place: string): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return value
  throw new WrongShape(`${place} is ${kindOf(value)}, not a string`)
}

function numberAt(value: unknown, place: string): number {
  if (value === undefined) return 0
  if (typeof value === 'number') return value
  throw new WrongShape(`${place} is ${kindOf(value)}, not a number`)
}

const maxInt32 = 2 ** 31 - 1

/** Reads and merges a parsed strategies file; `null` is a file without strategies. Never throws. @param defaultProbability used where the file gives none */
export function readStrategies(json: unknown, defaultProbability: number): StrategiesRead {
  const warnings: string[] = []
  const warn = (text: string): void => void warnings.push(text)

  const plain = (values: ReadonlyMap<string, unknown>, place: string): SamplingStrategy => {
    const type = textAt(values.get('type'), `${place}.type`)
    const param = numberAt(values.get('param'), `${place}.param`)
    if (type === 'probabilistic') {
      if (param < 0 || param > 1) warn(`${place}.param: ${param} is not a probability between 0 and 1; clients may refuse it`)
      return probabilistic(param)
    }
    if (type === 'ratelimiting') {
      const whole = Math.trunc(param)
      if (whole !== param) warn(`${place}.param: the rate ${param} is cut to ${whole}: clients take whole traces a second only`)
      return { strategyType: 'RATE_LIMITING', rateLimitingSampling: { maxTracesPerSecond: Math.max(-maxInt32, Math.min(maxInt32, whole)) } }
    }
    warn(`${place}.type: ${type === '' ? 'no type' : `unknown type \`${type}\``}, probabilistic ${defaultProbability} is used`)
    return probabilistic(defaultProbability)
  }

  const operationsOf = (list: readonly unknown[], place: string): OperationStrategy[] => {
    const operations: OperationStrategy[] = []
    list.forEach((one, at) => {
      const here = `${place}.operation_strategies[${at}]`
      const values = read(sectionAt(one, here), here, ['operation', 'type', 'param'], warn)
      const operation = textAt(values.get('operation'), `${here}.operation`)
      const { probabilisticSampling } = plain(values, here)
      if (probabilisticSampling === undefined) warn(`${here}: operations know probabilistic sampling only; \`${operation}\` is left out`)
      else operations.push({ operation, probabilisticSampling })
    })
    return operations
  }

  const strategyOf = (value: unknown, place: string): { service: string; strategy: SamplingStrategy } => {
    const values = read(sectionAt(value, place), place, ['service', 'type', 'param', 'operation_strategies'], warn)
    const service = textAt(values.get('service'), `${place}.service`)
    const strategy = plain(values, place)
    const list = listAt(values.get('operation_strategies'), `${place}.operation_strategies`)
    if (list.length === 0) return { service, strategy }
    const operationSampling = {
      defaultSamplingProbability: strategy.probabilisticSampling?.samplingRate ?? defaultProbability,
      defaultLowerBoundTracesPerSecond: 0,
      perOperationStrategies: operationsOf(list, place),
      defaultUpperBoundTracesPerSecond: 0,
    }
    return { service, strategy: { ...strategy, operationSampling } }
  }

  try {
    if (json === null) return { strategies: defaultStrategies(defaultProbability), warnings }
    const root = read(sectionAt(json, 'the file'), 'the file', ['default_strategy', 'service_strategies'], warn)
    const given = root.get('default_strategy')
    const fallback = given === undefined ? probabilistic(defaultProbability) : strategyOf(given, 'default_strategy').strategy
    const services = new Map<string, SamplingStrategy>()
    listAt(root.get('service_strategies'), 'service_strategies').forEach((one, at) => {
      const { service, strategy } = strategyOf(one, `service_strategies[${at}]`)
      if (services.has(service)) warn(`service_strategies[${at}]: \`${service}\` stands there already; this one is used`)
      services.set(service, withDefaultOperations(strategy, fallback.operationSampling))
    })
    return { strategies: { fallback, services }, warnings }
  } catch (error) {
    if (error instanceof WrongShape) return { fault: error.message }
    throw error
  }
}

/** What the default says of operations holds for every service; of one operation the service's own word counts, and stands first. */
function withDefaultOperations(strategy: SamplingStrategy, defaults: OperationSampling | undefined): SamplingStrategy {
  if (defaults === undefined) return strategy
  const own = strategy.operationSampling
  if (own === undefined) {
    const rate = strategy.probabilisticSampling?.samplingRate ?? defaults.defaultSamplingProbability
    return { ...strategy, operationSampling: { ...defaults, defaultSamplingProbability: rate } }
  }
  const named = new Set(own.perOperationStrategies.map((one) => one.operation))
  const others = defaults.perOperationStrategies.filter((one) => !named.has(one.operation))
  return { ...strategy, operationSampling: { ...own, perOperationStrategies: [...own.perOperationStrategies, ...others] } }
}

/** The strategy of a service: its own, else the default one. */
export function strategyFor(strategies: Strategies, service: string): SamplingStrategy {
  return strategies.services.get(service) ?? strategies.fallback
}
