/** Codes of alert rules: see codes.ts. */

export const alertCodes = {
  'OBD-A-001': {
    title: 'One alert while it holds',
    why: 'The old tool told once for each match; a rule of Loki or Prometheus fires for as long as its window holds something.',
    todo: 'Let `repeat_interval` of the route say how often somebody is told.',
  },
  'OBD-A-002': {
    title: 'Written paused',
    why: 'A rule that is not the same in every respect may fire wrongly, or never. So it is written paused.',
    todo: 'Look at what differs; then take the pause away, or run again with --accept-approximate.',
  },
  'OBD-A-003': {
    title: 'Receivers are only named',
    why: 'Passwords, tokens, addresses and webhooks are never copied.',
    todo: 'Set the receivers up in Alertmanager or Grafana; the sketch of a route says which labels lead to which.',
  },
  'OBD-A-004': {
    title: 'How often somebody is told',
    why: 'How often an alert is told again is a matter of the route, not of the rule.',
    todo: 'Set `repeat_interval` of the route; the sketch has the value.',
  },
  'OBD-A-005': {
    title: 'Not in the text of the alert',
    why: 'An alert has the labels it is grouped by, and a value. Other fields of documents cannot be named in its text.',
    todo: 'Group by the field as well, or open the logs behind the alert.',
  },
  'OBD-A-006': {
    title: 'Order of documents is lost',
    why: 'The old rule compared each document with the one before. A query counts what a window holds.',
    todo: 'Accept that every window with more than one value fires, or keep the old rule.',
  },
  'OBD-A-007': {
    title: 'Shorter memory',
    why: 'The old rule remembered for longer than a query of Loki usually may look back.',
    todo: 'Raise the window as far as `max_query_length` lets you, or write a recording rule.',
  },
  'OBD-A-008': {
    title: 'Silent groups are forgotten',
    why: 'A query gives only groups that are in the data. The old rule remembered every group that it ever saw.',
    todo: 'Widen the second window, or write one rule for each group that has to be there.',
  },
  'OBD-A-009': {
    title: 'Own code',
    why: 'The rule is decided by a program, which is not run and not translated.',
    todo: 'Write the rule by hand; the text of the old one is in the report.',
  },
  'OBD-A-010': {
    title: 'Kind of rule that cannot be converted',
    why: 'No query of logs or metrics asks the same.',
    todo: 'Keep the old rule, or find another one for its purpose.',
  },
  'OBD-A-011': {
    title: 'Another rhythm',
    why: 'The old schedule is not an interval. The rule is evaluated more often, and also at times when the old one was not.',
    todo: 'Restrict the times of day in the route (`active_time_intervals`), or accept it.',
  },
  'OBD-A-012': {
    title: 'Condition not understood',
    why: 'The condition is none of the shapes that a query can express.',
    todo: 'Finish the comparison by hand; the query is written as far as it is known.',
  },
  'OBD-A-013': {
    title: 'Input that cannot be asked',
    why: 'The rule reads something else than one search of an index.',
    todo: 'Collect it as logs or metrics first, then write the rule by hand.',
  },
  'OBD-A-014': {
    title: 'Type of documents',
    why: 'Documents have had no types since Elasticsearch 7, and they are not kept.',
    todo: 'Choose the streams by `indices:` of the mapping file, or add a field that tells the documents apart.',
  },
  'OBD-A-015': {
    title: 'Field that cannot be grouped by',
    why: 'The field is not a label, not structured metadata and not in a line of JSON.',
    todo: 'Map the field, or group by another one.',
  },
  'OBD-A-016': {
    title: 'Notifications in bundles',
    why: 'The old rule gathered alerts before it told somebody.',
    todo: 'Set `group_wait` and `group_by` of the route; the sketch has the values.',
  },
  'OBD-A-017': {
    title: 'No data',
    why: 'A query of Elasticsearch gave 0 where Loki gives nothing.',
    todo: 'Leave `noDataState` at OK, unless silence is what the rule watches.',
  },
  'OBD-A-018': {
    title: 'Something is missing in the rule',
    why: 'The rule lacks what its kind needs, or it has another shape than expected.',
    todo: 'Complete the old rule, or write the new one by hand.',
  },
  'OBD-A-019': {
    title: 'A file beside it is missing',
    why: 'The rule reads another file, which is not among the sources.',
    todo: 'Convert the whole folder, so that the file is there.',
  },
  'OBD-A-020': {
    title: 'Data source taken for granted',
    why: 'Nothing said which data source the new rule asks.',
    todo: 'Name it by --datasource or by `datasources:` of the mapping file.',
  },
  'OBD-A-021': {
    title: 'More than one rule',
    why: 'One old rule did what takes several rules now.',
    todo: 'Look at all of them; they have the same name, with what they are for.',
  },
  'OBD-A-022': {
    title: 'Metrics of spans',
    why: 'The old rule read what APM made of traces. The new one reads metrics that are made of spans.',
    todo: 'Make span metrics in the collector or in Tempo, and name whose they are by `targets: spanmetrics`.',
  },
  'OBD-A-023': {
    title: 'Another object is needed',
    why: 'The rule names an object that is not in the file.',
    todo: 'Export the rule with its references, or complete the numbers by hand.',
  },
  'OBD-A-024': {
    title: 'Not for this target',
    why: 'The rule asks logs, and the target holds only metrics; or the other way round.',
    todo: 'Use --to auto, or another target.',
  },
  'OBD-A-025': {
    title: 'Times of day',
    why: 'The old rule held only at certain times.',
    todo: 'Restrict the times in the route (`active_time_intervals`).',
  },
  'OBD-A-026': {
    title: 'Many series',
    why: 'The query makes one series of every value of the field. Loki refuses more than its limit.',
    todo: 'Raise `max_query_series`, or narrow the query.',
  },
  'OBD-A-027': {
    title: 'Reduced by Grafana before',
    why: 'The old alert of the panel reduced each series and compared it. Its state, its pause between alerts and its handling of gaps differ a little.',
    todo: 'Compare both for a while before the old one is switched off.',
  },
  'OBD-A-028': {
    title: 'Action without a counterpart',
    why: 'The old rule did something else than telling somebody: it wrote a document, called a program, or opened a ticket.',
    todo: 'Let a receiver do it.',
  },
  'OBD-A-029': {
    title: 'Switched off before',
    why: 'The old rule was switched off, muted or snoozed, so the new one is paused.',
    todo: 'Take the pause away when it is wanted.',
  },
  'OBD-A-030': {
    title: 'Only the end of a window counts',
    why: 'The old rule looked at every bucket of time, or only at documents it had not seen. The new one looks at the window that ends now.',
    todo: 'Nothing, as a rule. Widen the window if evaluations may be late.',
  },
  'OBD-A-031': {
    title: 'Watches what is removed',
    why: 'The rule asks monitors or the old store itself.',
    todo: "Use a prober or the new backend's own metrics.",
  },
  'OBD-A-032': {
    title: 'Only reported',
    why: 'Files of this form are made by another tool, which would overwrite a change.',
    todo: 'Change the source of that tool; the report has the new queries.',
  },
  'OBD-A-033': {
    title: 'Documents of an index',
    why: 'The mapping names no streams for the index. The bridge keeps the name of the index with each document, as `elasticsearch.index`, and the rule asks for it.',
    todo: 'Name a selector under `indices:` of the mapping file before clients send logs another way.',
  },
} as const
