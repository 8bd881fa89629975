/**
 * One of several Prometheus servers that scrape the same: section 8.5 of the mapping. Pure: time is an argument. In memory only, so that
 * replicas of the bridge behind a load balancer need sticky routing.
 */

export interface ElectionsOptions {
  /** `ha.timeout`: silence of the elected replica after which the next one that is heard takes over. */
  readonly timeoutMs: number
  /** Clusters for which a replica is elected at one time; 10,000 unless given. */
  readonly maxClusters?: number
}

/** Counts since the start. */
export interface ElectionCounts {
  /** Times that a replica took over from a silent one. */
  failovers: number
  /**
   * Samples' worth of `accept` that were let through without an election, as there were too many clusters or a name is too long: both
   * replicas are forwarded then, as without `ha.enabled`.
   */
  unelected: number
}

export interface Elections {
  /** Clusters with an elected replica, of which `maxClusters` are the most; those silent for long may be among them. */
  readonly clusters: number
  readonly counts: ElectionCounts
  /**
   * Whether data of this replica is to be forwarded. The first replica that is heard of a cluster is elected, and stays so until it was silent
   * for the timeout. What is not accepted is dropped, and answered as written.
   *
   * Beyond `maxClusters` everything is accepted: twice is better than not at all. Clusters whose replica is silent make room.
   * @param cluster tenant and cluster in one text
   */
  accept(cluster: string, replica: string, nowMs: number): boolean
  /** The replica that is elected; undefined: none, or one that is silent for too long. For the status page. */
  elected(cluster: string, nowMs: number): string | undefined
}

interface Election {
  replica: string
  heardMs: number
}

/** Characters of a cluster (with its tenant) and a replica; longer ones take part in no election, so that names cannot fill the memory. */
const longestName = 1024

export function createElections({ timeoutMs, maxClusters = 10_000 }: ElectionsOptions): Elections {
  const elections = new Map<string, Election>()
  const counts: ElectionCounts = { failovers: 0, unelected: 0 }
  let sweptMs = Number.NEGATIVE_INFINITY

  const isSilent = ({ heardMs }: Election, nowMs: number): boolean => nowMs - heardMs >= timeoutMs

  /** Forgets clusters whose replica is silent: whoever is heard next is elected all the same. Looks at most once a quarter of the timeout. */
  const sweep = (nowMs: number): void => {
    if (nowMs >= sweptMs && nowMs - sweptMs < timeoutMs / 4) return
    sweptMs = nowMs
    for (const [cluster, election] of elections) if (isSilent(election, nowMs)) elections.delete(cluster)
  }

  const elect = (cluster: string, replica: string, nowMs: number): boolean => {
    if (elections.size >= maxClusters) sweep(nowMs)
    if (elections.size >= maxClusters || cluster.length > longestName || replica.length > longestName) counts.unelected++
    else elections.set(cluster, { replica, heardMs: nowMs })
    return true
  }

  return {
    get clusters() {
      return elections.size
    },
    counts,
    accept(cluster, replica, nowMs) {
      const election = elections.get(cluster)
      if (election === undefined) return elect(cluster, replica, nowMs)
      if (election.replica === replica) {
        election.heardMs = nowMs
        return true
      }
      // The clock was set back: its silence is counted from now on, not from a time to come.
      if (election.heardMs > nowMs) election.heardMs = nowMs
      if (!isSilent(election, nowMs)) return false
      if (replica.length > longestName) {
        counts.unelected++
        return true
      }
      counts.failovers++
      election.replica = replica
      election.heardMs = nowMs
      return true
    },
    elected(cluster, nowMs) {
      const election = elections.get(cluster)
      return election === undefined || isSilent(election, nowMs) ? undefined : election.replica
    },
  }
}
