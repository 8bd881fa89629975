/** `zipkin.proto` as reflection describes it. @see openzipkin/zipkin-api */

import type { ProtoFile } from '../grpc-descriptors.ts'

const p = '.zipkin.proto3.'

export const zipkinFiles: readonly ProtoFile[] = [
  {
    name: 'zipkin.proto',
    package: 'zipkin.proto3',
    messages: {
      Span: {
        trace_id: [1, 'bytes'],
        parent_id: [2, 'bytes'],
        id: [3, 'bytes'],
        kind: [4, `enum ${p}Kind`],
        name: [5, 'string'],
        timestamp: [6, 'fixed64'],
        duration: [7, 'uint64'],
        local_endpoint: [8, `${p}Endpoint`],
        remote_endpoint: [9, `${p}Endpoint`],
        annotations: [10, `repeated ${p}Annotation`],
        tags: [11, 'map'],
        debug: [12, 'bool'],
        shared: [13, 'bool'],
      },
      Endpoint: { service_name: [1, 'string'], ipv4: [2, 'bytes'], ipv6: [3, 'bytes'], port: [4, 'int32'] },
      Annotation: { timestamp: [1, 'fixed64'], value: [2, 'string'] },
      ListOfSpans: { spans: [1, `repeated ${p}Span`] },
      ReportResponse: {},
    },
    enums: { Kind: ['SPAN_KIND_UNSPECIFIED', 'CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER'] },
    services: { SpanService: { Report: [`${p}ListOfSpans`, `${p}ReportResponse`] } },
  },
]
