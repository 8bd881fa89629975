/** Keys of tags that Elasticsearch stores as fields (rule J-B8): dots were replaced, since there they mean nesting. */

/** Keys that hold a character which is common as a replacement. */
const wellKnownKeys: readonly string[] = [
  'otel.status_code',
  'otel.status_description',
  'http.status_code',
  'http.status_message',
  'http.response.status_code',
  'http.request_content_length',
  'http.response_content_length',
  'http.user_agent',
  'rpc.grpc.status_code',
  'otel.dropped_attributes_count',
  'otel.dropped_events_count',
  'otel.dropped_links_count',
  'otel.event.dropped_attributes_count',
  'messaging.message_id',
  'messaging.destination_kind',
  'messaging.kafka.consumer_group',
  'db.connection_string',
  'db.cassandra.consistency_level',
  'opentracing.ref_type',
]

/**
 * Stored key → the tag's own. Every replacement becomes a dot, so that a key which held it itself would come back wrong:
 * keys that are known, in their replaced form, are tried first. @param more keys known beside those built in
 */
export function createFieldKey(dotReplacement: string, more: readonly string[]): (stored: string) => string {
  if (dotReplacement === '.' || dotReplacement === '') return (stored) => stored
  const known = new Map([...wellKnownKeys, ...more].map((key) => [key.replaceAll('.', dotReplacement), key]))
  return (stored) => known.get(stored) ?? stored.replaceAll(dotReplacement, '.')
}
