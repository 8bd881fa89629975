/** Who has which name: no two metrics of one tenant may end up under one name by mistake. Bounded; owned by whoever keeps state between calls. */

/** What a name is wanted for. */
export interface Claim {
  /** Names of different tenants have nothing to do with each other. */
  readonly tenant: string
  /** The metric's own name, before renaming. */
  readonly name: string
  /** The name it would get. */
  readonly target: string
  /** Two metrics may share a name only when this is the same: what the backend must not see twice under one name. */
  readonly shape: string
}

export interface Claims {
  /** How often names given before became wrong. Who keeps names asks again for all of them when this changes. */
  readonly generation: number
  /** Names that more than one metric would have got, and that none gets by renaming. */
  readonly contested: number
  /** Metrics that keep their own name because there are more of them than are remembered. */
  readonly unclaimed: number
  /** True when the metric may have the name; false when it keeps its own. Ask with the same claim as often as you like. */
  take(claim: Claim): boolean
  /** As `take`, of a metric whose shape shows only in time: nothing is claimed for it. */
  peek(claim: Omit<Claim, 'shape'>): boolean
}

interface Target {
  shape: string
  /** Metrics that have the name, or would if it were not contested. */
  members: number
  contested: boolean
}

interface Owner {
  readonly target: string
  readonly shape: string
}

/** Metrics that are remembered unless said otherwise. */
const defaultMax = 100_000

/** Units of UTF-16 in the names that are remembered, per metric, on average. */
const lengthPerName = 256

/**
 * @param max metrics that are remembered; the others keep their own names, which is always right. Once a name is contested it stays so: names
 * change at most once by it.
 */
export function createClaims(max: number = defaultMax): Claims {
  const targets = new Map<string, Target>()
  /** By own name: what it holds, the name that was wanted and, where that is contested, its own. */
  const owners = new Map<string, readonly Owner[]>()
  const none: readonly Owner[] = []
  let length = 0
  let generation = 0
  let contested = 0
  let unclaimed = 0

  const contest = (target: Target): void => {
    if (target.contested) return
    target.contested = true
    contested++
    generation++
  }

  const letGo = ({ target: name }: Owner): void => {
    const target = targets.get(name)
    if (target === undefined || --target.members > 0 || target.contested) return
    targets.delete(name)
    length -= name.length
  }

  /** Puts a metric behind a name, which may end its being somebody else's. */
  const join = (name: string, shape: string): Target => {
    let target = targets.get(name)
    if (target === undefined) {
      targets.set(name, (target = { shape, members: 0, contested: false }))
      length += name.length
    } else if (target.members === 0) target.shape = shape
    else if (target.shape !== shape) contest(target)
    target.members++
    return target
  }

  return {
    get generation() {
      return generation
    },
    get contested() {
      return contested
    },
    get unclaimed() {
      return unclaimed
    },
    take({ tenant, name, target, shape }) {
      const prefix = `${tenant.length}:${tenant}`
      const owner = prefix + name
      const wanted = prefix + target
      const held = owners.get(owner) ?? none
      if (held[0]?.target === wanted && held[0].shape === shape) {
        const free = targets.get(wanted)?.contested !== true
        // Its own name needs no leave, but others may have to let go of it.
        if (free || target === name || held.length === 2) return free || target === name
        join(owner, shape)
        owners.set(owner, [held[0], { target: owner, shape }])
        return false
      }
      for (const one of held) letGo(one)
      if (held.length === 0 && (owners.size >= max || length >= max * lengthPerName)) {
        unclaimed++
        const own = targets.get(owner)
        if (own !== undefined && own.members > 0 && own.shape !== shape) contest(own)
        return target === name
      }
      if (held.length === 0) length += owner.length
      const first = { target: wanted, shape }
      if (!join(wanted, shape).contested || target === name) {
        owners.set(owner, [first])
        return true
      }
      join(owner, shape)
      owners.set(owner, [first, { target: owner, shape }])
      return false
    },
    peek({ tenant, name, target }) {
      if (target === name) return true
      const prefix = `${tenant.length}:${tenant}`
      const isKnown = owners.has(prefix + name) || owners.size < max
      return isKnown && targets.get(prefix + target)?.contested !== true
    },
  }
}
