/** Section `parity` of the configuration: where the two sides are asked, and how much. */

import { z } from 'zod'
import { byteSize, duration } from '../config/units.ts'
import { differenceClasses, newKinds } from './model.ts'

const queryUrl = z.url({ protocol: /^https?$/, error: 'expected an http:// or https:// URL' })

const format = z.enum(['zipkin', 'jaeger', 'prometheus', 'elasticsearch'])

const side = z.union([queryUrl, z.partialRecord(format, queryUrl)])

const className = z.enum(differenceClasses)

export const parityConfig = z
  .strictObject({
    old: side.optional().describe('Query URL of the old backend, or one for each format. Default: that of `mirror.<endpoint>.url`.'),
    new: side.optional().describe('Query URL of the new backend, or one for each format.'),
    newKind: z
      .union([z.enum(newKinds), z.partialRecord(format, z.enum(newKinds))])
      .optional()
      .describe('What answers there. Default: `jaeger` for spans, `prometheus` for metrics, `loki` for logs.'),
    settle: z
      .strictObject({
        old: duration.optional().describe('How long the old side takes to show what it was sent. Default: by the kind of backend.'),
        new: duration.optional().describe('The same of the new side.'),
      })
      .prefault({})
      .describe('Windows end this long before now.'),
    samples: z.number().int().min(1).max(10_000).default(200).describe('Items compared field by field in a window.'),
    rate: z.number().positive().max(1000).default(5).describe('Requests a second to each backend.'),
    budget: z
      .strictObject({
        time: duration.default(60_000).describe('How long a run may take.'),
        bytes: byteSize.default(2 ** 30).describe('Bytes of answers a run may read.'),
        requests: z.number().int().min(1).default(2000).describe('Requests a run may send.'),
      })
      .prefault({})
      .describe('What is beyond it is not judged.'),
    tolerances: z.record(z.string().min(1), z.string()).default({}).describe('As `--tolerance NAME=VALUE`.'),
    accept: z.array(className).default([]).describe('Classes of differences that are no fault here.'),
    deny: z.array(className).default([]).describe('Classes of explanations that do count as a fault here.'),
  })
  .prefault({})
  .describe('The command `otlp-bridge parity`: it reads both backends and compares what they hold.')
