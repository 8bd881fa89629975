/** The keys that name files with certificates, as users write them. */

import { z } from 'zod'

/** A path, and not what is in the file: that would end up wherever a configuration is printed. */
export const filePath = (what: string, kind: 'file' | 'PEM file' = 'file') =>
  z
    .string()
    .min(1)
    .refine((value) => !value.includes('-----BEGIN'), { error: `expected the path of a ${kind}, not what is in it` })
    .describe(what)

/** `tls` of what we connect to. @param peers those that may ask for a certificate: `endpoints` */
export const clientTlsKeys = (peers: string) =>
  z
    .strictObject({
      ca: filePath('PEM file with the authorities to trust, instead of those that Node.js knows.', 'PEM file').optional(),
      cert: filePath(
        `PEM file with our certificate, for ${peers} that ask for one; intermediate authorities behind it.`,
        'PEM file',
      ).optional(),
      key: filePath('PEM file with the private key of `cert`, not encrypted.', 'PEM file').optional(),
    })
    .refine((value) => value.key === undefined || value.cert !== undefined, { error: 'missing: key is given without it', path: ['cert'] })
    .refine((value) => value.cert === undefined || value.key !== undefined, { error: 'missing: cert is given without it', path: ['key'] })
