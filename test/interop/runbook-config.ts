/** The configuration and the waivers of docs/cutover.md, for this machine and with minutes in the place of days. */

export interface RunbookPlaces {
  /** Ports of the bridge: for Zipkin's clients, and its admin port. */
  readonly port: number
  readonly admin: number
  /** URLs: the old side, where the new one takes OTLP, and where it is asked. */
  readonly old: string
  readonly new: string
  readonly newQuery: string
  /** Folder of the queue. */
  readonly queue: string
}

/** Windows in a row that the verdict asks for. */
export const windows = 2

const verdict = { windows, window: '1m', quiet: '20s', hold: '1s', history: '1m', silentAfter: '3m' }

/** The first block of the page that begins so. */
function blockOf(page: string, first: string): string {
  const blocks = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) => text)
  const found = blocks.find((text) => text.startsWith(first))
  if (found === undefined) throw new Error(`docs/cutover.md has no block ${first}`)
  return found
}

function replaced(text: string, words: Readonly<Record<string, string>>): string {
  let left = text
  for (const [theirs, ours] of Object.entries(words)) {
    if (!left.includes(theirs)) throw new Error(`the configuration of docs/cutover.md has no ${theirs}`)
    left = left.replaceAll(theirs, ours)
  }
  return left
}

/** Text of a `bridge.yaml`. Throws when the page no longer says what is replaced here. */
export function runbookConfig(page: string, places: RunbookPlaces): string {
  const config = replaced(blockOf(page, '# bridge.yaml'), {
    'host: 0.0.0.0, port: 9411': `host: 127.0.0.1, port: ${places.port}`,
    'http://otel-gateway:4318': places.new,
    '/var/lib/otlp-bridge/queue': places.queue,
    'http://zipkin-old:9411': places.old,
    'http://jaeger-query:16686': places.newQuery,
    'parity:\n': 'parity:\n  rate: 100\n',
    'admin:\n': `admin:\n  port: ${places.admin}\n`,
  })
  const keys = Object.entries(verdict).map(([key, value]) => `  ${key}: ${value}\n`)
  const waivers = replaced(blockOf(page, 'verdict:'), {
    'verdict:\n': `verdict:\n${keys.join('')}`,
    '2026-12-03': new Date(Date.now() + 86_400_000).toISOString().slice(0, 10),
  })
  return `${config}${waivers}`
}
