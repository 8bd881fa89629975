/** Section `admin` of the configuration. */

import { z } from 'zod'
import { securityKeys } from '../ingest/schema.ts'

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
    ...securityKeys,
  })
  .prefault({})
  .describe(
    'The live page, `/metrics`, health and `/api/status`. It changes nothing, but shows service names: keep it off public networks.',
  )

export type AdminConfig = z.output<typeof adminConfig>
