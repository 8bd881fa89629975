/**
 * The standard environment variables of an OTLP exporter.
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */

/** What the environment says of `emit`; only keys that were set are present. */
export interface EmitFromEnv {
  endpoint?: string
  tracesEndpoint?: string
  protocol?: 'http/protobuf' | 'http/json' | 'grpc'
  insecure?: boolean
  compression?: 'none' | 'gzip' | 'zstd'
  headers?: Record<string, string>
  timeout?: number
  tls?: { ca?: string; cert?: string; key?: string }
}

export interface EnvFault {
  /** Name of the variable. */
  readonly name: string
  readonly message: string
}

export interface EnvResult {
  readonly config: EmitFromEnv
  readonly faults: readonly EnvFault[]
}

type Env = Readonly<Record<string, string | undefined>>

const decodeOr = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    // A lone % is the sender's fault, told by the caller.
    return undefined
  }
}

/** `key1=value1,key2=value2`, values percent-encoded, as W3C Baggage without properties. Undefined when it is not that. */
export function parseHeaders(text: string): Record<string, string> | undefined {
  const headers: Record<string, string> = {}
  for (const pair of text.split(',')) {
    if (pair.trim() === '') continue
    const at = pair.indexOf('=')
    const key = at > 0 ? decodeOr(pair.slice(0, at).trim()) : undefined
    const value = at > 0 ? decodeOr(pair.slice(at + 1).trim()) : undefined
    if (key === undefined || value === undefined || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(key)) return undefined
    headers[key.toLowerCase()] = value
  }
  return headers
}

const isUrl = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)

/** What gRPC takes besides: without a scheme. */
const isHostAndPort = (text: string): boolean => /^(\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+):\d{1,5}$/.test(text) && URL.canParse(`http://${text}`)

/**
 * Reads `OTEL_EXPORTER_OTLP_{ENDPOINT,INSECURE,HEADERS,COMPRESSION,TIMEOUT,PROTOCOL,CERTIFICATE,CLIENT_CERTIFICATE,CLIENT_KEY}` and
 * their `_TRACES_` variants, which win. The files named are not looked at.
 * Empty counts as not set. A value that cannot be used is a fault and left out; all faults come at once.
 */
export function emitFromEnv(env: Env): EnvResult {
  const config: EmitFromEnv = {}
  const faults: EnvFault[] = []
  const get = (name: string): string | undefined => {
    const value = env[name]?.trim()
    return value === '' ? undefined : value
  }
  const read = (what: string, use: (value: string) => string | undefined): void => {
    const specific = `OTEL_EXPORTER_OTLP_TRACES_${what}`
    const name = get(specific) === undefined ? `OTEL_EXPORTER_OTLP_${what}` : specific
    const value = get(name)
    const message = value === undefined ? undefined : use(value)
    if (message !== undefined) faults.push({ name, message })
  }

  read('PROTOCOL', (value) => {
    if (value !== 'http/protobuf' && value !== 'http/json' && value !== 'grpc') return 'expected http/protobuf, http/json or grpc'
    config.protocol = value
    return undefined
  })
  for (const [name, key] of [
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'endpoint'],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'tracesEndpoint'],
  ] as const) {
    const value = get(name)
    if (value === undefined) continue
    // Where the protocol is not said here, the file may say it: what does not go together is a fault there.
    const bare = config.protocol === undefined || config.protocol === 'grpc'
    if (isUrl(value) || (bare && isHostAndPort(value))) config[key] = value
    else faults.push({ name, message: `expected an http:// or https:// URL${bare ? ', or host:port for grpc' : ''}` })
  }
  read('INSECURE', (value) => {
    // As the specification has it for every boolean: what is not true is false; but what is neither is most likely a mistake.
    if (!/^(true|false)$/i.test(value)) return 'expected true or false'
    config.insecure = value.toLowerCase() === 'true'
    return undefined
  })
  read('COMPRESSION', (value) => {
    if (value !== 'gzip' && value !== 'zstd' && value !== 'none') return 'expected gzip, zstd or none'
    config.compression = value
    return undefined
  })
  read('TIMEOUT', (value) => {
    if (!/^\d+$/.test(value)) return 'expected a number of milliseconds'
    config.timeout = Number(value)
    return undefined
  })
  for (const [what, key] of [
    ['CERTIFICATE', 'ca'],
    ['CLIENT_CERTIFICATE', 'cert'],
    ['CLIENT_KEY', 'key'],
  ] as const) {
    read(what, (value) => {
      config.tls = { ...config.tls, [key]: value }
      return undefined
    })
  }
  // Headers are merged: the signal's own win, the general ones stay, as the specification's "signal-specific wins" reads for one key.
  for (const name of ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS']) {
    const value = get(name)
    if (value === undefined) continue
    const headers = parseHeaders(value)
    // The value may hold a secret: it is not repeated.
    if (headers === undefined) faults.push({ name, message: 'expected key1=value1,key2=value2 with percent-encoded values' })
    else config.headers = { ...config.headers, ...headers }
  }
  return { config, faults }
}
