/** What stands between the network and a listener, made out of its sections `tls` and `auth`. */

import type { ServerTls } from '../net/server-tls.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Guard } from './guard.ts'
import type { ListenerAuth, ListenerTls } from './schema.ts'

export interface SecurityConfig {
  readonly tls?: ListenerTls | undefined
  readonly auth?: ListenerAuth | undefined
}

export interface SecurityDeps {
  readonly log: Logger
  readonly metrics: Metrics
  readonly nowMs: () => number
}

export interface Security {
  readonly tls: ServerTls | undefined
  readonly guard: Guard | undefined
  /** Sentences for health; empty when all is well. */
  trouble(): readonly string[]
  /** Stops watching files. */
  close(): void
}

/** Reads certificates and credentials, only where a section asks for them. */
async function openSecurity(
  section: string,
  config: SecurityConfig,
  healthPaths: readonly string[],
  deps: SecurityDeps,
): Promise<Security> {
  const tls =
    config.tls === undefined ? undefined : await (await import('../net/server-tls.ts')).createServerTls(config.tls, `${section}.tls`, deps)
  try {
    const guard =
      config.auth === undefined
        ? undefined
        : await (await import('./guard.ts')).createGuard(config.auth, `${section}.auth`, healthPaths, deps)
    return {
      tls,
      guard,
      trouble: () => [...(tls?.trouble() ?? []), ...(guard?.trouble() ?? [])],
      close() {
        tls?.close()
        guard?.close()
      },
    }
  } catch (error) {
    tls?.close()
    throw error
  }
}

/**
 * Reads certificates and credentials, only where a section asks for them, and starts what is behind them; closes them when that fails.
 * @param section of the listener: `ingest.zipkin`. @param healthPaths open without credentials unless `auth.except` says otherwise.
 * Throws OB_CONFIG, and whatever `start` does.
 */
export async function startBehind<Started>(
  section: string,
  config: SecurityConfig,
  healthPaths: readonly string[],
  deps: SecurityDeps,
  start: (security: Security) => Promise<Started>,
): Promise<Started> {
  const security = await openSecurity(section, config, healthPaths, deps)
  try {
    return await start(security)
  } catch (error) {
    security.close()
    throw error
  }
}
