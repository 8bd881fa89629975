/** A pino-elasticsearch 9.0.0 stream with its defaults, given what pino would write to it. See ../README.md. */

const { once } = require('node:events')
const pinoElastic = require('pino-elasticsearch')
const { lists, createFaults, say } = require('./lines.cjs')

const { ES_URL, INDEX } = process.env
const faults = createFaults()
let lost = 0
let count = 0
const stream = pinoElastic({ index: INDEX, node: ES_URL, esVersion: 8 })
stream.on('insertError', (error) => {
  lost++
  faults.add(error.message ?? error)
})
stream.on('error', (error) => faults.add(error.message))
let inserted = 0
stream.on('insert', ({ successful }) => (inserted += successful ?? 0))

const run = async () => {
  for await (const list of lists()) {
    for (const line of list)
      stream.write(`${JSON.stringify({ level: 30, time: Date.now(), pid: process.pid, hostname: 'app', msg: line })}\n`)
    count += list.length
  }
  const closed = once(stream, 'close')
  stream.end()
  const late = setTimeout(() => done(), 60_000)
  const done = () => {
    clearTimeout(late)
    say(inserted, Math.max(lost, count - inserted), faults)
    process.exit()
  }
  await closed.catch(() => {})
  // Its helper flushes when the stream ends and says so later.
  const wait = setInterval(() => {
    if (inserted + lost >= count) {
      clearInterval(wait)
      done()
    }
  }, 200)
}
run()
