/** The main thread's end of the line to the worker: requests are answered in order; a worker that dies is started anew. */

import { performance } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import type { Reply, Request, WorkerOptions } from './protocol.ts'

export interface WorkerLink {
  /** `onReply` is called exactly once, in the order of the calls. A dead worker is an `io` fault. */
  call(request: Request, onReply: (reply: Reply) => void): void
  /** How long the oldest unanswered request has been waiting, in milliseconds; 0 when there is none. */
  waitedMs(): number
  terminate(): Promise<void>
}

/** Published code is JavaScript beside this file, a checkout runs the TypeScript. */
const workerUrl = new URL(import.meta.url.endsWith('.ts') ? './disk-worker.ts' : './disk-worker.js', import.meta.url)

/** What is asked whenever a worker is started. */
export type WorkerState = Pick<WorkerOptions, 'lastId' | 'destinations'>

/** Creates the link; the worker is started by the first call. */
export function createWorkerLink(options: Omit<WorkerOptions, keyof WorkerState>, state: () => WorkerState): WorkerLink {
  const calls: { onReply: (reply: Reply) => void; sinceMs: number }[] = []
  let worker: Worker | undefined
  let ended = false

  const lost = (which: Worker, why: string): void => {
    if (worker !== which) return
    worker = undefined
    const message = `the worker thread of the queue ended: ${why}`
    for (const call of calls.splice(0)) {
      call.onReply({ answer: undefined, fault: { kind: 'io', message, removalsDone: false, replaced: undefined } })
    }
  }

  const start = (): Worker => {
    const fresh = new Worker(workerUrl, {
      workerData: { ...options, ...state() } satisfies WorkerOptions,
      // It makes hardly any garbage: values come in shared memory and go into SQLite.
      resourceLimits: { maxYoungGenerationSizeMb: 1 },
    })
    fresh.on('message', (reply: Reply) => {
      const call = calls.shift()
      const next = calls[0]
      // A request waits from when its turn comes, not from when it was put in line.
      if (next !== undefined) next.sinceMs = performance.now()
      call?.onReply(reply)
    })
    fresh.on('error', (error) => lost(fresh, error instanceof Error ? error.message : String(error)))
    fresh.on('exit', (code) => lost(fresh, `exit code ${code}`))
    return fresh
  }

  return {
    call(request, onReply) {
      if (ended) throw new Error('BUG: the queue is closed')
      worker ??= start()
      calls.push({ onReply, sinceMs: performance.now() })
      worker.postMessage(request, request.kind === 'read' ? [...request.into] : [])
    },
    waitedMs: () => (calls[0] === undefined ? 0 : performance.now() - calls[0].sinceMs),
    async terminate() {
      ended = true
      await worker?.terminate()
    },
  }
}
