/** Codes of PromQL and of rules in it: see codes.ts. */

export const promqlCodes = {
  'OBD-P-001': {
    title: 'Not parsed',
    why: 'The text is no PromQL that the grammar of Prometheus knows, also when its variables are left out. It is not touched.',
    todo: 'Look whether the query works in the old place; functions that Prometheus 3 does not have any more (holt_winters) have to be written anew.',
  },
  'OBD-P-002': {
    title: 'Too long or too deep',
    why: 'A query is read up to 64 KiB and 400 levels.',
    todo: 'Cut the query into recording rules, and convert these.',
  },
  'OBD-P-003': {
    title: 'Pattern on names',
    why: 'The query asks for metrics by a pattern, or by no name at all. What the pattern meets has other names or another scale now, or it is not known what it meets.',
    todo: 'Give the metadata of the old Prometheus with --metadata, or write the names that are meant.',
  },
  'OBD-P-004': {
    title: 'Name in a variable',
    why: 'A name of a metric, a function or a whole expression stands in a variable. What is in the variable is not known here.',
    todo: 'Look at the values of the variable: they need the new names.',
  },
  'OBD-P-005': {
    title: 'Label of the resource',
    why: 'The label is an attribute of the resource now, and on target_info alone. A join brings it back.',
    todo: 'Better: let the backend promote the attribute (`promote_resource_attributes`) and name it in targets.metrics.promoted; the query needs no join then.',
  },
  'OBD-P-006': {
    title: 'Label that is gone',
    why: 'A label that the query reads is nowhere any more.',
    todo: 'Take it out of the query, or keep it in the mapping file.',
  },
  'OBD-P-007': {
    title: 'Series that is gone',
    why: 'There is no such series any more: `_created` became start times, or nothing is left of the name.',
    todo: 'Take it out, or set translate.prometheus.created: keep.',
  },
  'OBD-P-008': {
    title: 'Series of the scraper',
    why: 'up, scrape_… and ALERTS are made by the Prometheus that scrapes or evaluates. up and scrape_… stay what they are as long as it goes on and sends them; ALERTS is made where the rules are evaluated.',
    todo: 'Keep the scraping Prometheus, or ask for `absent_over_time(target_info{…}[5m])` instead.',
  },
  'OBD-P-009': {
    title: 'Type taken for granted',
    why: 'Nobody says of which type the metric is, and the new name depends on it.',
    todo: 'Give the answer of /api/v1/metadata of the old Prometheus with --metadata, or the type in the mapping file.',
  },
  'OBD-P-010': {
    title: 'Range too short',
    why: 'The range holds fewer than four exports, so that rates have gaps.',
    todo: 'Use $__rate_interval, or a longer range.',
  },
  'OBD-P-011': {
    title: 'Native histogram',
    why: 'Buckets are stored as one native histogram now, and the query uses them in a way that has no equal, or only one that interpolates.',
    todo: 'Write the query with histogram_quantile, histogram_fraction, histogram_count and histogram_sum.',
  },
  'OBD-P-012': {
    title: 'Bound of a bucket',
    why: 'A bound is compared as text, and is written another way now, or is multiplied.',
    todo: 'Compare with the bounds that the backend shows.',
  },
  'OBD-P-013': {
    title: 'Sides with different labels',
    why: 'Labels were renamed on one side of an operator and not on the other, so that their series do not meet as before.',
    todo: 'Name the labels that both sides share with on ().',
  },
  'OBD-P-014': {
    title: 'Scale',
    why: 'Values have another unit now. The query multiplies them back, or the panel has to show the new unit.',
    todo: 'Nothing, or use the new unit in the panel and take the factor out.',
  },
  'OBD-P-015': {
    title: 'Mixed scales',
    why: 'One selector meets metrics whose values are multiplied and others whose values are not.',
    todo: 'Ask for them in two queries.',
  },
  'OBD-P-016': {
    title: 'Old and new',
    why: 'Both series are asked for, so that a range across the cutover shows both.',
    todo: 'Convert without --transition when nobody looks at the time before.',
  },
  'OBD-P-017': {
    title: 'No old and new',
    why: 'Old and new series cannot stand in one query: their labels or scales differ, or it counts what is there.',
    todo: 'Use --transition=recording, or look at the old backend for the time before.',
  },
  'OBD-P-018': {
    title: 'Deltas',
    why: 'The backend stores the counter as deltas, so that a sum over time stands for the rate.',
    todo: 'Nothing.',
  },
  'OBD-P-019': {
    title: 'New labels',
    why: 'The backend puts the scope on every series; what removes labels by name has to remove these, too.',
    todo: 'Nothing.',
  },
  'OBD-P-020': {
    title: 'Quoted name',
    why: 'The new name is written in quotes, which needs Prometheus 3, or Mimir with UTF-8 names.',
    todo: 'Use a strategy that escapes names if the backend is older.',
  },
  'OBD-P-021': {
    title: 'Matchers in a variable',
    why: 'Labels and values stand in a variable. What is in the variable is not known here.',
    todo: 'Look at the values of the variable: they need the new labels.',
  },
  'OBD-P-022': {
    title: 'Rules at the new backend',
    why: 'Recorded series have the labels of the rule, and these are other ones now.',
    todo: 'Move the recording rules together with the dashboards.',
  },
  'OBD-P-030': {
    title: 'Watches what goes',
    why: 'The rule watches a component that the migration removes: Prometheus itself, its remote write, or a collector of Jaeger or Zipkin.',
    todo: 'Take it out when the component is gone; watch the bridge and the new backend instead.',
  },
  'OBD-P-031': {
    title: 'Name of a recorded series',
    why: 'The backend would translate the name that the rule gives to its series.',
    todo: 'Give the series a name of letters, digits, _ and :.',
  },
  'OBD-P-032': {
    title: 'Label in a template',
    why: 'A template reads a label or runs a query that could not be followed.',
    todo: 'Look at the annotation.',
  },
  'OBD-P-033': {
    title: 'Label that alerts no longer have',
    why: 'A route, an inhibition or a grouping names a label that the rules no longer carry.',
    todo: 'Use the new name.',
  },
  'OBD-P-034': {
    title: 'Console template',
    why: 'Prometheus 3 has no consoles. The queries in them are converted in place.',
    todo: 'Make a dashboard of it.',
  },
  'OBD-P-035': {
    title: 'Paused',
    why: 'The rule is approximate and was not written as it is: it would fire when it should not, or never.',
    todo: 'Look at it, and give --accept-approximate.',
  },
} as const
