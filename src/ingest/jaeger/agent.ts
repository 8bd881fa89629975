/** The Jaeger agent's UDP ports. Rules J-U1 to J-U10 of the mapping. */

import type { AdapterDeps, BodyTranslator, Listener } from '../adapter.ts'
import { startUdp } from '../udp.ts'
import type { AgentPortConfig } from './config.ts'

/** Section below `ingest.jaeger` → the format its datagrams are counted as. Every port takes both protocols and both methods. */
export const agentFormats = {
  compact: 'jaeger-thrift-compact',
  binary: 'jaeger-thrift-binary',
  zipkin: 'zipkin-thrift',
} as const

/** Starts one port. @param translate one agent message, in either protocol, with either method. Throws OB_LISTEN. */
export function startAgentPort(
  name: keyof typeof agentFormats,
  config: AgentPortConfig,
  translate: BodyTranslator,
  deps: AdapterDeps,
): Promise<Listener> {
  return startUdp(
    {
      section: `ingest.jaeger.${name}`,
      format: agentFormats[name],
      host: config.host,
      port: config.port,
      receiveBuffer: config.receiveBuffer,
      backlog: config.backlog,
      batch: config.batch,
      translate,
    },
    deps,
  )
}
