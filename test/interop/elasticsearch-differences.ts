/** In what our answers to bulk requests differ from Elasticsearch's, and why. The table in docs/elasticsearch.md is made of it. */

import type { AnswerDifference } from './elasticsearch-compare.ts'

export interface AllowedDifference {
  /** What is sent, as the page says it. */
  readonly sent: string
  readonly elasticsearch: string
  readonly bridge: string
  readonly why: string
  /** True when this is that difference: by its values. */
  explains(difference: AnswerDifference, major: 7 | 8): boolean
}

type Rule = AllowedDifference['explains']

const isError = (text: string | undefined): boolean => text === '"illegal_argument_exception"'
const statuses = ({ realAll, oursAll }: AnswerDifference): string => `${realAll.get('status')} ${oursAll.get('status')}`

/** The whole answer is another one: of these cases, with these statuses. */
const whole =
  (name: RegExp, real: string, ours: string): Rule =>
  (difference) =>
    name.test(difference.name) && statuses(difference) === `${real} ${ours}`

/** Place of the item that a path is in, and what that item came to on both sides. */
function item({ path, realAll, oursAll }: AnswerDifference): { readonly real: string; readonly ours: string } | undefined {
  const start = /^items\.\d+\.\w+/.exec(path)?.[0]
  if (start === undefined) return undefined
  const of = (all: ReadonlyMap<string, string>): string =>
    `${all.get(`${start}.status`)} ${all.get(`${start}.error.type`)?.replaceAll('"', '') ?? ''}`.trim()
  return { real: of(realAll), ours: of(oursAll) }
}

/** Some items of these cases came to something else, in a request that both took. */
const items =
  (name: RegExp, real: RegExp, ours: RegExp): Rule =>
  (difference) => {
    if (!name.test(difference.name) || statuses(difference) !== '200 200') return false
    if (difference.path === 'errors' || difference.path === 'ingest_took' || difference.path === '#') return true
    const found = item(difference)
    return found !== undefined && real.test(found.real) && ours.test(found.ours)
  }

const created = /^201$/
const unreadable = /^400 (mapper|document)_parsing_exception$/
const refused = /^400 illegal_argument_exception$/

/** Without what Jackson repeats of the request. */
const withoutSource = (text: string | undefined): string | undefined => text?.replace(/\[Source: .*?; line: 1, column/gs, '[Source; column')

export const allowedDifferences: readonly AllowedDifference[] = [
  {
    sent: 'any bulk request',
    elasticsearch: '8.19 begins with `errors`, then `took`; 7.17 the other way round',
    bridge: '`took`, `errors`, `items`, always',
    why: 'Fluent Bit looks for `"errors":false,"items":[` in the text of the answer',
    explains: ({ path, real, ours }, major) =>
      major === 8 && ((path === '#' && `${real}`.startsWith('errors took') && `${ours}`.startsWith('took errors')) || path === 'layout'),
  },
  {
    sent: 'any',
    elasticsearch: '7.17 answers `application/json; charset=UTF-8`, whatever `Accept` says',
    bridge: '`application/json`, or the versioned type that was asked for',
    why: 'as 8.x does; clients of 7.x read both',
    explains: ({ path, real }, major) => major === 7 && path === 'header content-type' && real === 'application/json;charset=utf-8',
  },
  {
    sent: 'an action line that is not JSON',
    elasticsearch: '8.19 repeats the line in the message',
    bridge: 'the same message with `[Source: REDACTED …]`, as Elasticsearch has it with `include_source_on_error=false`',
    why: 'data of senders goes into no message',
    explains: ({ path, real, ours }) => /reason$/.test(path) && real !== ours && withoutSource(real) === withoutSource(ours),
  },
  {
    sent: 'a document that is not JSON',
    elasticsearch: 'the message of its parser, the line in it, and two causes',
    bridge: 'the same status and type; a message of our own, with the column',
    why: 'another parser',
    explains: (difference) => {
      const found = item(difference)
      // Filters may have left the statuses out.
      const isSame = found === undefined || /^undefined/.test(found.real) || (found.real === found.ours && unreadable.test(found.ours))
      return /\.error(#|\.reason|\.caused_by.*)$/.test(difference.path) && isSame
    },
  },
  {
    sent: 'two objects in the line of a document',
    elasticsearch: '8.19: 400 `illegal_argument_exception`',
    bridge: '400 `document_parsing_exception`',
    why: 'as any other document that is not JSON',
    explains: items(/^document: \{"a":1\}\{"b":2\}/, refused, unreadable),
  },
  {
    sent: 'an index that several versions of a document go to: `index` with the same `_id`',
    elasticsearch: '200, `updated`, `_version` 2',
    bridge: '201, `created`, `_version` 1: a second record',
    why: 'the bridge stores no documents; repeated ids are counted',
    explains: ({ name, path }) => name === 'ids: the same twice with index' && /\.(_version|result|status)$/.test(path),
  },
  {
    sent: '`create` with the `_id` of an earlier `index`',
    elasticsearch: '409',
    bridge: '201',
    why: 'only ids of `create` make a repetition harmless; those of `index` may come again',
    explains: items(/^ids: create behind index/, /^409/, created),
  },
  {
    sent: '`create` with an `_id` that came before',
    elasticsearch: 'the error has the `index_uuid` of the index',
    bridge: '`_na_`',
    why: 'there is no index',
    explains: ({ path, ours }) => path.endsWith('.error.index_uuid') && ours === '"_na_"',
  },
  {
    sent: '`version` with `version_type`',
    elasticsearch: 'the version in the answer',
    bridge: '1',
    why: 'no documents are stored',
    explains: ({ name, path, ours }) => name === 'action: version, external' && path.endsWith('._version') && ours === '1',
  },
  {
    sent: '`if_seq_no` of a document that is not there',
    elasticsearch: '409',
    bridge: '201',
    why: 'no documents are stored',
    explains: items(/^action: sequence number that is not there/, /^409/, created),
  },
  {
    sent: '`delete`, `update`',
    elasticsearch: 'what became of the document: 200, 201, 404',
    bridge: '400 `illegal_argument_exception`, as a data stream answers; `upsert: append` takes documents of `update`',
    why: 'no documents are stored; 404 would be repeated by some clients',
    explains: items(/^(delete|update)/, /^(201|404)/, refused),
  },
  {
    sent: '`update` whose second line is wrong',
    elasticsearch: '400 for the whole request',
    bridge: '400 for the item',
    why: 'the others of the batch are good',
    explains: whole(/^update (of nothing|with an unknown member|with no JSON)/, '400', '200'),
  },
  {
    sent: '`pipeline` that does not exist, as parameter or in an action',
    elasticsearch: '400 for the item',
    bridge: '201; the name becomes the attribute `elasticsearch.pipeline`',
    why: 'pipelines are not run, and are counted',
    explains: items(/pipeline(=nope| that is not there)/, refused, created),
  },
  {
    sent: '`require_alias`, `require_data_stream`',
    elasticsearch: '404 for the item when there is none; 7.17 does not know the second',
    bridge: '201',
    why: 'there are no aliases and data streams to look for; 404 loses the document',
    explains: (difference, major) =>
      items(/require_(alias|data_stream)/, /^404/, created)(difference, major) ||
      (major === 7 && whole(/^action: require_data_stream/, '400', '200')(difference, major)),
  },
  {
    sent: '`list_executed_pipelines` in an action',
    elasticsearch: '7.17: 400, unknown parameter',
    bridge: 'taken',
    why: 'as 8.x does',
    explains: (difference, major) => major === 7 && whole(/^action: list_executed_pipelines/, '400', '200')(difference, major),
  },
  {
    sent: '`_type` in an action',
    elasticsearch: '8.19: 400, unknown parameter; 7.17: 400 for the item unless it is `_doc`',
    bridge: 'taken; the item has `"_type":"_doc"`',
    why: 'shippers of 6.x and 7.x send it',
    explains: (difference, major) =>
      major === 8
        ? whole(/^action: (a|another) type/, '400', '200')(difference, major)
        : items(/^action: another type/, refused, created)(difference, major) ||
          (difference.name === 'action: another type' && difference.path.endsWith('._type')),
  },
  {
    sent: '`/{index}/_doc/_bulk`',
    elasticsearch: '8.19 takes `_bulk` for the id of a document',
    bridge: 'a bulk request',
    why: 'shippers of 7.x send it',
    explains: (difference, major) => major === 8 && whole(/^headers: a path with a type/, '400', '200')(difference, major),
  },
  {
    sent: 'an action that does not exist',
    elasticsearch: '7.17 leaves it and the line behind it out, without a word',
    bridge: '400, as 8.x',
    why: 'silence loses data',
    explains: ({ name, path, ours, oursAll }, major) =>
      major === 7 &&
      /^(action: (unknown|in capitals|__proto__)$|framing: blank lines count)/.test(name) &&
      oursAll.get('status') === '400' &&
      (isError(ours) || /expected field \[create\]/.test(oursAll.get('error.reason') ?? '') || path === 'status'),
  },
  {
    sent: 'an action at the end without a document',
    elasticsearch: 'left out, without a word; 400 "no requests added" when there is no other',
    bridge: '400 `Malformed action/metadata line [n], expected a document`',
    why: 'the rest of the body was lost on its way',
    explains: (difference) =>
      /^framing: an action without a document/.test(difference.name) &&
      (difference.oursAll.get('error.reason') ?? '').includes('expected a document'),
  },
  {
    sent: 'an empty line where a document should be',
    elasticsearch: 'the empty line is the document, and the item 400; the line behind it is the next action',
    bridge: 'the line is skipped, and the next one is the document',
    why: 'actions and documents stay together',
    explains: ({ name }) => /^(framing: empty line where|document: nothing)/.test(name),
  },
  {
    sent: 'an index in date math: `<logs-{now/d}>`',
    elasticsearch: 'the name of the day',
    bridge: 'the text as it came',
    why: 'the time of a record stands in the record',
    explains: ({ name, path, ours }) => name === 'index: date math' && path.endsWith('._index') && (ours ?? '').includes('{now/d}'),
  },
  {
    sent: 'an empty index name',
    elasticsearch: '7.17: 500 for the item',
    bridge: '400, as 8.x',
    why: '500 is repeated for ever by some clients',
    explains: (difference, major) => major === 7 && items(/^index: ""/, /^500/, /^400 invalid_index_name_exception$/)(difference, major),
  },
  {
    sent: 'numbers that are too large for `version`',
    elasticsearch: '7.17: 500',
    bridge: '400, as 8.x',
    why: 'it is the request that is wrong',
    explains: ({ name, path }, major) => major === 7 && name === 'action: version, too large' && /^(status|error\.)/.test(path),
  },
  {
    sent: 'a name twice in a document; empty names, blank names, names of dots; `_id`, `_index`, `_source` in a document',
    elasticsearch: '400 for the item',
    bridge: '201; the last of two counts, and is counted',
    why: 'they can be log records, and nobody is helped by losing them',
    explains: items(/^document: (a name twice|empty name|blank name|names of dots|_\w+ in it)/, unreadable, created),
  },
  {
    sent: 'comments in a document, UTF-8 of half a pair or longer than it need be, a byte order mark before a document',
    elasticsearch: '201',
    bridge: '400 for the item',
    why: 'none of it is JSON',
    explains: items(/^document: (comment|UTF-8|byte order mark)/, created, unreadable),
  },
  {
    sent: 'a document that nests deeper than 100 (`limits.depth`)',
    elasticsearch: '8.19: more than 1000; 7.17 has no limit',
    bridge: '400 for the item',
    why: 'a limit for everything that a sender decides',
    explains: items(/^document: (depth|lists, depth)/, created, unreadable),
  },
  {
    sent: 'no Content-Type, or text/plain',
    elasticsearch: '406',
    bridge: 'taken, unless `lenientContentType` is false',
    why: 'there are shippers that do not set it',
    explains: whole(/^headers: (no Content-Type|text\/plain)/, '406', '200'),
  },
  {
    sent: 'another Content-Type, a method or a path that is not served',
    elasticsearch: '`{"error":"text","status":406}`, in the form that was asked for; 400 for a Content-Type that cannot be read',
    bridge: 'the same status (406 for all types) and text, in the form of other errors, as JSON',
    why: 'clients find `type` and `reason` where they look for them',
    explains: ({ name, path, realAll, oursAll }) =>
      /^headers: (a form|a word|CBOR|YAML|GET|DELETE|a path of nothing)$/.test(name) &&
      (realAll.get('status') === oursAll.get('status') || name === 'headers: a word') &&
      /^(#|status|error|text|layout|header content-type)/.test(path),
  },
  {
    sent: '`compatible-with=9`, or a versioned Content-Type without Accept',
    elasticsearch: '8.19: 400 `media_type_header_exception`',
    bridge: 'taken',
    why: 'clients that are newer than the version they are told',
    explains: (difference, major) => major === 8 && whole(/^headers: compatible-with=(9|8 without)/, '400', '200')(difference, major),
  },
  {
    sent: '`compatible-with=7`',
    elasticsearch: '8.19: `_type` stands before `status`',
    bridge: 'behind `_index`',
    why: 'as 7.x has it',
    explains: ({ name, path }, major) => major === 8 && name === 'headers: compatible-with=7' && path.endsWith('#'),
  },
  {
    sent: 'a gzip body that is none, or is cut off',
    elasticsearch: 'the connection is closed; what is there of the body is looked at',
    bridge: '400',
    why: 'a body that is not whole must not be half taken',
    explains: ({ name, oursAll }) => /^headers: gzip (that is none|cut off)/.test(name) && oursAll.get('status') === '400',
  },
  {
    sent: 'an unknown Content-Encoding',
    elasticsearch: 'the body as it is',
    bridge: '415',
    why: 'it is compressed, most likely',
    explains: whole(/^headers: an unknown encoding/, '200', '415'),
  },
  {
    sent: '`X-Opaque-Id`',
    elasticsearch: 'repeated in the answer',
    bridge: 'not repeated',
    why: 'nothing is traced by it here',
    explains: ({ path, ours }) => path === 'header x-opaque-id' && ours === undefined,
  },
  {
    sent: '`refresh=true`',
    elasticsearch: '`forced_refresh` in the item',
    bridge: 'no such member',
    why: 'there is nothing to refresh',
    explains: ({ name, path, ours, real }) =>
      name === 'query: refresh=true' && (path.endsWith('forced_refresh') || `${real}`.replace('forced_refresh ', '') === ours),
  },
  {
    sent: 'values of parameters that cannot be, and parameters that there are not',
    elasticsearch: '400 for the request',
    bridge: 'taken without effect; unknown ones are counted',
    why: 'none of them says anything about what becomes of a record',
    explains: whole(/^query: (refresh=x|timeout=abc|unknown=1)/, '400', '200'),
  },
]

/** The rows of the page. */
export function differencesTable(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  const rows = allowedDifferences.map(
    ({ sent, elasticsearch, bridge, why }) => `| ${cell(sent)} | ${cell(elasticsearch)} | ${cell(bridge)} | ${cell(why)} |`,
  )
  return ['| Sent | Elasticsearch | otlp-bridge | Why |', '| --- | --- | --- | --- |', ...rows].join('\n')
}
