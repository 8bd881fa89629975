/** Whether the Kafka cluster answers, and has the topics that are to be read. */

import { kafkaTopics } from '../ingest/kafka/config.ts'
import { type KafkaConnectionConfig, kafkaConnection, kafkaReason, loadKafka } from '../net/kafka.ts'
import { because, type Check, type Finding, type Subject } from './finding.ts'

/** A cluster that the configuration names. */
interface Cluster {
  readonly section: string
  readonly connection: KafkaConnectionConfig
  /** Topics that must be there. */
  readonly topics: readonly string[]
}

const isConnection = (value: unknown): value is KafkaConnectionConfig =>
  typeof value === 'object' && value !== null && 'brokers' in value && Array.isArray(value.brokers)

function clustersOf({ config: { ingest, queue } }: Subject): Cluster[] {
  const found: Cluster[] = []
  if (ingest.kafka !== undefined) {
    const topics = [...kafkaTopics(ingest.kafka).values()].flat().map(({ name }) => name)
    found.push({ section: 'ingest.kafka', connection: ingest.kafka, topics: [...new Set(topics)] })
  }
  const store: unknown = 'kafka' in queue ? queue.kafka : undefined
  if (String(queue.type) === 'kafka' && isConnection(store)) found.push({ section: 'queue.kafka', connection: store, topics: [] })
  return found
}

const within = async <T>(work: Promise<T>, ms: number): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

async function ask({ section, connection, topics }: Cluster, timeoutMs: number): Promise<Finding[]> {
  const about = { check: 'kafka', about: section }
  const { options } = await kafkaConnection(connection, section)
  const { Admin } = await loadKafka()
  const admin = new Admin({ ...options, connectTimeout: timeoutMs, retries: 0, timeout: timeoutMs })
  try {
    const { brokers } = await within(admin.metadata({ topics: [] }), 2 * timeoutMs)
    const seen = [...brokers.values()].map(({ host, port }) => `${host}:${port}`).join(', ')
    const findings: Finding[] = [
      { ...about, level: 'ok', seen: `${brokers.size === 1 ? 'one broker' : `${brokers.size} brokers`}: ${seen}` },
    ]
    const there = topics.length === 0 ? new Set(topics) : new Set(await within(admin.listTopics(), timeoutMs))
    for (const topic of topics) {
      const one = { check: 'kafka', about: `${section}, topic ${topic}` }
      if (there.has(topic)) findings.push({ ...one, level: 'ok', seen: 'is there' })
      else
        findings.push({
          ...one,
          level: 'warn',
          seen: 'is not there, or not for us to see',
          knob: `${section}.topics, or the rights of ${connection.sasl?.username ?? 'this client'}`,
          remote: true,
        })
    }
    return findings
  } catch (error) {
    return [
      {
        ...about,
        level: 'fail',
        seen: `cannot ask ${connection.brokers.join(', ')}: ${kafkaReason(error)}`,
        knob: `${section}.brokers, ${section}.tls, ${section}.sasl`,
        remote: true,
      },
    ]
  } finally {
    // A client that never connected has nothing to close, and says so.
    await admin.close().catch(() => {})
  }
}

/** Asks each cluster for its brokers and topics; the library is loaded only where Kafka is configured. */
export const checkKafka: Check = async (subject) => {
  const asked = clustersOf(subject).map(async (cluster): Promise<Finding[]> => {
    try {
      return await ask(cluster, subject.timeoutMs)
    } catch (error) {
      return [{ check: 'kafka', about: cluster.section, level: 'fail', seen: because(error), knob: `${cluster.section}.tls` }]
    }
  })
  return (await Promise.all(asked)).flat()
}
