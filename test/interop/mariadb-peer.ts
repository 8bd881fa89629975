/** A real MariaDB of one's own, on a free port of the loopback, without a password. */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { listens, ownFolder, startProcess } from './own-process.ts'
import { freeTcpPort } from './ports.ts'

const run = promisify(execFile)
const daemon = '/usr/sbin/mariadbd'

/** True when it is installed; else says what would bring it. */
export function hasMariadb(): boolean {
  if (existsSync(daemon)) return true
  console.warn('SKIPPED: MariaDB is not installed; run apt-get install mariadb-server')
  return false
}

export interface Mariadb {
  readonly port: number
  stop(): Promise<void>
}

export async function startMariadb(): Promise<Mariadb> {
  const folder = await ownFolder('mariadb')
  const port = await freeTcpPort()
  const data = join(folder, 'data')
  const user = process.getuid?.() === 0 ? ['--user=root'] : []
  const common = ['--no-defaults', `--datadir=${data}`, ...user]
  await run('mariadb-install-db', [...common, '--auth-root-authentication-method=normal', '--skip-test-db'])
  const own = [`--port=${port}`, '--bind-address=127.0.0.1', `--socket=${join(folder, 's')}`, `--pid-file=${join(folder, 'pid')}`]
  const small = ['--innodb-buffer-pool-size=64M', '--innodb-flush-log-at-trx-commit=0']
  const server = await startProcess(daemon, [...common, ...own, ...small], {}, folder, () => listens(port))
  return { port, stop: server.stop }
}
