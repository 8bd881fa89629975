/** The table of everything counted. Names are public: rows are added, never renamed. */

export type Kind = 'counter' | 'gauge' | 'histogram'

interface MetricRow<K extends Kind = Kind> {
  readonly kind: K
  readonly help: string
  readonly labels: readonly string[]
}

const counter = (help: string, ...labels: string[]): MetricRow<'counter'> => ({ kind: 'counter', help, labels })
const gauge = (help: string, ...labels: string[]): MetricRow<'gauge'> => ({ kind: 'gauge', help, labels })
const histogram = (help: string, ...labels: string[]): MetricRow<'histogram'> => ({ kind: 'histogram', help, labels })

/** Every metric: name, kind, meaning, labels. `docs/reference/metrics.md` is generated from it. Names are public. */
export const metricTable = {
  otlp_bridge_received_requests_total: counter('Requests or datagrams received.', 'format', 'transport'),
  otlp_bridge_received_bytes_total: counter('Bytes of bodies or datagrams received, before decompression.', 'format', 'transport'),
  otlp_bridge_received_items_total: counter('Items (spans, data points, log records) found in what was received.', 'format', 'signal'),
  otlp_bridge_carried_items_total: counter(
    'Items found in the queue: received by an earlier run, or in a request that another destination refused (`queue.ack: forwarded`).',
    'format',
    'signal',
    'destination',
  ),
  otlp_bridge_recovered_items_total: counter(
    'Items found at start that an earlier run had received and held; for every destination.',
    'format',
    'signal',
  ),
  otlp_bridge_held_items: gauge(
    'Items answered for that cannot be sent yet, by what they wait in (`assembler`) or for (`metadata`, `target_info`); for every destination.',
    'format',
    'signal',
    'where',
  ),
  otlp_bridge_translated_items_total: counter('Items translated to OTLP.', 'format', 'signal'),
  otlp_bridge_refused_items_total: counter('Items the sender was told were not taken.', 'format', 'signal', 'reason'),
  otlp_bridge_refused_requests_total: counter(
    'Requests or datagrams refused whole; the items in them are not known.',
    'format',
    'transport',
    'reason',
  ),
  otlp_bridge_dropped_items_total: counter(
    'Items lost, by reason: the sender was not or could not be told. Without a destination: lost for all of them.',
    'format',
    'signal',
    'reason',
    'destination',
  ),
  otlp_bridge_consumed_items_total: counter(
    'Items used up without an OTLP item of their own, by reason; `share`: left out of what the new side gets.',
    'format',
    'signal',
    'reason',
  ),
  otlp_bridge_dead_items_total: counter('Items moved to the dead letters, by reason.', 'format', 'signal', 'reason', 'destination'),
  otlp_bridge_routed_elsewhere_items_total: counter(
    'Items that this destination was not to get: routed to others, received before it was configured, or left in the store when it was removed.',
    'format',
    'signal',
    'destination',
  ),
  otlp_bridge_delivered_items_total: counter('Items the endpoint confirmed.', 'format', 'signal', 'destination'),
  otlp_bridge_rejected_items_total: counter(
    'Items the endpoint refused in a partial success; they count as dropped too.',
    'format',
    'signal',
    'destination',
  ),
  otlp_bridge_notes_total: counter('Things noticed in the data that cost no item, by reason.', 'format', 'reason'),
  otlp_bridge_sent_requests_total: counter('OTLP requests sent, by outcome.', 'signal', 'destination', 'outcome'),
  otlp_bridge_sent_bytes_total: counter('Bytes of OTLP request bodies sent and confirmed, after compression.', 'signal', 'destination'),
  otlp_bridge_retries_total: counter('OTLP requests that will be tried again.', 'destination', 'reason'),
  otlp_bridge_repeated_items_total: counter('Items sent again although an earlier try may have arrived.', 'destination'),
  otlp_bridge_queue_items: gauge('Items waiting in the queue, those under way included.', 'format', 'signal', 'destination'),
  otlp_bridge_queue_bytes: gauge('Bytes waiting in the queue; what several destinations wait for counts in each.', 'destination'),
  otlp_bridge_queue_batches: gauge('Batches waiting in the queue.', 'destination'),
  otlp_bridge_queue_oldest_age_seconds: gauge('Age of the oldest batch in the queue.', 'destination'),
  otlp_bridge_queue_dead_items: gauge('Items among the dead letters.', 'destination'),
  otlp_bridge_queue_stranded_items: gauge(
    'Items in the store for a destination that is not configured; see `otlp-bridge queue ls`.',
    'destination',
  ),
  otlp_bridge_queue_stored_bytes: gauge(
    'Bytes of the disk queue file in use, by all processes; what several destinations wait for is in it once.',
  ),
  otlp_bridge_queue_kept_bytes: gauge('Bytes in the store of what was answered and cannot be sent yet, of this process.'),
  otlp_bridge_queue_damaged_batches_total: counter('Batches whose checksum did not hold; set aside.'),
  otlp_bridge_queue_set_aside_files_total: counter('Queue files that could not be read and were set aside at start.'),
  otlp_bridge_udp_dropped_datagrams_total: counter('Datagrams the kernel dropped because the receive buffer was full.', 'format'),
  otlp_bridge_udp_receive_buffer_bytes: gauge('Receive buffer the kernel granted.', 'format'),
  otlp_bridge_jaeger_client_dropped_spans_total: counter('Spans that Jaeger clients say they lost, by cause.', 'cause'),
  otlp_bridge_jaeger_client_batches_total: counter('Batches that Jaeger clients say they sent.'),
  otlp_bridge_clients_items_total: counter(
    'Items by legacy format and service; at most 100 services, the rest is `other`.',
    'format',
    'service',
  ),
  otlp_bridge_sampling_answers_total: counter(
    'Sampling strategies asked for by Jaeger clients, by where the answer came from; `none`: there was no answer.',
    'source',
  ),
  otlp_bridge_cache_full: gauge('1 when a bounded cache is at its cap.', 'cache'),
  otlp_bridge_connections_closed_total: counter('Connections closed by a limit or a time-out.', 'transport', 'reason'),
  otlp_bridge_refused_credentials_total: counter(
    'Requests and calls refused for their credentials: none (`missing`), or none that is known (`unknown`).',
    'listener',
    'reason',
  ),
  otlp_bridge_tls_certificate_end_seconds: gauge('When the certificate that a listener serves expires, in seconds since 1970.', 'listener'),
  otlp_bridge_config_reloads_total: counter(
    'Looks at a configuration that was asked for again or has changed: `applied`, `unchanged`, `refused` (it has faults, the old one stays) or `failed` (it could not be put into effect).',
    'outcome',
  ),
  otlp_bridge_workers: gauge('Worker processes that are running and have answered; absent without `--workers`.'),
  otlp_bridge_worker_restarts_total: counter('Worker processes that ended unasked and were started again.', 'worker'),
  otlp_bridge_endpoint_up: gauge('1 while an endpoint is used, 0 while it is left alone because it failed.', 'destination', 'endpoint'),
  otlp_bridge_failovers_total: counter(
    'OTLP requests that another endpoint got because this one did not take them.',
    'destination',
    'endpoint',
    'reason',
  ),
  otlp_bridge_stage_seconds: histogram(
    'Time of each stage for one request: decode, translate (with encode), queue, send.',
    'stage',
    'format',
  ),
  otlp_bridge_kafka_poison_messages_total: counter(
    'Kafka messages that could not be read and were passed over, by reason.',
    'topic',
    'reason',
  ),
  otlp_bridge_kafka_missed_messages_total: counter('Kafka messages that the broker deleted before they were read.', 'group', 'topic'),
  otlp_bridge_kafka_lag_messages: gauge(
    'Kafka messages that are there and not committed; 0 for partitions of others.',
    'group',
    'topic',
    'partition',
  ),
  otlp_bridge_kafka_rebalances_total: counter('Times the consumer group was joined anew.', 'group'),
  otlp_bridge_prometheus_requests_total: counter(
    'Remote-write requests answered, by message version and status.',
    'message',
    'code',
    'tenant',
  ),
  otlp_bridge_prometheus_samples_total: counter(
    'Samples and native histograms received, by kind of series and by what became of them; each ends in exactly one result.',
    'kind',
    'result',
    'tenant',
  ),
  otlp_bridge_prometheus_type_switch_total: counter('Families whose type turned out to be another than the one in use.', 'tenant'),
  otlp_bridge_prometheus_assembler_pending: gauge('Classic histograms and summaries of which members are still to come.', 'tenant'),
  otlp_bridge_prometheus_assembler_emitted_total: counter(
    'Classic histograms and summaries put together, by what ended the wait: `complete`, `window`, `evicted` or `shutdown`.',
    'how',
    'tenant',
  ),
  otlp_bridge_prometheus_assembler_incomplete_total: counter(
    'Members of histograms and summaries that did not come whole, by what was missing.',
    'missing',
    'tenant',
  ),
  otlp_bridge_prometheus_assembler_late_total: counter('Members that came after their histogram or summary was sent; dropped.', 'tenant'),
  otlp_bridge_prometheus_assembler_nonmonotonic_total: counter('Cumulative buckets below the one before them; raised to it.', 'tenant'),
  otlp_bridge_prometheus_classic_shadowed_total: counter(
    'Members of classic histograms left out because the native form is there.',
    'tenant',
  ),
  otlp_bridge_prometheus_histogram_refused_total: counter('Native histograms refused, by reason.', 'reason', 'tenant'),
  otlp_bridge_prometheus_exemplars_total: counter('Exemplars received, by what became of them.', 'result', 'tenant'),
  otlp_bridge_prometheus_target_info_entries: gauge('Pairs of job and instance whose `target_info` is remembered.', 'tenant'),
  otlp_bridge_prometheus_ha_dropped_total: counter('Samples of replicas that were not elected; left out.', 'tenant'),
  otlp_bridge_prometheus_out_of_order_total: counter('Samples older than the last of their series.', 'tenant'),
  otlp_bridge_prometheus_streams: gauge('Series that are remembered.'),
  otlp_bridge_prometheus_streams_evicted_total: counter('Series forgotten because there were too many; costs deduplication, no data.'),
  otlp_bridge_state_saves_total: counter(
    'Times what is remembered between requests was written to disk, by outcome: `saved` or `failed`.',
    'section',
    'outcome',
  ),
  otlp_bridge_state_faults_total: counter(
    'Files of what is remembered (`foreign`, `newer`, `torn`, `unreadable`), and pieces of them (`damaged`), that could not be read at start.',
    'section',
    'reason',
  ),
  otlp_bridge_elasticsearch_handshake_total: counter(
    'Requests of Elasticsearch clients that bring no documents, by what they asked for and by the name of the client.',
    'endpoint',
    'agent',
  ),
  otlp_bridge_elasticsearch_registry_evicted_total: counter(
    'Templates, policies, pipelines, indices and their like that were forgotten because there were too many; costs their shippers a moment.',
    'kind',
  ),
  otlp_bridge_elasticsearch_registry_faults_total: counter(
    'Times the file of what shippers set up could not be opened, read or written; it is kept in memory then.',
  ),
  otlp_bridge_elasticsearch_system_docs_discarded_total: counter(
    'Documents about the sender itself (`_monitoring/bulk`, indices whose names begin with a dot), thrown away as asked.',
  ),
  otlp_bridge_beats_connections: gauge(
    'Connections of Beats, by what they are doing: `idle`, `receiving` a window, or `waiting` for one to be stored.',
    'state',
  ),
  otlp_bridge_beats_connections_closed_total: counter('Connections of Beats that ended or were refused, by reason.', 'reason'),
  otlp_bridge_beats_windows_total: counter('Windows of Beats that came whole.'),
  otlp_bridge_beats_events_total: counter(
    'Events in windows of Beats, by what the first event of the window says it is of; at most 50, the rest is `other`.',
    'beat',
    'version_major',
  ),
  otlp_bridge_beats_frames_total: counter('Frames received from Beats, those in compressed frames included.', 'type'),
  otlp_bridge_beats_bytes_total: counter(
    'Bytes received from Beats (`wire`), and those that compressed frames gave (`inflated`).',
    'stage',
  ),
  otlp_bridge_beats_acks_total: counter(
    'Acknowledgements sent to Beats: `final` for windows that are stored, `keepalive` for those that wait.',
    'kind',
  ),
  otlp_bridge_beats_ack_seconds: histogram('Time from the beginning of a window to its acknowledgement.'),
  otlp_bridge_beats_pending_windows: gauge('Windows of Beats that have begun and are not acknowledged.'),
  otlp_bridge_beats_window_bytes: gauge('Memory of windows of Beats that have begun.'),
  otlp_bridge_beats_protocol_errors_total: counter('Connections of Beats closed for what came on them, by reason.', 'reason'),
  otlp_bridge_beats_parse_kept_total: counter('Events of Beats that could not be read and are kept as text.'),
  otlp_bridge_beats_sequence_odd_total: counter('Events of Beats whose number is not above that of the one before.'),
  otlp_bridge_elasticsearch_requests_total: counter(
    'Requests with documents answered, by what they were sent to (`bulk`, `doc`, `create`, `update`, `delete`) and status; `0`: the connection was closed without an answer.',
    'path',
    'code',
  ),
  otlp_bridge_elasticsearch_items_total: counter(
    'Results of actions that senders of documents were told, by action and status. Their sum is the number of actions of all requests that could be read.',
    'action',
    'status',
  ),
  otlp_bridge_elasticsearch_bytes_total: counter('Bytes of bodies with documents, before decompression, by their encoding.', 'encoding'),
  otlp_bridge_elasticsearch_pipeline_ignored_total: counter(
    'Documents that were meant for an ingest pipeline, which nobody runs here.',
    'pipeline',
  ),
  otlp_bridge_elasticsearch_duplicate_ids_total: counter(
    'Documents with an id that came before: `create` is answered with 409, of `index` each is a record of its own.',
    'action',
  ),
  otlp_bridge_elasticsearch_unknown_parameters_total: counter('Parameters of requests with documents that nobody knows; passed over.'),
  otlp_bridge_elasticsearch_timestamp_invalid_total: counter('Documents of which the time could not be read; it stays as an attribute.'),
  otlp_bridge_elasticsearch_bigint_as_string_total: counter('Numbers beyond 64 bits; kept as the text of their digits.'),
  otlp_bridge_elasticsearch_key_conflict_total: counter('Fields that came twice in a document; the last one counts.'),
  otlp_bridge_elasticsearch_rename_collision_total: counter('Fields that kept their ECS name, since the document has the new one as well.'),
  otlp_bridge_elasticsearch_metrics_as_logs_total: counter('Documents of metrics that became log records.'),
  otlp_bridge_elasticsearch_apm_spans_total: counter('Documents of Elastic APM that became spans.'),
  otlp_bridge_elasticsearch_held_requests: gauge('Requests that wait for room in the queue.'),
  otlp_bridge_elasticsearch_backpressure_total: counter(
    'Requests refused while the queue was full, by the form of the answer: `429`, `503`, `items`, `close`.',
    'answer',
  ),
  otlp_bridge_mirror_items_total: counter(
    'Items of requests that go to a mirror, by what became of them: `received`, then `delivered`, `sent` (nobody confirms), `dead`, `shed`; `carried`: found in the queue, of an earlier run; `elsewhere`: left in the store, or handed on to Kafka.',
    'format',
    'destination',
    'outcome',
    'reason',
  ),
  otlp_bridge_mirror_requests_total: counter(
    'As `otlp_bridge_mirror_items_total`, in requests (or groups of datagrams, or parts of large requests).',
    'format',
    'destination',
    'outcome',
    'reason',
  ),
  otlp_bridge_mirror_bytes_total: counter(
    'As `otlp_bridge_mirror_items_total`, in bytes as received, headers included.',
    'format',
    'destination',
    'outcome',
    'reason',
  ),
  otlp_bridge_mirror_queue_items: gauge('Items waiting for a mirror, those under way included.', 'format', 'destination'),
  otlp_bridge_mirror_queue_bytes: gauge('Bytes waiting for a mirror.', 'destination'),
  otlp_bridge_mirror_queue_batches: gauge('Requests waiting for a mirror.', 'destination'),
  otlp_bridge_mirror_queue_oldest_age_seconds: gauge('Age of the oldest request that waits for a mirror.', 'destination'),
  otlp_bridge_mirror_queue_dead_items: gauge('Items of a mirror among the dead letters.', 'destination'),
  otlp_bridge_mirror_notes_total: counter(
    'Things noticed on the way to an old backend: `loop`, `undecodable`, `write_not_translated`, `answered_by_bridge`, and their like.',
    'endpoint',
    'reason',
  ),
  otlp_bridge_books_unaccounted_items_total: counter(
    'Items that left the queue and that the books of the cutover know nothing of: put there by an earlier version, or damaged.',
  ),
  otlp_bridge_books_lost_lines_total: counter(
    'Lines of the books of the cutover that were given up, since they could not be written for too long; their minutes are marked.',
  ),
  otlp_bridge_clients_known: gauge('Legacy clients on the list: an endpoint, format, service, library and network each.', 'endpoint'),
  otlp_bridge_clients_silent: gauge('Those of them that were not heard of for `inventory.silentAfter`.', 'endpoint'),
  otlp_bridge_mirror_tries_total: counter(
    'Requests sent to an old backend, by what became of the try: `delivered`, `transient`, `suspect`, `poison`, `halt`, `stopped`.',
    'destination',
    'outcome',
  ),
  otlp_bridge_mirror_retries_total: counter('Requests to an old backend that will be tried again.', 'destination', 'reason'),
  otlp_bridge_mirror_repeats_total: counter(
    'Items of requests that an old backend may have had before: `repeat_possible` (sent again without knowing), `repeat_absorbed` (it recognised them), `already_there` (it had them before the first try).',
    'destination',
    'kind',
  ),
  otlp_bridge_mirror_skipped_total: counter(
    'Datagrams that an old agent did not get: `too_large_old`, `old_unreachable` (one that was sent before this was said), `undecodable`.',
    'destination',
    'reason',
  ),
  otlp_bridge_mirror_breaker_open: gauge('1 while an old backend is left alone because it does not answer.', 'destination'),
  otlp_bridge_mirror_in_flight: gauge('Requests under way to an old backend.', 'destination'),
  otlp_bridge_backfill_requests_total: counter(
    'Requests that a back-fill sent, by what became of the try: `sent`, `throttled`, `transient`, `permanent`.',
    'signal',
    'destination',
    'outcome',
  ),
  otlp_bridge_backfill_isolation_requests_total: counter(
    'Requests that a back-fill sent to find the items that a destination refuses among those that it takes.',
    'destination',
  ),
  otlp_bridge_backfill_rate_limit: gauge(
    'Items a second that a back-fill may send now, by what holds it back; 0 for what does not now.',
    'reason',
  ),
  otlp_bridge_backfill_items_total: counter(
    'Items of a back-fill since its process was started, by what became of them: `read`, `translated`, `skipped` in items of the source, `produced`, `acknowledged`, `rejected`, `dead`, `ambiguous` in OTLP items.',
    'source',
    'result',
    'reason',
  ),
  otlp_bridge_backfill_bytes_total: counter('Bytes of a back-fill: `in` of the source, `out` of OTLP.', 'source', 'direction'),
  otlp_bridge_backfill_resent_items_total: counter('OTLP items of a back-fill that were sent again after a crash.', 'source'),
  otlp_bridge_backfill_page_seconds_total: counter(
    'What pages of a back-fill took, summed over slices: `read`, `translate`, `send`, `wait`, `commit`.',
    'source',
    'phase',
  ),
  otlp_bridge_backfill_slices: gauge('Slices of the run of a back-fill, by state.', 'source', 'state'),
  otlp_bridge_backfill_frontier_seconds: gauge(
    'Nothing of before this time is unfinished among the slices under way, seconds since 1970.',
    'source',
  ),
} as const satisfies Record<string, MetricRow>
