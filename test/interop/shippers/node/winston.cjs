/** A winston logger with winston-elasticsearch 0.19.0 and its defaults. See ../README.md. */

const winston = require('winston')
const { ElasticsearchTransport } = require('winston-elasticsearch')
const { lists, createFaults, say } = require('./lines.cjs')

const { ES_URL, INDEX } = process.env
const faults = createFaults()
const transport = new ElasticsearchTransport({ level: 'info', index: INDEX, clientOpts: { node: ES_URL } })
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
  // What it still has; it promises this much for the end of a program.
  await transport.flush()
  say(count, 0, faults)
  process.exit()
}
run()
