/** Section `inventory` of the configuration. */

import { z } from 'zod'
import { duration } from '../config/units.ts'

/** Section `inventory`: the list of those who still send legacy formats. */
export const inventoryConfig = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Keep the list of legacy clients.'),
    max: z.number().int().min(1).max(100_000).default(5000).describe('Entries of the list; those heard of least recently go first.'),
    addresses: z
      .enum(['full', 'group', 'off'])
      .optional()
      .describe(
        'Addresses of clients: as they are, as networks (/24, /56), or none. They are personal data in some places. Default: `full` while `admin` listens on loopback alone, else `group`.',
      ),
    silentAfter: duration.default(86_400_000).describe('A client that was not heard of for so long is silent.'),
  })
  .prefault({})
  .describe('The list of those who still send legacy formats.')

export type InventoryConfig = z.output<typeof inventoryConfig>
