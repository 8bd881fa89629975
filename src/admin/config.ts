/** Section `admin` of the configuration. */

import { z } from 'zod'
import { securityKeys } from '../ingest/schema.ts'

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/

/** Whether only this machine reaches the port. */
export const isLoopback = (host: string): boolean => loopback.test(host)

/** Section `admin`. */
export const adminConfig = z
  .strictObject({
    enabled: z.boolean().default(true).describe('False starts no admin port at all.'),
    host: z
      .string()
      .min(1)
      .default('localhost')
      .describe(
        'Address to listen on. `localhost` is both 127.0.0.1 and ::1 where the machine has it; `0.0.0.0` or `::` is every interface.',
      ),
    port: z.number().int().min(0).max(65535).default(8899).describe('Port to listen on; 0 takes any free one and prints it at start.'),
    names: z
      .array(z.string().min(1).max(253))
      .default([])
      .describe(
        'Host names under which browsers reach the page, beside addresses and `localhost`; under others it is refused, since a foreign site could be behind them. `/metrics` and health answer under any.',
      ),
    operate: z
      .array(z.string().min(1))
      .optional()
      .describe(
        'Who may move switches and treat dead letters: users of `auth`, `bearer` for all who have a token, `apiKey` for all who have a key. Default: everybody whom `auth` lets in; without `auth` nobody.',
      ),
    inspect: z
      .enum(['off', 'masked', 'full'])
      .optional()
      .describe(
        'What the page shows of received data: `masked` shows types, lengths and hashes instead of values. Default: `full` when only this machine reaches the port, else `masked`, and `off` there without `auth`.',
      ),
    ...securityKeys,
  })
  .refine((value) => value.auth !== undefined || value.operate === undefined || value.operate.length === 0, {
    error: 'expected `auth` beside it: without it nobody can be told apart',
    path: ['operate'],
  })
  .refine((value) => value.auth !== undefined || isLoopback(value.host) || value.inspect === undefined || value.inspect === 'off', {
    error: 'expected `off`, or `auth` beside it: everybody in the network could read what was received',
    path: ['inspect'],
  })
  .prefault({})
  .describe(
    'The live page, `/metrics`, health, `/api/status` and `/api/v1`. Without `auth` it changes nothing, but it shows service names: keep it off public networks.',
  )

export type AdminConfig = z.output<typeof adminConfig>

/** What the page may show of received data. */
export function inspectMode({ host, auth, inspect }: AdminConfig): 'off' | 'masked' | 'full' {
  if (isLoopback(host)) return inspect ?? 'full'
  return auth === undefined ? 'off' : (inspect ?? 'masked')
}
