/** Options below `translate.jaeger`. */

import { z } from 'zod'

export const jaegerTranslateConfig = z
  .strictObject({
    kind: z
      .strictObject({
        absent: z.enum(['internal', 'unspecified']).default('internal').describe('Kind of a span without a usable span.kind tag.'),
      })
      .prefault({})
      .describe('Span kind.'),
    httpStatusFallback: z
      .boolean()
      .default(true)
      .describe('Whether http.status_code decides the status of a span that has neither error nor otel.status_code.'),
    logs: z
      .strictObject({
        exceptions: z
          .enum(['keep', 'map'])
          .default('keep')
          .describe('map: a log with event=error becomes an `exception` event with exception.type, .message and .stacktrace.'),
      })
      .prefault({})
      .describe('Span logs.'),
  })
  .describe('Jaeger to OTLP.')

export type JaegerTranslateConfig = z.output<typeof jaegerTranslateConfig>
