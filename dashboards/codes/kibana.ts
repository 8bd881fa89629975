/** Codes of Kibana's saved objects. */

export const kibanaCodes = {
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
  'OBD-K-023': {
    title: 'Field keeps its name',
    why: 'A text that holds a field could not be read, so that it was left as it is.',
    todo: 'Look at the object in Kibana and rename the field by hand.',
  },
  'OBD-K-024': {
    title: 'Time is another field',
    why: 'The data view counts time by a field of its own. Records of OTLP have one time, which the bridge takes from `@timestamp`.',
    todo: 'If documents have no `@timestamp`, name the field of time in the mapping of the bridge, so that records carry it.',
  },
} as const
