/** `_cat`: the same as tables. */

import { type Asked, replyJson, replyText } from './handshake-replies.ts'
import type { Find, Route } from './handshake-routes.ts'
import { wantsJson } from './media-type.ts'
import { fits, namesOf } from './names.ts'
import type { Registry } from './registry.ts'

export interface CatOptions {
  readonly registry: () => Promise<Registry>
  readonly clusterName: string
  readonly nodeName: string
  readonly nowMs: () => number
}

interface Table {
  readonly columns: readonly string[]
  /** @param list names that were asked for */
  rows(list: string | undefined): Promise<readonly (readonly string[])[]>
}

const nothing = async (): Promise<readonly (readonly string[])[]> => []

const words = (text: string): readonly string[] => text.split(' ')

/** Tables that are always empty: nothing of it is here. */
const empty: Readonly<Record<string, string>> = {
  plugins: 'name component version',
  shards: 'index shard prirep state docs store ip node',
  allocation: 'shards disk.indices disk.used disk.avail disk.total disk.percent host ip node',
  recovery: 'index shard time type stage source_host source_node target_host target_node',
  segments: 'index shard prirep ip segment generation docs.count docs.deleted size size.memory committed searchable version compound',
  pending_tasks: 'insertOrder timeInQueue priority source',
  nodeattrs: 'node host ip attr value',
  thread_pool: 'node_name name active queue rejected',
  fielddata: 'id host ip node field size',
  repositories: 'id type',
  tasks: 'action task_id parent_task_id type start_time timestamp running_time ip node',
}

function linesOf(columns: readonly string[], rows: readonly (readonly string[])[], withHead: boolean): string {
  const all = withHead ? [columns, ...rows] : rows
  const widths = columns.map((_column, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)))
  return all.map((row) => `${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' ')}\n`).join('')
}

/** The row of a template, out of what was kept for it. */
function templateRow(name: string, line: string): readonly string[] {
  const [patterns = '', order = '', version = '', composed = ''] = line === '' ? [] : (JSON.parse(line) as string[])
  return [name, patterns, order, version, composed]
}

/** Finds the routes of `_cat`. */
export function createCat({ registry, clusterName, nodeName, nowMs }: CatOptions): Find {
  const wanted = (list: string | undefined): ((name: string) => boolean) => {
    const names = namesOf(list)
    return (name) => names === undefined || names.some((one) => fits(one, name))
  }

  const tables: ReadonlyMap<string, Table> = new Map<string, Table>([
    ...Object.entries(empty).map(([name, columns]): [string, Table] => [name, { columns: words(columns), rows: nothing }]),
    [
      'health',
      {
        columns: words(
          'epoch timestamp cluster status node.total node.data shards pri relo init unassign pending_tasks max_task_wait_time active_shards_percent',
        ),
        async rows() {
          const now = new Date(nowMs())
          const epoch = String(Math.floor(now.getTime() / 1000))
          return [[epoch, now.toISOString().slice(11, 19), clusterName, 'green', ...words('1 1 0 0 0 0 0 0 - 100.0%')]]
        },
      },
    ],
    [
      'nodes',
      {
        columns: words('ip heap.percent ram.percent cpu load_1m load_5m load_15m node.role master name'),
        rows: async () => [['127.0.0.1', '0', '0', '0', '0.00', '0.00', '0.00', 'dim', '*', nodeName]],
      },
    ],
    ['master', { columns: words('id host ip node'), rows: async () => [[(await registry()).uuid, '127.0.0.1', '127.0.0.1', nodeName]] }],
    ['count', { columns: words('epoch timestamp count'), rows: nothing }],
    [
      'indices',
      {
        columns: words('health status index uuid pri rep docs.count docs.deleted store.size pri.store.size'),
        async rows(list) {
          const isWanted = wanted(list)
          const names = (await registry()).heads('index').map(({ name }) => name)
          return names.filter(isWanted).map((name) => ['green', 'open', name, '_na_', '1', '0', '0', '0', '0b', '0b'])
        },
      },
    ],
    [
      'aliases',
      {
        columns: words('alias index filter routing.index routing.search is_write_index'),
        async rows(list) {
          const isWanted = wanted(list)
          const pairs = (await registry()).heads('alias').map(({ name }) => name.split('/'))
          return pairs.filter(([alias = '']) => isWanted(alias)).map(([alias = '', index = '']) => [alias, index, '-', '-', '-', '-'])
        },
      },
    ],
    [
      'templates',
      {
        columns: words('name index_patterns order version composed_of'),
        async rows(list) {
          const isWanted = wanted(list)
          const from = await registry()
          const all = [...from.heads('template'), ...from.heads('index_template')]
          return all.filter(({ name }) => isWanted(name)).map(({ name, line }) => templateRow(name, line))
        },
      },
    ],
    [
      'component_templates',
      {
        columns: words('name version alias_count mapping_count settings_count metadata_count included_in'),
        async rows(list) {
          const isWanted = wanted(list)
          const names = (await registry()).heads('component_template').map(({ name }) => name)
          return names.filter(isWanted).map((name) => [name, '', '0', '0', '0', '0', '[]'])
        },
      },
    ],
  ])

  const answer = async (asked: Asked, { columns, rows }: Table): Promise<void> => {
    const { query, request } = asked
    if (query.has('help')) {
      replyText(asked, columns.map((column) => `${column} | | ${column}\n`).join(''))
      return
    }
    const all = await rows(asked.segments[2])
    const wantedColumns = query.get('h')?.split(',', columns.length) ?? columns
    const shown = wantedColumns.map((column) => columns.indexOf(column)).filter((at) => at >= 0)
    const names = shown.map((at) => columns[at] ?? '')
    const cells = all.map((row) => shown.map((at) => row[at] ?? ''))
    const format = query.get('format')
    if (format === 'json' || (format === null && wantsJson(request.headers.accept))) {
      replyJson(
        asked,
        200,
        cells.map((row) => Object.fromEntries(row.map((cell, at) => [names[at] ?? '', cell]))),
      )
    } else replyText(asked, linesOf(names, cells, query.has('v') && query.get('v') !== 'false'))
  }

  const routes = new Map<string, Route>()
  for (const [name, table] of tables) routes.set(name, { endpoint: '_cat', methods: { GET: (asked) => answer(asked, table) } })
  const overview: Route = {
    endpoint: '_cat',
    methods: { GET: (asked) => replyText(asked, `=^.^=\n${[...tables.keys()].map((name) => `/_cat/${name}\n`).join('')}`) },
  }

  return ([first, second, ...rest]) => {
    if (first !== '_cat' || rest.length > 1) return undefined
    return second === undefined ? overview : routes.get(second)
  }
}
