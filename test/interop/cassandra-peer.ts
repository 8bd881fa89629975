/** A real Cassandra of one node, out of its jars, on free ports of the loopback. */

import { existsSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { listens, ownFolder, startProcess } from './own-process.ts'
import { cache } from './peers.ts'
import { freePorts, freeTcpPort } from './ports.ts'

const jars = join(cache, 'cassandra-5.0.6/lib')

/** True when it is installed; else says what would bring it. */
export function hasCassandra(): boolean {
  if (existsSync(jars)) return true
  console.warn('SKIPPED: Cassandra is not installed; run test/interop/install-cassandra.sh')
  return false
}

/** What a JDK 17 has to open for it. */
const opened = [
  'java.base/java.io',
  'java.base/java.lang',
  'java.base/java.lang.module',
  'java.base/java.lang.reflect',
  'java.base/java.net',
  'java.base/java.nio',
  'java.base/java.util',
  'java.base/java.util.concurrent',
  'java.base/java.util.concurrent.atomic',
  'java.base/jdk.internal.loader',
  'java.base/jdk.internal.math',
  'java.base/jdk.internal.module',
  'java.base/jdk.internal.ref',
  'java.base/jdk.internal.reflect',
  'java.base/jdk.internal.util.jar',
  'java.base/sun.nio.ch',
  'java.management/com.sun.jmx.mbeanserver',
  'java.rmi/sun.rmi.transport.tcp',
  'jdk.management/com.sun.management.internal',
]
const exported = [
  'java.base/java.lang.ref',
  'java.base/jdk.internal.misc',
  'java.base/jdk.internal.ref',
  'java.base/jdk.internal.util',
  'java.base/sun.nio.ch',
  'java.management.rmi/com.sun.jmx.remote.internal.rmi',
  'java.rmi/sun.rmi.registry',
  'java.rmi/sun.rmi.server',
  'java.sql/java.sql',
  'jdk.unsupported/sun.misc',
]

export interface Cassandra {
  readonly port: number
  /** `127.0.0.1:19042` */
  readonly address: string
  stop(): Promise<void>
}

export async function startCassandra(): Promise<Cassandra> {
  const folder = await ownFolder('cassandra')
  const { port, storage, jmx } = await freePorts(['port', 'storage', 'jmx'], freeTcpPort)
  const config = join(folder, 'cassandra.yaml')
  await writeFile(
    config,
    `cluster_name: interop
num_tokens: 16
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
authenticator: AllowAllAuthenticator
authorizer: AllowAllAuthorizer
data_file_directories: [${folder}/data]
commitlog_directory: ${folder}/commitlog
saved_caches_directory: ${folder}/caches
hints_directory: ${folder}/hints
cdc_raw_directory: ${folder}/cdc
commitlog_sync: periodic
commitlog_sync_period: 10000ms
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
native_transport_port: ${port}
storage_port: ${storage}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{seeds: "127.0.0.1:${storage}"}]
endpoint_snitch: SimpleSnitch
sasi_indexes_enabled: true
concurrent_compactors: 1
`,
  )
  const jamm = (await readdir(jars)).find((name) => name.startsWith('jamm-')) ?? ''
  const args = [
    `-javaagent:${join(jars, jamm)}`,
    '-Xmx640m',
    '-XX:+UseSerialGC',
    ...opened.flatMap((name) => ['--add-opens', `${name}=ALL-UNNAMED`]),
    ...exported.flatMap((name) => ['--add-exports', `${name}=ALL-UNNAMED`]),
    '-Djdk.attach.allowAttachSelf=true',
    '-Djava.security.manager=allow',
    `-Dcassandra.config=file://${config}`,
    `-Dcassandra.storagedir=${folder}`,
    `-Dcassandra.jmx.local.port=${jmx}`,
    '-Dcassandra.skip_wait_for_gossip_to_settle=0',
    '-Dcassandra.ring_delay_ms=100',
    '-Dcassandra-foreground=yes',
    '-cp',
    join(jars, '*'),
    'org.apache.cassandra.service.CassandraDaemon',
  ]
  const server = await startProcess('java', args, {}, folder, () => listens(port))
  return { port, address: `127.0.0.1:${port}`, stop: server.stop }
}
