/** Names of resource attributes that lost their dots on the way through Prometheus: option `targetInfo.dotted`. */

/**
 * Resource attributes of the semantic conventions with more than one word, as they are written there.
 * @see https://opentelemetry.io/docs/specs/semconv/resource/ (v1.37)
 */
const resourceAttributes: readonly string[] = [
  ...['account.id', 'availability_zone', 'platform', 'provider', 'region', 'resource_id'].map((name) => `cloud.${name}`),
  ...['id', 'name', 'runtime', 'command', 'image.id', 'image.name', 'image.tags'].map((name) => `container.${name}`),
  ...['name', 'version', 'instance', 'id', 'max_memory', 'trigger'].map((name) => `faas.${name}`),
  ...['id', 'name', 'type', 'arch', 'ip', 'mac', 'image.id', 'image.name', 'image.version'].map((name) => `host.${name}`),
  ...['name', 'uid'].flatMap((name) =>
    ['cluster', 'node', 'pod', 'replicaset', 'deployment', 'statefulset', 'daemonset', 'job', 'cronjob'].map(
      (kind) => `k8s.${kind}.${name}`,
    ),
  ),
  ...['k8s.namespace.name', 'k8s.container.name', 'k8s.container.restart_count'],
  ...['type', 'description', 'name', 'version', 'build_id'].map((name) => `os.${name}`),
  ...['pid', 'parent_pid', 'command', 'command_args', 'command_line', 'owner', 'executable.name', 'executable.path'].map(
    (name) => `process.${name}`,
  ),
  ...['name', 'version', 'description'].map((name) => `process.runtime.${name}`),
  ...['name', 'namespace', 'version', 'instance.id'].map((name) => `service.${name}`),
  ...['sdk.name', 'sdk.language', 'sdk.version', 'distro.name', 'distro.version'].map((name) => `telemetry.${name}`),
  ...['deployment.environment', 'deployment.environment.name', 'deployment.id', 'deployment.name', 'device.id', 'device.model.name'],
  ...['browser.language', 'browser.platform', 'webengine.name', 'webengine.version', 'webengine.description'],
]

const dotted = new Map(resourceAttributes.map((name) => [name.replaceAll('.', '_'), name]))

/** `k8s_pod_name` → `k8s.pod.name`; what is not in the conventions stays as it is. */
export function dottedName(name: string): string {
  return dotted.get(name) ?? name
}
