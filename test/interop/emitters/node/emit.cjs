// What clients for Node.js send of a small shop: jaeger-client and zipkin-js, from NODE_PATH. ../README.md says how it is told what to do.
const { REFERENCE_CHILD_OF, REFERENCE_FOLLOWS_FROM, Reference } = require('opentracing')
const { initTracer } = require('jaeger-client')
const { Annotation, BatchRecorder, ExplicitContext, InetAddress, Tracer, TraceId, jsonEncoder, option } = require('zipkin')
const { HttpLogger } = require('zipkin-transport-http')

const env = process.env
const later = (ms) => new Promise((done) => setTimeout(done, ms))

function jaegerTracer(sampler) {
  const [agentHost, agentPort] = env.AGENT?.split(':') ?? []
  const reporter = agentHost ? { agentHost, agentPort: Number(agentPort) } : { collectorEndpoint: env.JAEGER_URL }
  const tags = { 'service.version': '1.4.2', zone: 'eu' }
  return initTracer({ serviceName: env.SERVICE, sampler, reporter: { ...reporter, flushIntervalMs: 100 } }, { tags })
}
const closed = (tracer) => new Promise((done) => tracer.close(done))

async function jaeger() {
  const tracer = jaegerTracer({ type: 'const', param: 1 })
  const child = (name, parent, tags) => tracer.startSpan(name, { childOf: parent, tags })
  const root = tracer.startSpan('checkout', {
    tags: { 'span.kind': 'server', 'http.method': 'POST', 'http.status_code': 404, ratio: 0.25, cached: true, empty: '' },
  })
  const charge = child('charge', root, { 'span.kind': 'client', error: true, 'peer.service': 'payments' })
  charge.log({ event: 'error', 'error.kind': 'Timeout', message: 'no answer' })
  charge.log({ message: 'retry', attempt: 2 })
  charge.finish()
  child('lookup', root, { 'span.kind': 'client', 'http.status_code': 404 }).finish()
  child('forgiven', root, { 'span.kind': 'client', error: false, 'http.status_code': 500 }).finish()
  child('shouting', root, { 'span.kind': 'CLIENT', error: 'true' }).finish()
  child('scoped', root, { 'otel.library.name': 'shop', 'otel.library.version': '2.0', 'w3c.tracestate': 'a=1' }).finish()
  const audit = tracer.startSpan('audit', {
    references: [new Reference(REFERENCE_FOLLOWS_FROM, root.context())],
    tags: { 'span.kind': 'producer' },
  })
  audit.finish()
  const references = [
    new Reference(REFERENCE_CHILD_OF, root.context()),
    new Reference(REFERENCE_CHILD_OF, charge.context()),
    new Reference(REFERENCE_FOLLOWS_FROM, audit.context()),
  ]
  tracer.startSpan('merge', { references }).finish()
  const debugged = child('debugged', root, {})
  debugged.setTag('sampling.priority', 1)
  debugged.finish()
  root.finish()
  await closed(tracer)
  console.log(`trace ${root.context().traceIdStr.padStart(32, '0')} 9`)
}

async function zipkin() {
  const encoder = env.ZIPKIN_ENCODING === 'json_v1' ? jsonEncoder.JSON_V1 : jsonEncoder.JSON_V2
  const logger = new HttpLogger({ endpoint: env.ZIPKIN_URL, jsonEncoder: encoder, httpInterval: 100 })
  const recorder = new BatchRecorder({ logger })
  const tracer = new Tracer({ ctxImpl: new ExplicitContext(), recorder, localServiceName: env.SERVICE, traceId128Bit: true })
  const span = (id, first, last, more) =>
    tracer.letId(id, () => {
      tracer.recordAnnotation(first)
      tracer.recordServiceName(env.SERVICE)
      more()
      tracer.recordAnnotation(last)
    })
  const address = (host, port, serviceName) => ({ serviceName, host: new InetAddress(host), port })
  const root = tracer.createRootId()
  span(root, new Annotation.ServerRecv(), new Annotation.ServerSend(), () => {
    tracer.recordRpc('GET /cart')
    tracer.recordAnnotation(new Annotation.LocalAddr({ host: new InetAddress('10.0.0.7'), port: 8080 }))
    tracer.recordBinary('http.method', 'GET')
    tracer.recordBinary('http.status_code', '200')
    tracer.recordMessage('cache.miss')
  })
  const charge = tracer.createChildId(root)
  span(charge, new Annotation.ClientSend(), new Annotation.ClientRecv(), () => {
    tracer.recordRpc('charge')
    tracer.recordAnnotation(new Annotation.ServerAddr(address('10.1.2.3', 8443, 'payments')))
    tracer.recordBinary('error', 'timeout after 3 s')
  })
  // The server's half of the same span.
  const joined = tracer.join(charge)
  span(joined, new Annotation.ServerRecv(), new Annotation.ServerSend(), () => tracer.recordRpc('charge'))
  span(tracer.createChildId(root), new Annotation.ProducerStart(), new Annotation.ProducerStop(), () => tracer.recordRpc('send'))
  span(tracer.createChildId(root), new Annotation.ConsumerStart(), new Annotation.ConsumerStop(), () => tracer.recordRpc('take'))
  span(tracer.createChildId(root), new Annotation.LocalOperationStart('price'), new Annotation.LocalOperationStop(), () =>
    tracer.recordMessage('a|b'),
  )
  const { spanId } = tracer.createChildId(root)
  const debug = new TraceId({ traceId: root.traceId, parentId: new option.Some(root.spanId), spanId, debug: true })
  span(debug, new Annotation.ClientSend(), new Annotation.ClientRecv(), () => tracer.recordRpc('debugged'))
  await later(600)
  console.log(`trace ${root.traceId} 7`)
}

async function sampling() {
  const { hostname: host, port, pathname } = new URL(env.SAMPLING)
  const tracer = jaegerTracer({
    type: 'remote',
    param: Number(env.INITIAL),
    host,
    port: Number(port),
    samplingPath: pathname,
    refreshIntervalMs: 100,
  })
  await later(1000)
  const counts = {}
  for (const operation of env.OPERATIONS.split(',')) {
    counts[operation] = 0
    for (let i = 0; i < 50; i++) {
      const span = tracer.startSpan(operation)
      if (span.context().isSampled()) counts[operation]++
      span.finish()
    }
  }
  // A request that is under way is not waited for at the end.
  await later(300)
  await closed(tracer)
  console.log(`sampled ${JSON.stringify(counts)}`)
}

const work = { jaeger, zipkin, sampling }[env.DO]
work().then(() => process.exit(0))
