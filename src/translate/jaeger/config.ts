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
    tagsAsFields: z
      .strictObject({
        dotReplacement: z
          .string()
          .max(8)
          .default('@')
          .describe('What stands for a dot in these keys: `--es.tags-as-fields.dot-replacement` of the old collector.'),
        wellKnown: z
          .array(z.string().min(1))
          .default([])
          .describe(
            'Keys that hold the replacement themselves, as they were before it: `http.status_code` where dots became `_`. They are tried first; a list of common ones is built in.',
          ),
      })
      .prefault({})
      .describe('Elasticsearch documents in which tags are fields (`tag`, `process.tag`).'),
  })
  .describe('Jaeger to OTLP.')

export type JaegerTranslateConfig = z.output<typeof jaegerTranslateConfig>
