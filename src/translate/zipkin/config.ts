/** Options below `translate.zipkin`. */

import { z } from 'zod'

export const zipkinTranslateConfig = z
  .strictObject({
    kind: z
      .strictObject({
        absent: z.enum(['internal', 'unspecified']).default('internal').describe('Kind of a span that says none.'),
      })
      .prefault({})
      .describe('Span kind.'),
    sharedSpans: z
      .enum(['default', 'split'])
      .default('default')
      .describe(
        'Client and server half of an RPC have one span id in Zipkin. split: the server half gets an id of its own, computed from the old one, and the client half becomes its parent.',
      ),
    tags: z
      .strictObject({
        types: z
          .enum(['string', 'semconv', 'infer'])
          .default('string')
          .describe(
            'Type of tags, which Zipkin knows as text only. semconv: numbers where the semantic conventions say so (http.status_code, *.port, …); infer: whatever looks like a number or a boolean.',
          ),
      })
      .prefault({})
      .describe('Tags.'),
    resourceTags: z
      .enum(['lift', 'keep'])
      .default('lift')
      .describe(
        'lift: tags that describe the process (k8s.*, host.*, telemetry.*, …) become resource attributes; keep: they stay on the span.',
      ),
    annotations: z
      .strictObject({
        decode: z
          .boolean()
          .default(true)
          .describe(
            'Whether annotations in which exporters packed attributes become events with attributes; otherwise the text is the name.',
          ),
      })
      .prefault({})
      .describe('Annotations.'),
    semconv: z
      .strictObject({
        extra: z.boolean().default(false).describe('Write service.peer.name beside peer.service.'),
      })
      .prefault({})
      .describe('Attribute names.'),
  })
  .describe('Zipkin to OTLP.')

export type ZipkinTranslateConfig = z.output<typeof zipkinTranslateConfig>
