/** A winston logger with winston-elasticsearch 0.19.0 and its defaults. See ../README.md. */

const { setTimeout: delay } = require('node:timers/promises')
const winston = require('winston')
const { ElasticsearchTransport } = require('winston-elasticsearch')
const { lists, createFaults, say } = require('./lines.cjs')

const { ES_URL, INDEX } = process.env
const faults = createFaults()
// It would write each document that was refused to the console.
const internalLogger = (_, error) => faults.add(error.type)
const transport = new ElasticsearchTransport({ level: 'info', index: INDEX, clientOpts: { node: ES_URL }, internalLogger })
transport.on('error', (error) => faults.add(error.message))
transport.on('warning', (error) => faults.add(`warning: ${error.message ?? error}`))
const logger = winston.createLogger({ level: 'info', transports: [transport] })
logger.on('error', (error) => faults.add(error.message))

const run = async () => {
  let count = 0
  for await (const list of lists()) {
    for (const line of list) logger.info(line)
    count += list.length
  }
  // An application goes on; here it is waited, three minutes at most, until the transport has had nothing for longer than a request takes.
  for (let wait = 0, empty = 0; wait < 360 && empty < 25; wait++) {
    await delay(500)
    empty = transport.bulkWriter.bulk.length > 0 ? 0 : empty + 1
  }
  say(count - transport.bulkWriter.bulk.length, transport.bulkWriter.bulk.length, faults)
  process.exit()
}
run()
