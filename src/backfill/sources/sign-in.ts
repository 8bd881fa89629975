/** How sources are signed in at: the flags that they share, and the TLS files behind them. */

import { z } from 'zod'
import { BridgeError } from '../../errors.ts'
import { readTls, type TlsFiles, type TlsMaterial } from '../../net/tls.ts'
import { filePath } from '../../net/tls-config.ts'

/** Files of TLS. */
export const tlsFileKeys = {
  ca: filePath('PEM file with the authorities to trust, instead of those that Node.js knows.', 'PEM file').optional(),
  cert: filePath('PEM file with our certificate, if we are asked for one; intermediate authorities behind it.', 'PEM file').optional(),
  key: filePath('PEM file with the private key of `cert`, not encrypted.', 'PEM file').optional(),
} as const

/** Who signs in at a database. */
export const databaseUser = z
  .string()
  .regex(/^[^:]+:/, { error: 'expected name:password' })
  .optional()
  .meta({ secret: true })
  .describe('Name and password, as name:password. Better in OTLP_BRIDGE_SOURCE_USER: other users of the machine see flags.')

/** Reads the files that are named; undefined: TLS is not asked for. Rejects with OB_CONFIG. @param asked TLS without any file, too */
export async function readSourceTls({ ca, cert, key }: TlsFiles, asked: boolean): Promise<TlsMaterial | undefined> {
  if ((cert === undefined) !== (key === undefined))
    throw new BridgeError('OB_CONFIG', 'cannot sign in at the source: --cert and --key come together', { place: 'cert' })
  if (!asked && ca === undefined && cert === undefined) return undefined
  const { material, faults } = await readTls({ ca, cert, key })
  if (material === undefined) {
    const words = faults.map((fault) => `--${fault.key}: ${fault.message}`).join('; ')
    throw new BridgeError('OB_CONFIG', `cannot ask the source over TLS: ${words}`, { place: faults[0]?.key ?? '' })
  }
  return material
}
