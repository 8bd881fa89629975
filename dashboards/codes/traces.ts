/** Codes of traces: see codes.ts. */

export const traceCodes = {
  'OBD-T-001': {
    title: 'A search of the old traces store',
    why: 'Jaeger and Zipkin searches become TraceQL. Tempo finds spans of any length of trace; Jaeger on Cassandra may have found fewer.',
    todo: 'Nothing, but compare the first results.',
  },
  'OBD-T-002': {
    title: 'A tag that OTLP does not keep',
    why: 'The tag said how a span was written or transported. In OTLP it is a field that no query reaches, or nowhere.',
    todo: 'Leave it out, or ask for something that says the same.',
  },
  'OBD-T-003': {
    title: 'A value that TraceQL has no word for',
    why: 'Kind and status are compared with words of TraceQL: `server`, `error`.',
    todo: 'Write the word that is meant.',
  },
  'OBD-T-004': {
    title: 'A tag whose place depends on the span',
    why: 'The translation to OTLP puts the value in one of several places, by what else the span has.',
    todo: 'Look at a few spans, and keep the place that they have.',
  },
  'OBD-T-005': {
    title: 'Not a duration',
    why: 'Jaeger takes `100ms` or `1.2s`, Zipkin whole microseconds.',
    todo: 'Write the duration into the query.',
  },
  'OBD-T-006': {
    title: 'Tags that cannot be read',
    why: 'Tags of a search are logfmt (`k=v "k 2"="v 2"`) or a JSON object of texts.',
    todo: 'Add what is missing to the query.',
  },
  'OBD-T-007': {
    title: 'A graph of services',
    why: 'Jaeger and Zipkin compute dependencies of stored spans; Tempo shows the metrics of its service graph.',
    todo: 'Turn on service graphs in what makes metrics of spans, and name their Prometheus in the data source.',
  },
  'OBD-T-008': {
    title: 'Traces out of a file',
    why: 'The panel shows a file that was uploaded to the dashboard.',
    todo: 'Nothing asks a backend here; keep the old data source, or look for the trace by its id.',
  },
  'OBD-T-009': {
    title: 'A list that Tempo does not give',
    why: 'The variable lists operations of a service; Tempo lists values of one attribute, whatever the service.',
    todo: 'Compare the list, and filter it with a regular expression if it is too long.',
  },
  'OBD-T-010': {
    title: 'A link to the old traces',
    why: 'The link led into the user interface of Jaeger or Zipkin. It leads into Grafana now.',
    todo: 'Open it once.',
  },
  'OBD-T-011': {
    title: 'A link that cannot be taken along',
    why: 'What the link asks for cannot be read, or has no counterpart.',
    todo: 'Write the link by hand.',
  },
  'OBD-T-012': {
    title: 'Part of the configuration of the old user interface',
    why: 'Menus, the monitor tab and the graph of dependencies belong to the old user interface.',
    todo: 'Nothing, or a link in a dashboard.',
  },
  'OBD-T-013': {
    title: 'A link pattern',
    why: 'Links on tags, processes and logs become correlations of Grafana, which look for the name in the fields of the trace.',
    todo: 'Try one; correlations need Grafana 10 and are set by provisioning.',
  },
  'OBD-T-014': {
    title: 'A shape of query that is not known',
    why: 'The query has a type that no version of the data source is known to write.',
    todo: 'Write it by hand.',
  },
  'OBD-T-015': {
    title: 'A link to the old logs',
    why: 'The link led into Kibana. It leads into Grafana now, with the same filters.',
    todo: 'Open it once.',
  },
} as const
