/**
 * rsyslog, syslog-ng and Filebeat in front of the bridge, as the start scripts of the peers configure them, and in a second form with the
 * setting that helps (`careful`). The syslog daemons are those that the scripts unpacked.
 */

import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { startScript, unpacked } from './peers.ts'
import { freeTcpPort } from './ports.ts'
import { endChild, type Feed, feedFile, feedSyslog } from './shipper-feeds.ts'
import { until } from './wait.ts'

/** Below an unpacked package: where a shared object of this name is. */
const folderOf = (root: string, name: string): string => {
  const found = readdirSync(root, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith(`/${name}`))
  if (found === undefined) throw new Error(`cannot find ${name} below ${root}`)
  return dirname(join(root, found))
}

/** All folders of an unpacked package that hold shared objects. */
const librariesOf = (root: string): string =>
  [
    ...new Set(
      readdirSync(root, { recursive: true, encoding: 'utf8' })
        .filter((path) => /\.so(\.\d+)*$/.test(path))
        .map((path) => dirname(join(root, path))),
    ),
  ].join(':')

const listening = (port: number): Promise<boolean> =>
  new Promise((settle) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      settle(true)
    })
    socket.once('error', () => settle(false))
  })

interface Daemon {
  readonly port: number
  /** Name of the configuration file, and its text. */
  readonly config: readonly [string, string]
  readonly command: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
  readonly frame: (line: string) => string
}

/** Writes the configuration into a folder of the daemon's own, starts it, and connects. */
async function startDaemon(configOf: (folder: string, port: number) => Daemon): Promise<Feed> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-shipper-'))
  const { port, config, command, env, frame } = configOf(folder, await freeTcpPort())
  await writeFile(join(folder, config[0]), config[1])
  const [program, ...args] = command
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => void output.push(text))
  const stop = async (): Promise<void> => {
    await endChild(child)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await until(`${program} listening`, async () => ((await listening(port)) ? true : undefined))
    const feed = await feedSyslog(port, frame, stop)
    return {
      ...feed,
      async remarks() {
        const errors = await readFile(join(folder, 'errors.json'), 'utf8').catch(() => '')
        const said = output.join('').slice(-1000)
        return errors + said === '' ? undefined : `${errors.split('\n').length - 1} in its file of errors: ${errors.slice(0, 500)} ${said}`
      },
    }
  } catch (error) {
    await stop()
    throw new Error(`cannot start ${program}\n${output.join('').slice(-2000)}`, { cause: error })
  }
}

/** rsyslog with omelasticsearch. Careful: a queue for the action that waits instead of throwing away when it is full, kept on disk. */
export function startRsyslog(port: number, careful: boolean): Promise<Feed> {
  const root = unpacked('rsyslog')
  const modules = folderOf(root, 'omelasticsearch.so')
  return startDaemon((folder, syslog) => ({
    port: syslog,
    config: [
      'rsyslog.conf',
      `global(workDirectory="${folder}")
module(load="imtcp")
module(load="omelasticsearch")
template(name="document" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="severity" name="syslogseverity-text" format="jsonf")
  property(outname="program" name="programname" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}
ruleset(name="ship") {
  action(type="omelasticsearch" server="127.0.0.1" serverport="${port}" searchIndex="syslog" searchType="" template="document"
    bulkmode="on" writeoperation="index" errorfile="${folder}/errors.json" action.resumeretrycount="-1"
    queue.type="linkedList" queue.dequeuebatchsize="500"
    ${careful ? 'queue.filename="ship" queue.maxdiskspace="2g" queue.size="200000" queue.saveonshutdown="on" queue.timeoutenqueue="3600000"' : ''})
}
input(type="imtcp" address="127.0.0.1" port="${syslog}" ruleset="ship")
`,
    ],
    command: [join(root, 'usr/sbin/rsyslogd'), '-n', '-C', '-M', modules, '-i', join(folder, 'pid'), '-f', join(folder, 'rsyslog.conf')],
    env: { LD_LIBRARY_PATH: dirname(modules) },
    frame: (line) => `<14>1 2026-01-01T00:00:00Z host app 42 - - ${line}\n`,
  }))
}

/** syslog-ng with its http() destination. Careful: a queue on the disk, a source that waits when that is full, and no limit of tries. */
export function startSyslogNg(port: number, careful: boolean): Promise<Feed> {
  const root = unpacked('syslog-ng')
  return startDaemon((folder, syslog) => ({
    port: syslog,
    config: [
      'syslog-ng.conf',
      `@version: 3.38
options { stats-freq(0); };
source s { network(ip("127.0.0.1") port(${syslog}) transport("tcp")); };
destination d {
  http(
    url("http://127.0.0.1:${port}/_bulk") method("POST") headers("Content-Type: application/x-ndjson")
    batch-lines(${careful ? 1000 : 100}) batch-timeout(500) workers(2) timeout(${careful ? 30 : 10})
    ${careful ? `time-reopen(2) retries(1000000) disk-buffer(reliable(yes) disk-buf-size(2147483648) mem-buf-size(67108864) dir("${folder}"))` : ''}
    body-suffix("\\n")
    body("$(format-json --scope none index._index=syslog-ng)\\n$(format-json --scope rfc5424 --key @timestamp --pair @timestamp=\${ISODATE})\\n")
  );
};
log { source(s); destination(d); ${careful ? 'flags(flow-control);' : ''} };
`,
    ],
    command: [
      join(root, 'usr/sbin/syslog-ng'),
      ...['-F', '-e', '--no-caps', '--module-path', folderOf(root, 'libhttp.so'), '-f', join(folder, 'syslog-ng.conf')],
      ...['-R', join(folder, 'persist'), '-c', join(folder, 'control'), '-p', join(folder, 'pid')],
    ],
    env: { LD_LIBRARY_PATH: librariesOf(root) },
    frame: (line) => `<14>Jan  1 00:00:00 host app[42]: ${line}\n`,
  }))
}

/** Filebeat with a file that grows; to `_bulk` or to a Beats listener on this port. */
export async function startFilebeat(output: 'elasticsearch' | 'beats', port: number): Promise<Feed> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-shipper-'))
  const file = join(folder, 'app.log')
  const to: Record<string, string> =
    output === 'beats' ? { FILEBEAT_LOGSTASH: `127.0.0.1:${port}` } : { FILEBEAT_ES: `http://127.0.0.1:${port}`, FILEBEAT_TEMPLATE: 'true' }
  const peer = await startScript('filebeat', { FILEBEAT_FILE: file, ...to }, {})
  return feedFile(file, async () => {
    await peer.stop()
    await rm(folder, { recursive: true, force: true })
  })
}
