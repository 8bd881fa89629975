/**
 * The real programs around the bridge: where they are, whether they are installed, how they are started.
 *
 * `OTLP_BRIDGE_PEERS` is the folder of their start scripts (default `../shared/peers` beside the repository), `PEERS_CACHE` where those keep
 * what they fetched (default `~/.cache/otlp-bridge-peers`). Nothing is installed from here: what is absent is skipped, with the command
 * that would bring it.
 */

import { execFile, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { freePorts, freeTcpPort, freeUdpPort } from './ports.ts'

const run = promisify(execFile)

/** The repository's root. */
export const root = resolve(import.meta.dirname, '../..')

const scripts = resolve(root, process.env['OTLP_BRIDGE_PEERS'] ?? '../shared/peers')
/** Where everything is that was fetched or built. */
export const cache = process.env['PEERS_CACHE'] ?? join(homedir(), '.cache/otlp-bridge-peers')

/** Where programs are that were built from source. */
export const binaries = join(cache, 'bin')

/** Where a Debian package of this name is unpacked. */
export const unpacked = (name: string): string => join(cache, 'deb', name)

const cached = (folder: string, name: RegExp): boolean =>
  existsSync(join(cache, folder)) && readdirSync(join(cache, folder)).some((entry) => name.test(entry))

/** What a test may need. */
export type Need = 'zipkin' | 'jaeger-v1' | 'jaeger-v2' | 'prometheus-2' | 'prometheus-3' | 'go-emitter' | Language

export type Language = 'python' | 'node' | 'go' | 'java'

const clientHome = (language: Language): string => join(cache, 'clients', language)

const installed: Record<Need, () => boolean> = {
  zipkin: () => cached('zipkin', /^zipkin-server-.*-exec\.jar$/),
  'jaeger-v1': () => cached('bin', /^jaeger-all-in-one-v/),
  'jaeger-v2': () => cached('bin', /^jaeger-v/),
  'prometheus-2': () => existsSync(join(unpacked('prometheus'), 'usr/bin/prometheus')),
  'prometheus-3': () => cached('bin', /^prometheus-v/),
  'go-emitter': () => existsSync(join(clientHome('go'), 'emitter')),
  python: () => existsSync(join(clientHome('python'), 'bin/python')),
  node: () => existsSync(join(clientHome('node'), 'node_modules/jaeger-client')),
  go: () => existsSync(join(clientHome('go'), 'emit')),
  java: () => existsSync(join(clientHome('java'), 'lib')),
}

const remedy = (need: Need): string => {
  if (need === 'prometheus-2' || need === 'prometheus-3') return `PROM_MAJOR=${need.slice(-1)} ${join(scripts, 'prometheus.sh')} install`
  return need === 'zipkin' || need === 'jaeger-v1' || need === 'jaeger-v2'
    ? `${join(scripts, `${need}.sh`)} install`
    : 'test/interop/install-clients.sh'
}

/** True when all of `needs` are installed; else says on the console what is missing and what would bring it. */
export function present(...needs: readonly Need[]): boolean {
  if (!existsSync(scripts)) {
    console.warn(`SKIPPED: no peers at ${scripts}; set OTLP_BRIDGE_PEERS`)
    return false
  }
  const missing = needs.filter((need) => !installed[need]())
  for (const need of missing) console.warn(`SKIPPED: ${need} is not installed; run ${remedy(need)}`)
  return missing.length === 0
}

/** A started peer. */
export interface Peer<Ports> {
  readonly ports: Ports
  stop(): Promise<void>
}

/**
 * Runs a start script of the peers with these variables. Each start has a folder of its own for pids and logs, so that instances never meet
 * those of somebody else.
 */
export async function startScript<Ports>(name: string, environment: Record<string, string>, ports: Ports): Promise<Peer<Ports>> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-interop-'))
  const env = { ...process.env, ...environment, NAME: `interop-${name}`, PEERS_RUN: folder, PEERS_CACHE: cache }
  const script = join(scripts, `${name}.sh`)
  const stop = async (): Promise<void> => {
    await run('bash', [script, 'stop'], { env })
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await run('bash', [script, 'start'], { env })
  } catch (error) {
    await stop()
    throw new Error(`cannot start ${name}: see the cause`, { cause: error })
  }
  return { ports, stop }
}

/** Starts once more when it fails: some peers take ports that nobody could see to be free, and somebody else may have been quicker. */
export const twice = <T>(start: () => Promise<T>): Promise<T> => start().catch(start)

/** The OpenZipkin server, in memory, on a free port. It speaks gRPC there too. */
export async function startZipkin(): Promise<Peer<{ readonly http: number }>> {
  const ports = { http: await freeTcpPort() }
  return startScript('zipkin', { ZIPKIN_PORT: String(ports.http), COLLECTOR_GRPC_ENABLED: 'true' }, ports)
}

/** Ports of a Jaeger v2 that tests use. */
export interface JaegerPorts {
  readonly query: number
  readonly thriftHttp: number
  readonly grpc: number
  readonly compact: number
  readonly binary: number
  readonly zipkin: number
  readonly otlpHttp: number
  readonly otlpGrpc: number
}

/** Jaeger v2 in memory, all of its receivers on free ports. */
export const startJaeger = (): Promise<Peer<JaegerPorts>> => twice(startJaegerOnce)

async function startJaegerOnce(): Promise<Peer<JaegerPorts>> {
  // The query API takes the port below its own as well; freePorts keeps neighbours apart, not the rest of the machine.
  const tcp = await freePorts(['query', 'thriftHttp', 'grpc', 'zipkin', 'otlpGrpc', 'otlpHttp', 'admin'], freeTcpPort)
  const udp = await freePorts(['compact', 'binary'], freeUdpPort)
  const environment = {
    JAEGER_QUERY_PORT: String(tcp.query),
    JAEGER_HTTP_PORT: String(tcp.thriftHttp),
    JAEGER_GRPC_PORT: String(tcp.grpc),
    JAEGER_ZIPKIN_PORT: String(tcp.zipkin),
    JAEGER_OTLP_GRPC_PORT: String(tcp.otlpGrpc),
    JAEGER_OTLP_HTTP_PORT: String(tcp.otlpHttp),
    JAEGER_ADMIN_PORT: String(tcp.admin),
    JAEGER_COMPACT_PORT: String(udp.compact),
    JAEGER_BINARY_PORT: String(udp.binary),
  }
  return startScript('jaeger-v2', environment, { ...tcp, ...udp })
}

/** Where a client is told to send. With `agent` (host:port) its Jaeger half speaks UDP, else thrift over HTTP. */
export interface Target {
  readonly zipkinUrl: string
  readonly jaegerUrl: string
  readonly agent?: string
}

const commands: Record<Language, () => readonly [string, ...string[]]> = {
  python: () => [join(clientHome('python'), 'bin/python'), join(scripts, 'clients/python/emit.py')],
  node: () => [process.execPath, join(scripts, 'clients/node/emit.js')],
  go: () => [join(clientHome('go'), 'emit')],
  java: () => ['java', '-XX:TieredStopAtLevel=1', '-cp', join(clientHome('java'), 'lib/*'), join(scripts, 'clients/java/Emit.java')],
}

/** Runs a client's program to its end with this environment besides our own, and gives all that it wrote. Throws when the program fails. */
async function runProgram(language: Language, program: readonly [string, ...string[]], settings: Record<string, string>): Promise<string> {
  const [command, ...args] = program
  const env: Record<string, string | undefined> = { ...process.env, NODE_PATH: join(clientHome('node'), 'node_modules') }
  delete env['AGENT']
  const child = spawn(command, args, { env: { ...env, ...settings }, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => output.push(text))
  const code = await new Promise<number | null>((settle, fail) => {
    child.once('error', fail)
    child.once('close', settle)
  })
  if (code !== 0) throw new Error(`cannot run the ${language} client: exit code ${code}\n${output.join('')}`)
  return output.join('')
}

/**
 * Runs one language's program of the peers: it sends one Zipkin span (`<prefix>-zipkin`, v2 JSON) and one Jaeger span (`<prefix>-jaeger`), each
 * named `checkout`. Throws when the program fails; its transport errors are its own affair and show as missing spans.
 */
export async function runClient(language: Language, target: Target): Promise<void> {
  const agent = target.agent === undefined ? {} : { AGENT: target.agent }
  await runProgram(language, commands[language](), { ZIPKIN_URL: target.zipkinUrl, JAEGER_URL: target.jaegerUrl, ...agent })
}

const own = join(import.meta.dirname, 'emitters')

const emitters: Record<Language, () => readonly [string, ...string[]]> = {
  python: () => [join(clientHome('python'), 'bin/python'), join(own, 'python/emit.py')],
  node: () => [process.execPath, join(own, 'node/emit.cjs')],
  go: () => [join(clientHome('go'), 'emitter')],
  java: () => ['java', '-XX:TieredStopAtLevel=1', '-cp', join(clientHome('java'), 'lib/*'), join(own, 'java/Emit.java')],
}

/** What {@link present} must find for {@link runEmitter}. */
export const emitterNeeds = (language: Language): readonly Need[] => (language === 'go' ? ['go', 'go-emitter'] : [language])

/** Runs this folder's own program around the same client libraries, as `emitters/README.md` says, and gives its output. */
export function runEmitter(language: Language, settings: Record<string, string>): Promise<string> {
  return runProgram(language, emitters[language](), settings)
}
