import { describe, expect, it } from 'vitest'
import { dottedName } from '../../../src/translate/prometheus/dotted.ts'

describe('dottedName', () => {
  it.each([
    ['k8s_pod_name', 'k8s.pod.name'],
    ['k8s_namespace_name', 'k8s.namespace.name'],
    ['service_instance_id', 'service.instance.id'],
    ['cloud_availability_zone', 'cloud.availability_zone'],
    ['process_executable_name', 'process.executable.name'],
    ['container_image_name', 'container.image.name'],
    ['deployment_environment', 'deployment.environment'],
    // Not in the conventions, or only in part.
    ['k8s_pod', 'k8s_pod'],
    ['my_pod_name', 'my_pod_name'],
    ['version', 'version'],
    ['k8s.pod.name', 'k8s.pod.name'],
    ['', ''],
  ])('%s → %s', (name, wanted) => expect(dottedName(name)).toBe(wanted))
})
