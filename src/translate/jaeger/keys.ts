/** Which tag keys mean something to the Jaeger translator. Everything else is an attribute like any other (role 0). */

/** Roles of tag keys; see Key.role. A key has one role whether it stands in a span, a log or a process. */
export const Role = {
  None: 0,
  SpanKind: 1,
  Error: 2,
  StatusCode: 3,
  StatusDescription: 4,
  HttpStatusCode: 5,
  HttpResponseStatusCode: 6,
  HttpStatusMessage: 7,
  ScopeName: 8,
  ScopeVersion: 9,
  LibraryName: 10,
  LibraryVersion: 11,
  TraceState: 12,
  DroppedAttributes: 13,
  DroppedEvents: 14,
  DroppedLinks: 15,
  Event: 16,
  EventDroppedAttributes: 17,
  ServiceName: 18,
  Hostname: 19,
  HostName: 20,
  ClientUuid: 21,
  ServiceInstanceId: 22,
  JaegerVersion: 23,
  TelemetrySdk: 24,
} as const

const roles = new Map<string, number>([
  ['span.kind', Role.SpanKind],
  ['error', Role.Error],
  ['otel.status_code', Role.StatusCode],
  ['otel.status_description', Role.StatusDescription],
  ['http.status_code', Role.HttpStatusCode],
  ['http.response.status_code', Role.HttpResponseStatusCode],
  ['http.status_message', Role.HttpStatusMessage],
  ['otel.scope.name', Role.ScopeName],
  ['otel.scope.version', Role.ScopeVersion],
  ['otel.library.name', Role.LibraryName],
  ['otel.library.version', Role.LibraryVersion],
  ['w3c.tracestate', Role.TraceState],
  ['otel.dropped_attributes_count', Role.DroppedAttributes],
  ['otel.dropped_events_count', Role.DroppedEvents],
  ['otel.dropped_links_count', Role.DroppedLinks],
  ['event', Role.Event],
  ['otel.event.dropped_attributes_count', Role.EventDroppedAttributes],
  ['service.name', Role.ServiceName],
  ['hostname', Role.Hostname],
  ['host.name', Role.HostName],
  ['client-uuid', Role.ClientUuid],
  ['service.instance.id', Role.ServiceInstanceId],
  ['jaeger.version', Role.JaegerVersion],
  ['telemetry.sdk.name', Role.TelemetrySdk],
  ['telemetry.sdk.language', Role.TelemetrySdk],
  ['telemetry.sdk.version', Role.TelemetrySdk],
])

/** The role of a tag key, for `createKeyTable`. */
export function jaegerRoleOf(text: string): number {
  return roles.get(text) ?? Role.None
}
