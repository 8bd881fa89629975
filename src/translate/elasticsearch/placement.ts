/** Attributes of the resource and attributes of the record. */

const measuredOfHost: ReadonlySet<string> = new Set(['uptime', 'cpu', 'disk', 'network', 'load', 'memory'])
const identityOfContainer: ReadonlySet<string> = new Set(['id', 'name', 'image', 'runtime', 'labels'])
const eventsOfKubernetes: ReadonlySet<string> = new Set([
  'audit',
  'event',
  'apiserver',
  'controllermanager',
  'proxy',
  'scheduler',
  'system',
  'volume',
])
const measuredOfKubernetes: ReadonlySet<string> = new Set([
  'allocatable',
  'capacity',
  'cpu',
  'fs',
  'logs',
  'memory',
  'network',
  'pod_count',
  'replicas',
  'rootfs',
  'runtime',
  'start_time',
  'status',
])

/**
 * Whether a field is about what wrote the record, and not about the record: section 5.7. What differs from event to event is not, although it stands
 * below such a name: measurements, audit entries, the service at the other end.
 */
export function isOfResource(path: string): boolean {
  const [head, second = '', third = ''] = path.split('.', 3)
  if (second === '') return false
  switch (head) {
    case 'os':
    case 'device':
    case 'agent':
    case 'k8s':
      return true
    case 'service':
    case 'cloud':
      // The service at the other end of an event.
      return second !== 'target' && second !== 'origin'
    case 'host':
      return !measuredOfHost.has(second)
    case 'container':
      return identityOfContainer.has(second)
    case 'kubernetes':
      return !eventsOfKubernetes.has(second) && !measuredOfKubernetes.has(third)
    case 'orchestrator':
      return second !== 'resource'
    case 'faas':
      return path === 'faas.name' || path === 'faas.version'
    case 'deployment':
      return path === 'deployment.environment.name' || path === 'deployment.environment'
    case 'docker':
      return path === 'docker.container_id'
    default:
      return false
  }
}

/** Attributes that stay on the resource when there are more resources than there may be: they tell who it is. */
export function isCoreName(name: string): boolean {
  return name.startsWith('service.') || name.startsWith('k8s.') || name === 'host.name'
}
