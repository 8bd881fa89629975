/** Whether a text is TraceQL, by Grafana's own grammar. */

import { parser } from '@grafana/lezer-traceql'

export function isTraceql(text: string): boolean {
  let ok = true
  parser.parse(text).iterate({
    enter(node) {
      if (node.type.isError) ok = false
    },
  })
  return ok
}
