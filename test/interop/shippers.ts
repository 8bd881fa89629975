/** The shippers of the lab: which there are, what of them is installed, what shippers of their kind do when a request fails. */

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { binaries, cache, unpacked } from './peers.ts'
import { startFilebeat, startRsyslog, startSyslogNg } from './shipper-daemons.ts'
import { type Feed, feedProgram } from './shipper-feeds.ts'

/** Where a bridge takes documents. */
export interface ShipperPorts {
  readonly elasticsearch: number
  readonly beats: number
}

export interface Shipper {
  /** As marks carry it: a-z, 0-9 and -. */
  readonly name: string
  /** For people: program or library, and version. */
  readonly title: string
  /** True when nothing may be missing: it keeps what it could not deliver until it can. */
  readonly keeps: boolean
  /** True when it says of nothing that it is lost, or of what is not. */
  readonly silent?: boolean
  /** What helps one that does not; of a careful one what was set. */
  readonly setting: string
  readonly installed: () => boolean
  /** The command that would bring it. */
  readonly remedy: string
  readonly start: (ports: ShipperPorts) => Promise<Feed> | Feed
}

const programs = join(import.meta.dirname, 'shippers')
const installs = 'test/interop/install-shippers.sh'
const home = (name: string): string => join(cache, 'shippers', name)
const elasticsearch = ({ elasticsearch: port }: ShipperPorts): string => `http://127.0.0.1:${port}`

interface Program {
  readonly name: string
  readonly title: string
  readonly keeps?: boolean
  readonly silent?: boolean
  readonly setting: string
  /** Below the folder of installed shippers. */
  readonly needs: string
  readonly command: readonly [string, ...string[]]
  readonly env?: Readonly<Record<string, string>>
}

const program = ({ name, title, keeps = false, silent = false, setting, needs, command, env = {} }: Program): Shipper => ({
  name,
  title,
  keeps,
  silent,
  setting,
  installed: () => existsSync(home(needs)),
  remedy: installs,
  start: (ports) =>
    feedProgram(command, { ES_URL: elasticsearch(ports), BEATS: `127.0.0.1:${ports.beats}`, INDEX: `logs-${name}-default`, ...env }),
})

/** The program with its defaults, and once more with the setting that helps. */
const both = (one: Program): readonly Shipper[] => [
  program(one),
  program({ ...one, name: `${one.name}-careful`, keeps: true, env: { ...one.env, CAREFUL: '1' } }),
]

const repeated = 'catch what the helper throws, take what `onDrop` reports, and give both to it again, with ids and `create`'
const node = (major: number, version: string): readonly Shipper[] =>
  both({
    name: `node-${major}`,
    title: `npm @elastic/elasticsearch ${version}, \`helpers.bulk\``,
    setting: repeated,
    needs: `node-${major}/node_modules/@elastic`,
    command: [process.execPath, join(programs, 'node/bulk.cjs')],
    env: { NODE_PATH: home(`node-${major}/node_modules`) },
  })

const python = (major: number, version: string): readonly Shipper[] =>
  both({
    name: `python-${major}`,
    title: `PyPI elasticsearch ${version}, \`helpers.bulk\``,
    setting:
      '`max_retries` for documents refused for now; catch what the helper raises and give the documents to it again, with ids and `create`',
    needs: `python-${major}/bin/python`,
    command: [join(home(`python-${major}`), 'bin/python'), join(programs, 'python/bulk.py')],
  })

const go = (client: string, title: string, setting: string, keeps = false): Program => ({
  name: `go-${client}`,
  title,
  keeps,
  setting,
  needs: 'go/shipper',
  command: [home('go/shipper')],
  env: { CLIENT: client },
})

const goSetting = '`MaxRetries`, `RetryBackoff` of a second and `RetryOnStatus` with 429 in the configuration of the client'

const java = (client: string, name: string, title: string, setting: string): readonly Shipper[] =>
  both({
    name,
    title,
    setting,
    needs: 'java/lib',
    silent: client === 'logback',
    command: ['java', '-XX:TieredStopAtLevel=1', '-Xmx256m', '-cp', join(home('java'), 'lib/*'), join(programs, 'java/Ship.java')],
    env: { CLIENT: client },
  })

const packaged = (name: 'rsyslog' | 'syslog-ng'): Pick<Shipper, 'installed' | 'remedy'> => ({
  installed: () => existsSync(join(unpacked(name), '.complete')),
  remedy: `${name}.sh install, of the peers`,
})
const filebeat: Pick<Shipper, 'installed' | 'remedy' | 'keeps'> = {
  keeps: true,
  installed: () => existsSync(binaries) && readdirSync(binaries).some((name) => name.startsWith('filebeat-v7')),
  remedy: 'filebeat.sh install, of the peers',
}

/** All of them. */
export const shippers: readonly Shipper[] = [
  {
    name: 'filebeat-bulk',
    title: 'Filebeat 7.17.29, `output.elasticsearch`',
    setting: '',
    ...filebeat,
    start: ({ elasticsearch: port }) => startFilebeat('elasticsearch', port),
  },
  {
    name: 'filebeat-beats',
    title: 'Filebeat 7.17.29, `output.logstash`',
    setting: '',
    ...filebeat,
    start: ({ beats }) => startFilebeat('beats', beats),
  },
  {
    name: 'rsyslog',
    title: 'rsyslog 8.2302, `omelasticsearch`',
    keeps: false,
    setting: '`queue.filename`, `queue.size`, `queue.timeoutenqueue`',
    ...packaged('rsyslog'),
    start: ({ elasticsearch: port }) => startRsyslog(port, false),
  },
  {
    name: 'rsyslog-careful',
    title: 'rsyslog 8.2302, `omelasticsearch`',
    keeps: true,
    setting: '`queue.filename`, `queue.size`, `queue.timeoutenqueue`',
    ...packaged('rsyslog'),
    start: ({ elasticsearch: port }) => startRsyslog(port, true),
  },
  {
    name: 'syslog-ng',
    title: 'syslog-ng 3.38.1, `http()`',
    keeps: false,
    setting: '`disk-buffer()`, `flags(flow-control)`, `timeout(30)`, `time-reopen(2)`, `retries(1000000)`',
    ...packaged('syslog-ng'),
    start: ({ elasticsearch: port }) => startSyslogNg(port, false),
  },
  {
    name: 'syslog-ng-careful',
    title: 'syslog-ng 3.38.1, `http()`',
    keeps: true,
    setting: '`disk-buffer()`, `flags(flow-control)`, `timeout(30)`, `time-reopen(2)`, `retries(1000000)`',
    ...packaged('syslog-ng'),
    start: ({ elasticsearch: port }) => startSyslogNg(port, true),
  },
  ...node(7, '7.17.14'),
  ...node(8, '8.19.2'),
  ...node(9, '9.4.3'),
  ...python(7, '7.17.13'),
  ...python(8, '8.19.3'),
  ...python(9, '9.5.1'),
  ...both(go('7', 'go-elasticsearch 7.17.10, `esutil.BulkIndexer`', goSetting)),
  ...both(go('8', 'go-elasticsearch 8.19.7, `esutil.BulkIndexer`', goSetting)),
  ...both(go('9', 'go-elasticsearch 9.5.2, `esutil.BulkIndexer`', goSetting)),
  program(go('olivere', 'olivere/elastic 7.0.32, `BulkProcessor`', '', true)),
  ...java(
    'ingester',
    'java',
    'elasticsearch-java 8.19.12, `BulkIngester`',
    'a listener whose `afterBulk` adds what failed once more; `backoffPolicy` for documents refused for now',
  ),
  ...java('logback', 'logback', 'logback-elasticsearch-appender 1.6', '`maxRetries` and `sleepTime`'),
  program({
    name: 'winston',
    title: 'winston-elasticsearch 0.19.0',
    keeps: true,
    setting: '',
    needs: 'winston/node_modules/winston-elasticsearch',
    command: [process.execPath, join(programs, 'node/winston.cjs')],
    env: { NODE_PATH: home('winston/node_modules') },
  }),
  program({
    name: 'pino',
    title: 'pino-elasticsearch 9.0.0',
    setting: 'none: write a file and ship that with Filebeat',
    needs: 'pino/node_modules/pino-elasticsearch',
    command: [process.execPath, join(programs, 'node/pino.cjs')],
    env: { NODE_PATH: home('pino/node_modules') },
  }),
  program({
    name: 'cmres',
    silent: true,
    title: 'CMRESHandler 1.0.0',
    setting: 'none: write a file and ship that with Filebeat',
    needs: 'cmreslogging/bin/python',
    command: [join(home('cmreslogging'), 'bin/python'), join(programs, 'python/cmres.py')],
  }),
  ...both({
    name: 'pylogbeat',
    title: 'pylogbeat 2.1.0 (Beats protocol)',
    setting: 'catch what it raises, connect and send again',
    needs: 'pylogbeat/bin/python',
    command: [join(home('pylogbeat'), 'bin/python'), join(programs, 'python/beats.py')],
  }),
]
