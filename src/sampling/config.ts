/** Section `sampling`: where the strategies come from that Jaeger clients ask for. */

import { z } from 'zod'
import { duration } from '../config/units.ts'

const place = z
  .string()
  .min(1)
  .refine((value) => !/^[a-z]+:\/\//i.test(value) || /^https?:\/\//i.test(value), {
    error: 'expected a path, or an http:// or https:// URL',
  })

/** Section `sampling`. */
export const samplingConfig = z
  .strictObject({
    file: place
      .optional()
      .describe("Strategies file in Jaeger's own format: a path, or a URL that is asked for it (503: keep the defaults)."),
    reloadInterval: duration
      .default(10_000)
      .describe('How often the file is looked at; what cannot be read then leaves the strategies as they are.'),
    defaultProbability: z
      .number()
      .min(0)
      .max(1)
      .default(0.001)
      .describe('Probability where the file says nothing, or there is no file: that of Jaeger.'),
    upstream: z
      .string()
      .regex(/^(https?|grpcs?):\/\/[^/]/i, {
        error: 'expected http://host:14268/api/sampling, http://host:5778/sampling or grpc://host:14250',
      })
      .optional()
      .describe(
        'Ask the old collector instead: `http://host:14268/api/sampling`, `http://host:5778/sampling` or `grpc://host:14250` (`https`, `grpcs` with TLS). Where it does not know, the file does.',
      ),
    cache: duration
      .default(60_000)
      .describe('How long an answer of `upstream` is used again; after that it is asked anew, and while it fails the old answer stays.'),
    timeout: duration.default(2000).describe('Time for one question to `upstream`.'),
  })
  .prefault({})
  .describe('Sampling strategies for Jaeger clients that ask for them (remote sampling).')

export type SamplingConfig = z.output<typeof samplingConfig>
