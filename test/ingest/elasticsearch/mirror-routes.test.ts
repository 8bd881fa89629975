import { describe, expect, it } from 'vitest'
import { mirrorRouteOf, mirrorRows } from '../../../src/ingest/elasticsearch/mirror-routes.ts'

const rows: readonly [where: string, requests: readonly string[]][] = [
  ['mirror', ['POST /_bulk', 'PUT /_bulk', 'POST /i/_bulk', 'PUT /i/t/_bulk', 'POST /i/_doc/_bulk', 'POST /.monitoring-es-7/_bulk']],
  [
    'mirror',
    [
      'POST /i/_doc',
      'PUT /i/_doc/1',
      'POST /i/_doc/1',
      'PUT /i/_create/1',
      'POST /i/_create/1',
      'POST /i/t',
      'PUT /i/t/1',
      'PUT /i/t/1/_create',
    ],
  ],
  [
    'proxy write',
    [
      'POST /i/_update/1',
      'POST /i/t/1/_update',
      'DELETE /i/_doc/1',
      'DELETE /i/t/1',
      'POST /i/_update_by_query',
      'POST /i/_delete_by_query',
      'POST /_reindex',
    ],
  ],
  ['proxy', ['POST /_monitoring/bulk', 'GET /_monitoring/bulk', 'POST /_xpack/monitoring/_bulk']],
  [
    'proxy',
    [
      'GET /',
      'HEAD /',
      'GET /_license',
      'GET /_xpack',
      'GET /_xpack/usage',
      'GET /_cat/indices',
      'GET /_cluster/health',
      'GET /_cluster/health/i',
    ],
  ],
  ['proxy nodes', ['GET /_nodes/http', 'GET /_nodes', 'GET /_nodes/_all/http', 'GET /_nodes/stats']],
  [
    'proxy copy',
    [
      'PUT /_template/t',
      'DELETE /_template/t',
      'PUT /_index_template/t',
      'PUT /_component_template/t',
      'PUT /_ilm/policy/p',
      'PUT /_ingest/pipeline/p',
      'POST /_aliases',
      'PUT /i/_alias/a',
      'PUT /_data_stream/d',
      'PUT /i',
      'DELETE /i',
    ],
  ],
  ['proxy', ['GET /_template/t', 'HEAD /_template/t', 'GET /_ilm/policy', 'GET /_alias', 'GET /i', 'HEAD /i', 'GET /i/_alias/a']],
  [
    'proxy elsewhere',
    [
      'GET /_search',
      'POST /i/_search',
      'POST /i/t/_search',
      'POST /_search/scroll',
      'DELETE /_search/scroll',
      'POST /_msearch',
      'GET /i/_count',
      'POST /_mget',
      'POST /_sql',
      'GET /_async_search/x',
      'POST /i/_pit',
      'DELETE /_pit',
      'GET /i/_field_caps',
      'GET /i/_mapping',
      'PUT /i/_mapping',
      'GET /_mapping',
      'GET /i/_settings',
      'GET /i/_doc/1',
      'HEAD /i/_doc/1',
      'GET /i/_source/1',
    ],
  ],
  ['proxy', ['POST /_refresh', 'POST /i/_refresh', 'GET /i/_flush', 'POST /i/_forcemerge']],
  [
    'admin',
    [
      'PUT /_snapshot/r',
      'POST /_snapshot/r/s/_restore',
      'DELETE /_snapshot/r',
      'PUT /_cluster/settings',
      'PUT /_security/user/u',
      'POST /_security/api_key',
      'PUT /_xpack/security/user/u',
      'POST /_shutdown',
      'POST /_tasks/n:1/_cancel',
      'POST /_tasks/_cancel',
    ],
  ],
  ['admin', ['PUT /%5Fsnapshot/r', 'PUT //_snapshot//r', 'PUT /_snapshot%2Fr', 'PUT /_security%2Fuser%2Fu']],
  [
    'proxy',
    [
      'GET /_snapshot',
      'GET /_cluster/settings',
      'GET /_security/_authenticate',
      'GET /_tasks',
      'POST /_analyze',
      'GET /_cluster/state',
      'GET /_stats',
      'OPTIONS /',
    ],
  ],
  ['refuse', ['PUT /x/../_snapshot/r', 'GET /./_search', 'PUT /x%2F..%2F_snapshot/r', 'PUT /%2E%2E/_snapshot']],
]

const segmentsOf = (path: string): string[] =>
  path
    .split('/')
    .filter((one) => one !== '')
    .map(decodeURIComponent)

const said = (request: string): string => {
  const [method = '', path = ''] = request.split(' ')
  const { to, absent, write, copy, nodes } = mirrorRouteOf(method, segmentsOf(path))
  return [to, absent === 'elsewhere' && absent, write && 'write', copy && 'copy', nodes && 'nodes']
    .filter((one) => typeof one === 'string')
    .join(' ')
}

describe('mirrorRouteOf', () => {
  it.each(rows.flatMap(([where, requests]) => requests.map((request) => [request, where] as const)))('%s: %s', (request, where) => {
    expect(said(request)).toBe(where)
  })

  it('uses every row of its table', () => {
    const used = new Set(
      rows.flatMap(([, requests]) =>
        requests.map((request) => {
          const [method = '', path = ''] = request.split(' ')
          return mirrorRows.find((row) => row.fits(method, segmentsOf(path)))?.name
        }),
      ),
    )
    expect(mirrorRows.map(({ name }) => name).filter((name) => !used.has(name))).toEqual([])
  })
})
