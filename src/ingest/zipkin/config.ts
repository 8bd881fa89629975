/** `ingest.zipkin`: the Zipkin collector's HTTP endpoint. */

import { z } from 'zod'
import { httpKeys } from '../schema.ts'

export const zipkinConfig = z
  .strictObject({
    ...httpKeys(9411),
    strict: z
      .boolean()
      .default(false)
      .describe(
        'Refuse a whole request for one bad span, or for spans of the other version, as Zipkin does. Otherwise the good ones go on.',
      ),
    cors: z
      .strictObject({
        origins: z
          .array(z.string())
          .default(['*'])
          .describe('Origins of web pages that may post spans (zipkin-js does); `*` is any, an empty list is none.'),
      })
      .prefault({})
      .describe('What browsers are told about cross-origin requests.'),
    newBackend: z
      .string()
      .optional()
      .describe('Where people find their traces now: named in the answer to read requests, which the bridge cannot serve.'),
  })
  .describe('Zipkin: `POST /api/v2/spans` and `POST /api/v1/spans`.')

export type ZipkinConfig = z.infer<typeof zipkinConfig>
