/** `helpers.bulk` of npm @elastic/elasticsearch, whichever version `NODE_PATH` leads to. See ../README.md. */

const { randomUUID } = require('node:crypto')
const { setTimeout: delay } = require('node:timers/promises')
const { Client } = require('@elastic/elasticsearch')
const { lists, documentOf, createFaults, say } = require('./lines.cjs')

const { ES_URL, INDEX, CAREFUL } = process.env
const client = new Client({ node: ES_URL })
const faults = createFaults()
let delivered = 0
let lost = 0

/** With its defaults: what it throws at or drops is gone. */
const once = async (list) => {
  let dropped = 0
  try {
    const { successful } = await client.helpers.bulk({
      datasource: list.map(documentOf),
      onDocument: () => ({ index: { _index: INDEX } }),
      onDrop: ({ status, error }) => {
        dropped++
        faults.add(`${status} ${error?.type}`)
      },
    })
    delivered += successful
    lost += dropped
  } catch (error) {
    lost += list.length
    faults.add(error.message, list.length)
  }
}

/** Again and again until each is in, as `create` with ids of our own, so that what was in already is told apart. */
const untilIn = async (list) => {
  let left = list.map(documentOf)
  const ids = new Map(left.map(({ message }) => [message, randomUUID()]))
  for (;;) {
    const again = []
    try {
      await client.helpers.bulk({
        datasource: left,
        onDocument: ({ message }) => ({ create: { _index: INDEX, _id: ids.get(message) } }),
        onDrop: ({ status, error, document }) => {
          if (status === 409) return
          faults.add(`again: ${status} ${error?.type}`)
          again.push(document)
        },
      })
      left = again
    } catch (error) {
      faults.add(`again: ${error.message}`, left.length)
    }
    if (left.length === 0) break
    await delay(1000)
  }
  delivered += list.length
}

const run = async () => {
  for await (const list of lists()) await (CAREFUL ? untilIn(list) : once(list))
  say(delivered, lost, faults)
}
run()
