/**
 * Codes of notes. They are public: never renumbered, never used for something else. The reference of codes is made of this table.
 * `G` Grafana, `P` PromQL, `L` logs, `K` Kibana, `T` traces, `A` alerts, `F` files and options.
 */

import { alertCodes } from './codes/alerts.ts'
import { kibanaCodes } from './codes/kibana.ts'
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
  'OBD-G-022': {
    title: 'Written in the form it came in',
    why: 'The form that --to asks for is not made of a file of this kind.',
    todo: 'Load the file into Grafana, which writes it in its newer forms, or leave --to out.',
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
  ...kibanaCodes,
  ...traceCodes,
  ...promqlCodes,
  ...alertCodes,
} as const satisfies Readonly<Record<`OBD-${'G' | 'P' | 'L' | 'K' | 'T' | 'A' | 'F'}-${string}`, CodeRow>>

export type Code = keyof typeof codes
