/**
 * Codes of notes. They are public: never renumbered, never used for something else. The reference of codes is made of this table.
 * `G` Grafana, `P` PromQL, `L` logs, `K` Kibana, `T` traces, `A` alerts, `F` files and options.
 */

import { promqlCodes } from './codes/promql.ts'
import { traceCodes } from './codes/traces.ts'

export interface CodeRow {
  /** A short name. */
  readonly title: string
  /** Why it is so, one or two sentences. */
  readonly why: string
  /** What to do, one or two sentences. */
  readonly todo: string
}

export const codes = {
  'OBD-F-001': {
    title: 'Not understood',
    why: 'The file is none of the formats that can be converted.',
    todo: 'Name the format with --from if it is one; else leave the file out.',
  },
  'OBD-F-002': {
    title: 'For the other command',
    why: 'The file is of a format that `convert dashboards` and `convert alerts` share between them, and this is the other one of the two.',
    todo: 'Call the other command on the same sources.',
  },
  'OBD-F-003': {
    title: 'Read, not converted',
    why: 'The file only says something about others: types of metrics, options of all rules.',
    todo: 'Nothing.',
  },
  'OBD-F-004': {
    title: 'Known, not converted',
    why: 'The format is recognised, but nothing converts it.',
    todo: 'Do this one by hand; the report names the file, so that it is not forgotten.',
  },
  'OBD-F-005': {
    title: 'Cannot be read',
    why: 'The file is broken, or beyond a limit: 64 MiB, 200 levels, 2,000,000 values.',
    todo: 'The note names the place. Export the file again, or split it.',
  },
  'OBD-F-006': {
    title: 'Fault of the conversion',
    why: 'The program met something that it should have been ready for. Nothing was written for this file, the others were done.',
    todo: 'Please report it, with the note and the part of the file that it names.',
  },
  'OBD-F-007': {
    title: 'Stands elsewhere',
    why: 'A resource of Kubernetes names its dashboard by a URL, a number or a compressed text, and does not hold it as text.',
    todo: 'Fetch that dashboard, and convert it by itself.',
  },
  'OBD-F-008': {
    title: 'Nothing for this command',
    why: 'The parts of the file are known, but none of them is what this command converts.',
    todo: 'Call the other command, or leave the file out.',
  },
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
  'OBD-G-001': {
    title: 'Data source taken for granted',
    why: 'The query names no data source, or one that nobody describes. It was read as what it looks like.',
    todo: 'Put the provisioning file of the data sources among the sources, or name it by --datasource.',
  },
  'OBD-G-002': {
    title: 'New data source is chosen by a variable',
    why: 'The query is asked by another plugin now, and nobody says which data source of it is meant. A variable of the dashboard lets Grafana offer them.',
    todo: 'Name it by --datasource or by `datasources:` of the mapping file, or choose it in the dashboard.',
  },
  'OBD-G-003': {
    title: 'Not part of the migration',
    why: 'The query is asked of a data source that the migration does not touch.',
    todo: 'Nothing, as long as that data source stays.',
  },
  'OBD-G-004': {
    title: 'Cannot be asked any more',
    why: 'No query of the new data source asks the same. The old query is kept: in a text panel of the same place, or hidden beside the others of its panel.',
    todo: 'Write the panel anew with the data that there is, or leave it out.',
  },
  'OBD-G-005': {
    title: 'Library panel is missing',
    why: 'The panel stands in another file, which is not among the sources.',
    todo: 'Export the library panel and convert it with the dashboard.',
  },
  'OBD-G-006': {
    title: 'A name that cannot be followed',
    why: 'The panel speaks of a label or a series whose new name is not the same in all of its queries, or which is gone.',
    todo: 'Look at the place and choose the new name.',
  },
  'OBD-G-007': {
    title: 'Pattern over names',
    why: 'A regular expression reads names of series or labels, some of which have changed.',
    todo: 'Look whether it still fits the new names.',
  },
  'OBD-G-008': {
    title: 'Variable that holds names',
    why: 'The values of the variable are written by hand and speak of names that have changed.',
    todo: 'Change the values, if queries use them as names.',
  },
  'OBD-G-009': {
    title: 'Variable that reads the text of series',
    why: 'A regular expression takes the values of the variable out of the text of series, in which names have changed.',
    todo: 'Look at the values that the variable offers.',
  },
  'OBD-G-010': {
    title: 'Alert of a panel',
    why: 'Alerts of panels have not been evaluated since Grafana 11. Rules beside dashboards took their place.',
    todo: 'Load the rule that was written, and compare it with the old one.',
  },
  'OBD-G-011': {
    title: 'The panel has another unit',
    why: 'The values are in another unit now, and the panel was told so, rather than the query dividing them.',
    todo: 'Look at thresholds and axes once.',
  },
  'OBD-G-012': {
    title: 'Panel of another kind',
    why: 'The panel was of a kind that newer versions of Grafana do not have. What the new kind has no setting for is lost.',
    todo: 'Compare both; the report lists what is lost.',
  },
  'OBD-G-013': {
    title: 'Query was not judged',
    why: 'The query is for a data source that stays, and the grammar at hand does not read it.',
    todo: 'Nothing, as long as the query worked before.',
  },
  'OBD-G-014': {
    title: 'Link of exemplars or logs to traces',
    why: 'Trace ids are under another name after OTLP, or lie in another store.',
    todo: 'Keep the old entry for as long as old data is shown.',
  },
  'OBD-G-015': {
    title: 'Ids were given',
    why: 'Panels without an id get lost when Grafana converts a dashboard between its formats.',
    todo: 'Nothing.',
  },
  'OBD-G-016': {
    title: 'Variables that need each other',
    why: 'Each of them asks for the value of the other.',
    todo: 'Take one of the references out.',
  },
  'OBD-G-017': {
    title: 'Label is gone from the series',
    why: 'Series do not carry the label any more, so that a legend, a column or a link shows nothing for it.',
    todo: 'Promote the resource attribute in the backend, or take it from `target_info`.',
  },
  'OBD-G-018': {
    title: 'Filter for another field',
    why: 'A saved filter names a field that has another name now.',
    todo: 'Nothing.',
  },
  'OBD-G-021': {
    title: 'Repeated by a variable without a list',
    why: 'The panel is repeated for every value of a variable, and the values cannot be listed any more.',
    todo: 'Give the variable a list of values, or leave out the repetition.',
  },
  'OBD-G-020': {
    title: 'Secret was taken out',
    why: 'Passwords, tokens and keys that stand in a file are never written into another one.',
    todo: 'Let the file point to the secret (`$__file{…}`, `$__env{…}`), or put it in again.',
  },
  'OBD-G-019': {
    title: 'Shape not understood',
    why: 'A part of the file has another shape than any version of Grafana writes. It was left as it is.',
    todo: 'Open the dashboard in Grafana, save it, and convert it again.',
  },
  'OBD-K-001': {
    title: 'Reference leads nowhere',
    why: 'A panel, a saved search or a data view that is referred to by id is not in the export.',
    todo: 'Export with "include related objects", or hand the other files over as well.',
  },
  'OBD-K-002': {
    title: 'Kind of panel without a counterpart',
    why: 'Grafana has no panel that shows this, or what it shows is no query of logs or metrics.',
    todo: 'Look at the placeholder, which keeps the old panel, and decide whether something else answers the question.',
  },
  'OBD-K-003': {
    title: 'Filter cannot be read',
    why: 'A query or a filter of the panel, its saved search or the dashboard is not understood. Without it numbers would be of other documents, so nothing is asked.',
    todo: 'Write the filter more simply in the old dashboard and convert again, or write the new query by hand.',
  },
  'OBD-K-004': {
    title: 'Documents are lines',
    why: 'A saved search is a table of documents with columns; a panel of logs shows lines, in which the columns stand one behind the other.',
    todo: 'Nothing. Details of a line show all of its fields.',
  },
  'OBD-K-005': {
    title: 'Time range of its own',
    why: 'The panel has a time range of its own that Grafana cannot say relative to the dashboard.',
    todo: 'Set the time of the dashboard, or the relative time of the panel, by hand.',
  },
  'OBD-K-006': {
    title: 'Split charts',
    why: 'The old panel draws one chart for each value; the new one draws all of them in one.',
    todo: 'Repeat the panel by a variable if the charts have to be apart.',
  },
  'OBD-K-007': {
    title: 'Part of the look is lost',
    why: 'A setting of how the panel looks has no counterpart.',
    todo: 'Look at the panel; nothing is wrong with its numbers.',
  },
  'OBD-K-008': {
    title: 'Control became a variable',
    why: 'Values of a field are looked up only for index labels of Loki; other controls are text boxes, which take a regular expression.',
    todo: 'Make the field an index label, or give the variable a list of its values.',
  },
  'OBD-K-009': {
    title: 'Program instead of a panel',
    why: 'Vega, Canvas, Timelion and the like are programs. They are kept as text and never run.',
    todo: 'Build the panel again from the text in the placeholder.',
  },
  'OBD-K-010': {
    title: 'Aggregation differs',
    why: 'The aggregation has no counterpart, or one that differs as the note says.',
    todo: 'Read the note; compare the numbers of both panels.',
  },
  'OBD-K-011': {
    title: 'Script or template',
    why: 'Scripts and templates are not run. Plain arithmetic in them is taken over.',
    todo: 'Write the script as a query or as a transformation.',
  },
  'OBD-K-012': {
    title: 'Link that stays behind',
    why: 'A link or a drilldown points into Kibana, or has a template that Grafana does not know.',
    todo: 'Point it at its new place by hand.',
  },
  'OBD-K-013': {
    title: 'Field is a script',
    why: 'The field is computed by Elasticsearch while it searches (a runtime or scripted field). Its value is nowhere in the documents that were sent on.',
    todo: 'Compute it where documents are shipped, or in the query with a `label_format`.',
  },
  'OBD-K-014': {
    title: 'More than is read',
    why: 'The dashboard has more panels, series or objects than a conversion takes.',
    todo: 'Split the dashboard.',
  },
  'OBD-K-015': {
    title: 'On no dashboard',
    why: 'The object is on no dashboard of the export. It is on a dashboard of its own now, with all others like it.',
    todo: 'Move the panel where it belongs, or delete it.',
  },
  'OBD-K-016': {
    title: 'Formula cannot be read',
    why: 'The formula is not understood.',
    todo: 'Write the query by hand.',
  },
  'OBD-K-017': {
    title: 'Ask only one number',
    why: 'The panel shows the last bucket of time; its width decides about the number, in the old panel as in the new.',
    todo: 'Set a fixed interval if the number has to be comparable.',
  },
  'OBD-K-018': {
    title: 'Annotations of one panel',
    why: 'Grafana draws annotations over all panels of a dashboard.',
    todo: 'Restrict the annotation to its panel in the settings of the dashboard.',
  },
  'OBD-K-019': {
    title: 'Object without a counterpart',
    why: 'The object is no dashboard and nothing that one shows: settings, tags, connectors.',
    todo: 'Nothing, unless something depends on it.',
  },
  'OBD-K-020': {
    title: 'Documents stay in Elasticsearch',
    why: 'The dashboard was written for Grafana and Loki, while `targets.logs.flavour` says that logs are in Elasticsearch.',
    todo: 'Convert with `--to kibana`, or change the mapping file.',
  },
  'OBD-K-021': {
    title: 'Data source is chosen when the dashboard is shown',
    why: 'The mapping names no new data source. Panels use a variable of the dashboard, whose first value is the default data source of its kind.',
    todo: 'Name data sources in `datasources:` of the mapping file, or leave the variable.',
  },
  'OBD-K-022': {
    title: 'Index is another',
    why: 'Elasticsearch keeps logs that came by OTLP in `logs-*.otel-*`. A pattern for other indices would find none of them; the wider one finds logs of everybody.',
    todo: 'Narrow the data view to the data sets that its old indices held, or add a filter.',
  },
  'OBD-K-024': {
    title: 'Time is another field',
    why: 'The data view counts time by a field of its own. Records of OTLP have one time, which the bridge takes from `@timestamp`.',
    todo: 'If documents have no `@timestamp`, name the field of time in the mapping of the bridge, so that records carry it.',
  },
  'OBD-K-023': {
    title: 'Field keeps its name',
    why: 'A text that holds a field could not be read, so that it was left as it is.',
    todo: 'Look at the object in Kibana and rename the field by hand.',
  },
  'OBD-L-001': {
    title: 'Analysed text',
    why: "Elasticsearch compares words of analysed text: letters' case, stems and signs do not count as they do in a regular expression.",
    todo: 'Compare some results; write the pattern more loosely or more strictly where they differ.',
  },
  'OBD-L-002': {
    title: 'A word in any field',
    why: 'A word without a field is looked for in all fields; here it is looked for in the log line.',
    todo: 'Name the field if it was meant to be another one than the message.',
  },
  'OBD-L-003': {
    title: 'A range of text',
    why: 'LogQL compares numbers, durations, bytes and addresses, but no text or dates.',
    todo: 'Ask for the values one by one, or with a regular expression.',
  },
  'OBD-L-004': {
    title: 'A range of time in the query',
    why: 'The time range of a LogQL query is that of the panel or the rule; it cannot stand in the query.',
    todo: "Set the panel's own time range if it has to differ from the dashboard's.",
  },
  'OBD-L-005': {
    title: 'Fuzzy or near words',
    why: 'LogQL knows no similar words and no distance between words.',
    todo: 'The words themselves are asked for. Add spellings that are meant to be found.',
  },
  'OBD-L-006': {
    title: 'Pairs in a list of objects',
    why: 'Names of fields in a list of objects are flattened, so that conditions need not hold for the same object.',
    todo: 'Look whether lists of several objects occur at all.',
  },
  'OBD-L-007': {
    title: 'A pattern of field names',
    why: 'Which fields fit is not known without a list of the fields.',
    todo: 'Name the fields, or give the data view with the dashboards.',
  },
  'OBD-L-008': {
    title: 'A field of Elasticsearch itself',
    why: '`_id`, `_type` and an `_index` that the mapping says nothing of exist only in Elasticsearch.',
    todo: 'Say in `indices:` of the mapping file which selector stands for the index, or leave the condition out.',
  },
  'OBD-L-009': {
    title: 'A condition that logs cannot be asked',
    why: 'Scripts, geometry, joins, vectors and stored queries have no counterpart in LogQL.',
    todo: 'Write by hand what was meant.',
  },
  'OBD-L-010': {
    title: 'All streams are searched',
    why: 'No condition is on an index label, and the mapping has no selector for the index: Loki reads everything.',
    todo: 'Give the index a `selector:` in `indices:` of the mapping file.',
  },
  'OBD-L-011': {
    title: 'A number of conditions of several',
    why: '`minimum_should_match` counts how many conditions hold; LogQL cannot count.',
    todo: 'Write the combinations out.',
  },
  'OBD-L-012': {
    title: 'A regular expression with other operators',
    why: "Lucene's operators `~ & @ < > #` have no counterpart in RE2.",
    todo: 'Write the pattern anew.',
  },
  'OBD-L-013': {
    title: "Letters' case",
    why: 'Levels, methods and systems may be written differently after the migration, so that case is ignored.',
    todo: 'Nothing, unless values differed only in case.',
  },
  'OBD-L-014': {
    title: 'A field that is left out',
    why: 'The mapping drops the field.',
    todo: 'Keep the field in the mapping file, or leave the condition out.',
  },
  'OBD-L-015': {
    title: 'A field with more than one place',
    why: 'Where the field is depends on other fields of each document, or its values are written differently.',
    todo: 'Look at some records, and correct the name if it is another.',
  },
  'OBD-L-016': {
    title: 'A query that cannot be read',
    why: 'The text is not of its language.',
    todo: 'Correct it in the source: it fails there, too.',
  },
  'OBD-L-017': {
    title: 'Line or field',
    why: 'One of several conditions is on the line, another on a field: LogQL has to copy the line into a label first, which is slow.',
    todo: 'Nothing; or write two queries.',
  },
  'OBD-L-018': {
    title: 'Buckets of a calendar',
    why: "Months, weeks and days of a time zone are no fixed intervals; Loki's steps are.",
    todo: 'Look at the edges of the buckets.',
  },
  'OBD-L-019': {
    title: 'Number of different values',
    why: 'Loki counts series, of which a query may have only so many (500 unless configured otherwise).',
    todo: 'Raise `max_query_series`, or count something with fewer values.',
  },
  'OBD-L-020': {
    title: 'The first of many, over time',
    why: 'Loki would rank anew at each step; so all groups are shown.',
    todo: 'Limit the legend or the panel, or keep the table, which ranks over the whole time.',
  },
  'OBD-L-021': {
    title: 'Numbers made of several buckets',
    why: 'LogQL has no queries of queries; Grafana computes it behind the query.',
    todo: 'Compare the numbers; edges of the time range differ.',
  },
  'OBD-L-022': {
    title: 'Documents instead of a number',
    why: 'The latest text or the top documents are no number: they are shown as logs.',
    todo: 'Choose the columns that are to be seen.',
  },
  'OBD-L-023': {
    title: 'Number of documents that became metrics',
    why: 'Samples of a metric are not the documents that they came in.',
    todo: 'Ask for the metric itself, or leave the panel out.',
  },
  'OBD-L-024': {
    title: 'Groups that cannot be made',
    why: 'Significant and rare terms, geometry and random samples have no counterpart in LogQL.',
    todo: 'Group by a field.',
  },
  'OBD-L-025': {
    title: 'A function that LogQL has not',
    why: 'The function is computed by Grafana, or cannot be.',
    todo: 'Compare the numbers.',
  },
  'OBD-L-026': {
    title: 'A query in another language',
    why: 'PPL, SQL and queries of other plugins are not understood.',
    todo: 'Write the query anew in LogQL.',
  },
  'OBD-L-027': {
    title: 'Values of a field that is no index label',
    why: 'Loki lists values of index labels only.',
    todo: 'Type the value into the text box, make a fixed list, or make the attribute an index label.',
  },
  'OBD-L-028': {
    title: 'Names of fields as values',
    why: 'A variable that lists fields has no counterpart.',
    todo: 'Make a fixed list.',
  },
  'OBD-L-029': {
    title: 'Steps of a number',
    why: 'Groups of a number are computed in a template of LogQL, which rounds differently and makes one series a step.',
    todo: 'Choose a large step.',
  },
  'OBD-L-030': {
    title: 'The others',
    why: 'What is not among the first groups is a difference of two queries.',
    todo: 'Look whether the sum is what is needed.',
  },
  'OBD-L-031': {
    title: 'A lookup in a JSON line',
    why: 'The field is a member of the message, which is JSON: every line is parsed.',
    todo: 'Nothing; or make it an attribute.',
  },
  'OBD-L-032': {
    title: 'A variable for the whole query',
    why: 'A variable holds a query of the old language.',
    todo: 'Replace the variable by one that holds a value.',
  },
  'OBD-L-033': {
    title: 'Two fields with one name',
    why: 'In Loki both names become the same.',
    todo: 'Rename one of them in the mapping file.',
  },
  'OBD-L-034': {
    title: 'Empty groups',
    why: 'Elasticsearch shows 0 where nothing is; Loki shows nothing.',
    todo: 'Let the panel show missing values as 0.',
  },
  'OBD-L-035': {
    title: 'A counter in logs',
    why: 'The rate of a counter that stands in documents is known only where its resets are seen.',
    todo: 'Send the counter as a metric and ask PromQL for its rate.',
  },
  'OBD-L-036': {
    title: 'A metric that depends on a script',
    why: 'Scripted metrics and runtime fields are computed in Elasticsearch.',
    todo: 'Write by hand what was meant.',
  },
  'OBD-L-037': {
    title: 'Ranges of dates as groups',
    why: 'Each range is a query of its own that looks back.',
    todo: 'Compare the numbers.',
  },
  'OBD-L-038': {
    title: 'An empty value',
    why: 'An attribute without text is not kept by Loki.',
    todo: 'Ask whether the field is there.',
  },
  'OBD-L-039': {
    title: 'Name of a metric that is taken for granted',
    why: "Names of documents' metrics depend on their type, which nobody said.",
    todo: 'Say the type in `metrics:` of the mapping file.',
  },
  'OBD-L-040': {
    title: 'Ordered otherwise',
    why: 'Lines are ordered by time; groups by value.',
    todo: 'Sort the table in the panel.',
  },
  'OBD-L-041': {
    title: 'A metric that was a field',
    why: 'Values of documents are samples of a gauge now: rates and quantiles are computed over samples, not over buckets of documents.',
    todo: 'Compare the numbers.',
  },
  'OBD-L-042': {
    title: 'An attribute of the resource beside metrics',
    why: 'Prometheus keeps attributes of the resource on `target_info`, and only those that are promoted on every series.',
    todo: 'Promote the attribute at the backend, and name it in `targets.metrics.promoted`.',
  },
  ...traceCodes,
  ...promqlCodes,
  'OBD-A-033': {
    title: 'Documents of an index',
    why: 'The mapping names no streams for the index. The bridge keeps the name of the index with each document, as `elasticsearch.index`, and the rule asks for it.',
    todo: 'Name a selector under `indices:` of the mapping file before clients send logs another way.',
  },
} as const satisfies Readonly<Record<`OBD-${'G' | 'P' | 'L' | 'K' | 'T' | 'A' | 'F'}-${string}`, CodeRow>>

export type Code = keyof typeof codes
