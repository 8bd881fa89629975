/** The thread of a ledger file's writer. */

import { parentPort, workerData } from 'node:worker_threads'
import type { LedgerRequest, ServiceOptions } from './ledger-protocol.ts'
import { createLedgerService } from './ledger-service.ts'

const port = parentPort
if (port === null) throw new Error('BUG: the ledger worker is not a worker')

// From ledger-file.ts alone.
const service = createLedgerService(workerData as ServiceOptions, (message) => {
  port.postMessage(message)
  if (message.kind === 'failed') port.close()
})

port.on('message', (message: { readonly number: number; readonly request: LedgerRequest } | 'close') => {
  if (message !== 'close') return service.ask(message.number, message.request)
  service.close()
  port.close()
})
