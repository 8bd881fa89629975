/**
 * ECS fields and what they are called in OpenTelemetry: the relations that Elastic's schemas state (commit b85f7573f0b4 of elastic/ecs), and this
 * project's own for fields of Beats, Fluent Bit and Fluentd. Only what is renamed, of one value or a list is here; where a field goes is said in
 * names.ts.
 */

/** Fields that get another name. Those that end in `.*` hold for everything below. */
export const renamedFields: Readonly<Record<string, string>> = {
  'container.image.tag': 'container.image.tags',
  'container.image.hash.all': 'container.image.repo_digests',
  'container.runtime': 'container.runtime.name',
  'error.message': 'exception.message',
  'error.stack_trace': 'exception.stacktrace',
  'faas.execution': 'faas.invocation_id',
  'faas.trigger.type': 'faas.trigger',
  'file.target_path': 'file.symbolic_link.target_path',
  'file.uid': 'file.owner.id',
  'file.owner': 'file.owner.name',
  'file.gid': 'file.group.id',
  'file.group': 'file.group.name',
  'file.mtime': 'file.modified',
  'file.ctime': 'file.changed',
  'host.architecture': 'host.arch',
  'http.request.bytes': 'http.request.size',
  'http.request.body.bytes': 'http.request.body.size',
  'http.response.bytes': 'http.response.size',
  'http.response.body.bytes': 'http.response.body.size',
  'network.protocol': 'network.protocol.name',
  'os.full': 'os.description',
  'process.args': 'process.command_args',
  'process.executable': 'process.executable.path',
  'service.environment': 'deployment.environment.name',
  'service.node.name': 'service.instance.id',
  // From here on: of this project.
  'host.hostname': 'host.name',
  'host.os.name': 'os.name',
  'host.os.version': 'os.version',
  'host.os.full': 'os.description',
  'host.os.type': 'os.type',
  'cloud.instance.id': 'host.id',
  'cloud.machine.type': 'host.type',
  'orchestrator.cluster.name': 'k8s.cluster.name',
  'kubernetes.namespace': 'k8s.namespace.name',
  'kubernetes.namespace_name': 'k8s.namespace.name',
  'kubernetes.pod.name': 'k8s.pod.name',
  'kubernetes.pod_name': 'k8s.pod.name',
  'kubernetes.pod.uid': 'k8s.pod.uid',
  'kubernetes.pod_id': 'k8s.pod.uid',
  'kubernetes.pod.ip': 'k8s.pod.ip',
  'kubernetes.pod_ip': 'k8s.pod.ip',
  'kubernetes.node.name': 'k8s.node.name',
  'kubernetes.host': 'k8s.node.name',
  'kubernetes.node.uid': 'k8s.node.uid',
  'kubernetes.container.name': 'k8s.container.name',
  'kubernetes.container_name': 'k8s.container.name',
  'kubernetes.container_image': 'container.image.name',
  'kubernetes.container_hash': 'container.image.repo_digests',
  'kubernetes.docker_id': 'container.id',
  'docker.container_id': 'container.id',
  'kubernetes.deployment.name': 'k8s.deployment.name',
  'kubernetes.replicaset.name': 'k8s.replicaset.name',
  'kubernetes.statefulset.name': 'k8s.statefulset.name',
  'kubernetes.daemonset.name': 'k8s.daemonset.name',
  'kubernetes.job.name': 'k8s.job.name',
  'kubernetes.cronjob.name': 'k8s.cronjob.name',
  'kubernetes.labels.*': 'k8s.pod.label.*',
  'kubernetes.annotations.*': 'k8s.pod.annotation.*',
  'kubernetes.namespace_labels.*': 'k8s.namespace.label.*',
  'event.original': 'log.record.original',
  'log.origin.file.name': 'code.file.path',
  'log.origin.file.line': 'code.line.number',
  'log.origin.function': 'code.function.name',
  'process.thread.id': 'thread.id',
  'process.thread.name': 'thread.name',
}

/** Renamed with `ecs.renames: full` only: the name is right, values are of another vocabulary. */
export const guessedNames: Readonly<Record<string, string>> = { 'cloud.service.name': 'cloud.platform' }

/** Last parts of the field set `geo`, which is part of many others: `source.geo`, `client.geo`. */
export const renamedGeo: Readonly<Record<string, string>> = {
  continent_code: 'continent.code',
  city_name: 'locality.name',
  country_iso_code: 'country.iso_code',
  region_iso_code: 'region.iso_code',
}

/** Fields whose OpenTelemetry attribute is a list of strings, under either name. */
export const listFields: readonly string[] = [
  'container.image.hash.all',
  'container.image.repo_digests',
  'container.image.tag',
  'container.image.tags',
  'host.ip',
  'host.mac',
  'kubernetes.container_hash',
  'process.args',
  'process.command_args',
  'tags',
]

/** Fields of one value that keep their names, beside those that are renamed: parts below a common beginning. */
const singles: Readonly<Record<string, string>> = {
  client: 'address port',
  cloud: 'provider availability_zone region account.id service.name',
  container: 'cpu.usage id image.name memory.usage name',
  data_stream: 'type dataset namespace',
  destination: 'address port',
  device: 'id model.name model.identifier manufacturer',
  dns: 'question.name',
  ecs: 'version',
  error: 'type code id',
  event: 'action dataset',
  faas: 'name version coldstart',
  file: 'name directory path extension inode mode size created accessed fork_name',
  gen_ai:
    'agent.description agent.id agent.name operation.name output.type request.choice.count request.frequency_penalty request.max_tokens request.model request.presence_penalty request.seed request.temperature request.top_k request.top_p response.id response.model provider.name token.type tool.call.id tool.name tool.type usage.input_tokens usage.output_tokens',
  geo: 'postal_code',
  host: 'name id type uptime cpu.usage disk.read.bytes disk.write.bytes network.ingress.bytes network.ingress.packets network.egress.bytes network.egress.packets os.family os.kernel os.platform containerized',
  http: 'request.method response.status_code version',
  kubernetes: 'namespace_id',
  log: 'file.path',
  network: 'type transport',
  os: 'type name version',
  process: 'pid vpid command_line args_count title uptime working_directory interactive',
  server: 'address port',
  service: 'name version namespace type',
  source: 'address port',
  tls: 'cipher curve resumed established next_protocol client.ja3 client.subject client.issuer client.not_before client.not_after client.certificate client.hash.md5 client.hash.sha1 client.hash.sha256 server.ja3s server.subject server.issuer server.not_before server.not_after server.certificate server.hash.md5 server.hash.sha1 server.hash.sha256',
  url: 'original full scheme domain registered_domain top_level_domain subdomain port path query extension fragment',
  user: 'id name full_name email hash',
  user_agent: 'original name version',
}

/** Fields that have one value, so that a list of one is that value. */
export const scalarFields: readonly string[] = [
  ...Object.entries(singles).flatMap(([head, tails]) => tails.split(' ').map((tail) => `${head}.${tail}`)),
  ...Object.keys(renamedFields).filter((field) => !field.endsWith('*') && !listFields.includes(field)),
  ...Object.keys(renamedGeo).map((leaf) => `geo.${leaf}`),
]
