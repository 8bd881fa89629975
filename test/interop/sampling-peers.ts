/** Jaeger v1 and v2 as servers of sampling strategies out of a file. */

import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { binaries, type Peer, startScript, twice } from './peers.ts'
import { freePorts, freeTcpPort } from './ports.ts'
import { until } from './wait.ts'

/** `url` is asked with `?service=` at its end. */
export interface SamplingServer {
  readonly url: string
  readonly grpc: number
}

/** Jaeger v1 all-in-one: its collector's `/api/sampling`, and gRPC on the same port as spans. */
export const startJaegerV1 = (strategies: string): Promise<Peer<SamplingServer>> => twice(() => startV1(strategies))

async function startV1(strategies: string): Promise<Peer<SamplingServer>> {
  const tcp = await freePorts(['query', 'http', 'grpc', 'zipkin', 'otlpGrpc', 'otlpHttp', 'admin'], freeTcpPort)
  const environment = {
    JAEGER_QUERY_PORT: String(tcp.query),
    JAEGER_HTTP_PORT: String(tcp.http),
    JAEGER_GRPC_PORT: String(tcp.grpc),
    JAEGER_ZIPKIN_PORT: String(tcp.zipkin),
    JAEGER_OTLP_GRPC_PORT: String(tcp.otlpGrpc),
    JAEGER_OTLP_HTTP_PORT: String(tcp.otlpHttp),
    JAEGER_ADMIN_PORT: String(tcp.admin),
    SAMPLING_STRATEGIES_FILE: strategies,
  }
  return startScript('jaeger-v1', environment, { url: `http://127.0.0.1:${tcp.http}/api/sampling`, grpc: tcp.grpc })
}

/** Jaeger v2 with nothing but its extension `remote_sampling` and the store that it asks for. Its start script does not know that one, so its program is run here. */
export async function startJaegerV2(strategies: string): Promise<Peer<SamplingServer>> {
  const tcp = await freePorts(['http', 'grpc', 'otlp', 'admin'], freeTcpPort)
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-interop-'))
  const config = {
    extensions: {
      healthcheckv2: { use_v2: true, http: { endpoint: `127.0.0.1:${tcp.admin}` } },
      jaeger_storage: { backends: { store: { memory: { max_traces: 10 } } } },
      remote_sampling: {
        file: { path: strategies, default_sampling_probability: 0.001 },
        http: { endpoint: `127.0.0.1:${tcp.http}` },
        grpc: { endpoint: `127.0.0.1:${tcp.grpc}` },
      },
    },
    receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${tcp.otlp}` } } } },
    exporters: { nop: {} },
    service: {
      extensions: ['healthcheckv2', 'jaeger_storage', 'remote_sampling'],
      telemetry: { metrics: { level: 'none' } },
      pipelines: { traces: { receivers: ['otlp'], exporters: ['nop'] } },
    },
  }
  const file = join(folder, 'config.json')
  await writeFile(file, JSON.stringify(config))
  const program = readdirSync(binaries).find((name) => name.startsWith('jaeger-v'))
  const child = spawn(join(binaries, program ?? 'jaeger'), ['--config', file], { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => lines.push(text))
  const ended = new Promise<void>((settle) => child.once('close', () => settle()))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await until('Jaeger v2 answering about sampling', async () => {
      if (child.exitCode !== null) return false
      return (await fetch(`http://127.0.0.1:${tcp.http}/api/sampling?service=any`)).ok ? true : undefined
    })
    if (child.exitCode !== null) throw new Error(`exit code ${child.exitCode}`)
  } catch (error) {
    await stop()
    throw new Error(`cannot start Jaeger v2\n${lines.join('').slice(-2000)}`, { cause: error })
  }
  return { ports: { url: `http://127.0.0.1:${tcp.http}/api/sampling`, grpc: tcp.grpc }, stop }
}
