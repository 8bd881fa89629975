/** What to do about a reason, in a sentence; by the word that stands in ledgers and reports. */

const hints: Readonly<Record<string, string>> = {
  // Of slices that failed.
  vanished: 'an index, block, topic or file is gone since the plan; take a snapshot first, or leave it out',
  pit_lost: 'points in time were lost five times in a row without progress; look at the memory and the open contexts of the source',
  truncated: 'the source cuts its answers even for the shortest window; raise --limit, or narrow it with --service',
  unknown_encoding: 'the data has an encoding that this version does not read; say which, in an issue',
  corrupt: 'checksums do not hold: look at the disk of the source',
  partial_results: 'shards did not answer: look at the health of the source, then retry-failed',
  unauthorised: 'the source does not let us in: compare --user, --api-key, --header and what they may read',
  too_large: 'a single item is larger than the limit',
  source_error: 'see the message and the log of the source, then retry-failed',
  source_changed: 'the source gave other data for the same page than before; verify --deep says what is there now',
  poison: 'three workers stopped over this slice without a step forward; see their logs',
  destination_refuses_old: 'the destination takes nothing so old: see its knob in docs/backfill.md, or --skip-refused',
  // Of items that were left out.
  not_a_span: 'documents that are no spans; the first of them are in the dead letters',
  duplicate_in_source: 'the source holds them twice; one of each was sent',
  conflict_in_source: 'two values for one moment; the one that the source itself would show was sent',
  tombstone: 'deleted in the source',
  corrupt_chunk: 'chunks whose checksum does not hold; look at the disk of the source',
  corrupt_series: 'entries of an index that do not hold, each a series with all its samples in the block; look at the disk of the source',
  outside_of_block: 'series with samples earlier or later than meta.json says that their block is: Prometheus does not show them either',
  corrupt_index: 'a table of an index does not hold: its series were looked for one by one; look at the disk of the source',
  count_mismatch: 'fewer samples came out of blocks than meta.json says there are; verify --deep and promtool tsdb analyze tell more',
  expired: 'older than what the topic still holds',
  in_live: 'the bridge has them already, live',
  seam_duplicate: 'the bridge took them live, and they are on the new side already',
  after_cutover: 'later than the cutover: the bridge has what came then',
  stale_marker: 'marks that a series had ended; they are no samples',
  histogram_incomplete: 'buckets without the rest of their histogram',
  // Of items that the destination did not take.
  out_of_bounds: 'Prometheus: set storage.tsdb.out_of_order_time_window to the age of the history',
  out_of_order: 'Prometheus: set storage.tsdb.out_of_order_time_window to the age of the history',
  duplicate_sample: 'another value is there for the same moment; the one that was there first stays',
  too_far_behind: 'Loki: send history into streams of its own, or raise ingester.max_chunk_age',
  refused_again:
    'sent a second time after a stop or a lost connection, and refused as behind what is there: most likely they had arrived; verify --read-back tells',
  too_old: 'the destination has a limit of age: see its knob in docs/backfill.md',
  too_new: 'times in the future: look at the clocks of whoever wrote them',
  rate_limited: 'the destination dropped them for its limit of rate: raise it, or lower --rate',
  destination_error: 'the destination fails on these items again and again; they are in the dead letters',
  invalid: 'the destination did not say what is wrong with them; see its log',
  line_too_long: 'Loki: raise limits_config.max_line_size, or set max_line_size_truncate',
  trace_too_large: 'Tempo: raise max_bytes_per_trace of the tenant',
  refused_by_mimir: "Mimir's runbook has a paragraph on each err-mimir-… code; see the message",
  no_destination: 'no destination takes this signal: see emit.destinations',
}

/** Undefined where the word says it all. */
export const hintOf = (reason: string): string | undefined => (Object.hasOwn(hints, reason) ? hints[reason] : undefined)
