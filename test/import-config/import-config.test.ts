import { describe, expect, it } from 'vitest'
import { configSchema } from '../../src/config/compose.ts'
import { readHostPort } from '../../src/import-config/draft.ts'
import { type Imported, importFile, importFlags } from '../../src/import-config/import-config.ts'
import { splitWords } from '../../src/import-config/recognise.ts'

const levels = ({ findings }: Imported, level: string): string[] => findings.filter((one) => one.level === level).map((one) => one.from)

/** Every result must be a configuration that the bridge takes. */
const valid = (imported: Imported): Imported => {
  const read = configSchema.safeParse(imported.config)
  expect(read.error?.issues ?? []).toEqual([])
  return imported
}

const flags = (text: string): Imported => valid(importFlags(splitWords(text)))
const file = async (text: string): Promise<Imported> => valid(await importFile(text, 'test'))

describe('importFlags', () => {
  it('carries a collector with TLS, sampling and Zipkin over, and says what stays with the store', () => {
    const imported = flags(`jaeger-collector --collector.zipkin.host-port=:9411 --collector.grpc.tls.enabled=true
      --collector.grpc.tls.cert=/tls/c.pem --collector.grpc.tls.key /tls/k.pem --collector.grpc.tls.client-ca=/tls/ca.pem
      --sampling.strategies-file=/etc/strategies.json --sampling.strategies-reload-interval 30s --collector.queue-size=3000
      --span-storage.type=elasticsearch --es.server-urls=http://es:9200 --log-level=debug --collector.otlp.enabled=false`)
    expect(imported.config).toEqual({
      ingest: {
        jaeger: {
          grpc: { host: '0.0.0.0', tls: { cert: '/tls/c.pem', key: '/tls/k.pem', clientCa: '/tls/ca.pem' } },
          http: { host: '0.0.0.0' },
        },
        zipkin: { host: '0.0.0.0', port: 9411 },
      },
      sampling: { file: '/etc/strategies.json', reloadInterval: '30s' },
      log: { level: 'debug' },
    })
    expect(levels(imported, 'missing')).toEqual(['--span-storage.type=elasticsearch', 'OTLP endpoint'])
    expect(levels(imported, 'needless')).toEqual([
      '--collector.queue-size=3000',
      '--es.server-urls=http://es:9200',
      '--collector.otlp.enabled=false',
    ])
  })

  it('carries an agent over, and asks its collector for sampling strategies', () => {
    const imported =
      flags(`/go/bin/agent-linux --reporter.grpc.host-port=collector:14250,other:14250 --processor.jaeger-compact.server-host-port=0.0.0.0:6831
      --processor.jaeger-binary.server-socket-buffer-size=1048576 --processor.jaeger-compact.workers=10 --jaeger.tags=env=prod`)
    expect(imported.config).toEqual({
      ingest: {
        jaeger: {
          compact: { host: '0.0.0.0', port: 6831 },
          binary: { host: '0.0.0.0', receiveBuffer: 1_048_576 },
          zipkin: { host: '0.0.0.0' },
          sampling: { host: '0.0.0.0' },
        },
      },
      sampling: { upstream: 'grpc://collector:14250' },
    })
    expect(levels(imported, 'differs')).toEqual(['--reporter.grpc.host-port=collector:14250,other:14250'])
    expect(levels(imported, 'missing')).toEqual(['--jaeger.tags=env=prod', 'OTLP endpoint'])
  })

  it('carries an ingester over', () => {
    const imported = flags(
      'jaeger-ingester --kafka.consumer.brokers=k1:9092,k2:9092 --kafka.consumer.topic=spans --kafka.consumer.encoding=json',
    )
    expect(imported.config).toEqual({
      ingest: { kafka: { brokers: ['k1:9092', 'k2:9092'], topics: [{ name: 'spans', encoding: 'jaeger-json' }] } },
    })
  })

  it('never guesses: what it does not know is listed', () => {
    const imported = flags('jaeger-collector --collector.zipkin.host-port=what:ever:9 --foo.bar=1 stray')
    expect(levels(imported, 'missing')).toEqual(['stray', '--collector.zipkin.host-port=what:ever:9', '--foo.bar=1', 'OTLP endpoint'])
  })

  it('says that adaptive sampling stays behind', () => {
    expect(levels(flags('jaeger-collector --sampling.initial-sampling-probability=0.1'), 'missing')).toContain(
      '--sampling.initial-sampling-probability=0.1',
    )
  })
})

describe('importFile', () => {
  it.each([
    [`\${env:A:-0.0.0.0:4317}`, { host: '0.0.0.0', port: 4317 }, 'differs'],
    [`\${env:A:-localhost:4317}`, { host: 'localhost', port: 4317 }, 'differs'],
    [`\${env:A}`, undefined, 'missing'],
    [`\${env:A:-0.0.0.0}:4317`, { host: `\${env:A:-0.0.0.0}`, port: 4317 }, 'carried'],
    [`\${A}:\${env:B:-4317}`, { host: `\${A}`, port: `\${env:B:-4317}` }, 'carried'],
    [`:\${env:B:-4317}`, { host: '0.0.0.0', port: `\${env:B:-4317}` }, 'carried'],
    [`a:b:\${env:B}`, undefined, 'missing'],
  ])('takes an address with variables apart: %s', async (endpoint, wanted, level) => {
    const text = `{ receivers: { zipkin: { endpoint: "${endpoint}" } }, service: { pipelines: { traces: { receivers: [zipkin] } } } }`
    const imported = await importFile(text, 'test')
    expect(imported.config).toEqual({ ingest: wanted === undefined ? {} : { zipkin: wanted } })
    expect(levels(imported, level)).toContain('receivers.zipkin.endpoint')
  })

  it('carries a receiver of remote-write over', async () => {
    const imported = await file(`
receivers:
  prometheusremotewrite: { endpoint: "0.0.0.0:19291", max_request_body_size: 1048576, tls: { cert_file: /c.pem, key_file: /k.pem } }
  prometheusremotewrite/second: { endpoint: "0.0.0.0:19292" }
exporters: { otlphttp: { endpoint: "http://backend:4318", compression: none } }
service: { pipelines: { metrics: { receivers: [prometheusremotewrite, prometheusremotewrite/second], exporters: [otlphttp] } } }
`)
    expect(imported.config).toMatchObject({
      ingest: { prometheus: { host: '0.0.0.0', port: 19291, limits: { body: 1_048_576 }, tls: { cert: '/c.pem', key: '/k.pem' } } },
    })
    expect(levels(imported, 'missing')).toEqual(['receivers.prometheusremotewrite/second'])
  })

  it('reads a Collector file with two exporters into two destinations', async () => {
    const imported = await file(`
receivers:
  jaeger: { protocols: { grpc: { endpoint: "0.0.0.0:14250", max_recv_msg_size_mib: 8 }, thrift_http: , thrift_compact: { queue_size: 5000 } } }
  zipkin: { endpoint: "0.0.0.0:9411", tls: { cert_file: /c.pem, key_file: /k.pem } }
  prometheus: {}
processors: { batch: { timeout: 1s, send_batch_size: 1000 }, tail_sampling: {}, memory_limiter: {} }
exporters:
  otlp/tempo: { endpoint: "tempo:4317", tls: { insecure: true }, compression: none, headers: { x-scope-orgid: one } }
  otlphttp: { endpoint: "https://vendor.example/otlp", headers: { authorization: "\${env:TOKEN}" }, tls: { ca_file: /ca.pem }, retry_on_failure: { max_elapsed_time: 0 } }
  debug: {}
extensions: { health_check: {}, jaegerremotesampling: { source: { file: /s.json, reload_interval: 1m }, http: { endpoint: "0.0.0.0:5778" } } }
service:
  extensions: [health_check, jaegerremotesampling]
  pipelines:
    traces: { receivers: [jaeger, zipkin], processors: [memory_limiter, tail_sampling, batch], exporters: [otlp/tempo, otlphttp, debug] }
`)
    expect(imported.config).toEqual({
      ingest: {
        jaeger: {
          grpc: { host: '0.0.0.0', port: 14250, limits: { message: '8MiB' } },
          http: {},
          compact: {},
          sampling: { host: '0.0.0.0', port: 5778 },
        },
        zipkin: { host: '0.0.0.0', port: 9411, tls: { cert: '/c.pem', key: '/k.pem' } },
      },
      emit: {
        batch: { delay: '1s', maxItems: 1000 },
        destinations: [
          { name: 'otlp-tempo', endpoint: 'http://tempo:4317', protocol: 'grpc', compression: 'none', headers: { 'x-scope-orgid': 'one' } },
          {
            name: 'otlphttp',
            endpoint: 'https://vendor.example/otlp',
            protocol: 'http/protobuf',
            compression: 'gzip',
            // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration's own way to name a variable
            headers: { authorization: '${env:TOKEN}' },
            tls: { ca: '/ca.pem' },
          },
        ],
      },
      sampling: { file: '/s.json', reloadInterval: '1m' },
    })
    expect(levels(imported, 'missing')).toEqual(['processors.tail_sampling'])
    expect(levels(imported, 'needless')).toContain('receivers.prometheus')
  })

  it('reads a Jaeger v2 file, whose storage is not ours', async () => {
    const imported = await file(`
service:
  extensions: [jaeger_storage, jaeger_query, remote_sampling]
  pipelines: { traces: { receivers: [otlp, jaeger, zipkin], processors: [batch], exporters: [jaeger_storage_exporter] } }
extensions: { jaeger_storage: {}, jaeger_query: {}, remote_sampling: { file: { path: /s.json }, http: , grpc: } }
receivers: { otlp: { protocols: { grpc: , http: } }, jaeger: { protocols: { grpc: , thrift_http: } }, zipkin: }
exporters: { jaeger_storage_exporter: { trace_storage: some } }
`)
    expect(imported.config).toEqual({
      ingest: {
        otlp: { grpc: {}, http: {} },
        jaeger: { grpc: {}, http: {}, sampling: {}, samplingGrpc: {} },
        zipkin: {},
      },
      sampling: { file: '/s.json' },
    })
    expect(levels(imported, 'missing')).toEqual(['exporters.jaeger_storage_exporter', 'OTLP endpoint'])
  })

  it("reads a Zipkin server's environment", async () => {
    const imported = await file(`# zipkin.env
QUERY_PORT=9412
KAFKA_BOOTSTRAP_SERVERS="k1:9092,k2:9092"
STORAGE_TYPE=elasticsearch
ES_HOSTS=http://es:9200
JAVA_OPTS=-Xmx1g
COLLECTOR_SAMPLE_RATE=0.1
RABBIT_ADDRESSES=r:5672
`)
    expect(imported.config).toEqual({
      ingest: {
        zipkin: { host: '0.0.0.0', port: 9412 },
        kafka: { brokers: ['k1:9092', 'k2:9092'], topics: [{ name: 'zipkin', encoding: 'zipkin' }], groupId: 'zipkin' },
      },
    })
    expect(levels(imported, 'missing')).toEqual(['COLLECTOR_SAMPLE_RATE=0.1', 'RABBIT_ADDRESSES=r:5672', 'OTLP endpoint'])
  })

  it('reads the environment of a Jaeger collector', async () => {
    const imported = await file('COLLECTOR_ZIPKIN_HOST_PORT=:9411\nSPAN_STORAGE_TYPE=cassandra\nCASSANDRA_SERVERS=c1\nPATH=/usr/bin\n')
    expect(imported.config).toMatchObject({ ingest: { jaeger: { grpc: {}, http: {} }, zipkin: { port: 9411 } } })
    expect(levels(imported, 'needless')).toEqual(['CASSANDRA_SERVERS=c1'])
  })

  it('reads a systemd unit, and flags win over the environment', async () => {
    const imported = await file(`[Service]
Environment=COLLECTOR_ZIPKIN_HOST_PORT=:1 "LOG_LEVEL=warn"
ExecStart=/usr/bin/jaeger-collector \\
  --collector.zipkin.host-port=:9411 \\
  --collector.http-server.host-port=10.0.0.1:14268
`)
    expect(imported.config).toMatchObject({
      ingest: { zipkin: { port: 9411 }, jaeger: { http: { host: '10.0.0.1', port: 14268 } } },
      log: { level: 'warn' },
    })
  })

  it('reads a Kubernetes manifest and a compose file', async () => {
    const kubernetes = await file(`
apiVersion: apps/v1
kind: DaemonSet
spec: { template: { spec: { containers: [ { name: a, image: "jaegertracing/jaeger-agent:1.35", args: ["--reporter.grpc.host-port=c:14250"], env: [{ name: LOG_LEVEL, value: error }] } ] } } }
`)
    expect(kubernetes.config).toMatchObject({
      ingest: { jaeger: { compact: {} } },
      sampling: { upstream: 'grpc://c:14250' },
      log: { level: 'error' },
    })
    const compose = await file('services:\n  z:\n    image: openzipkin/zipkin:3\n    environment: { QUERY_PORT: 9500 }\n')
    expect(compose.config).toEqual({ ingest: { zipkin: { host: '0.0.0.0', port: 9500 } } })
  })

  it('reads a Jaeger configuration file of nested flags', async () => {
    const imported = await file('collector:\n  zipkin:\n    host-port: ":9411"\n  http-server.host-port: ":14268"\nlog-level: info\n')
    expect(imported.config).toMatchObject({ ingest: { zipkin: { port: 9411 }, jaeger: { http: { port: 14268 } } }, log: { level: 'info' } })
  })

  it('starts nothing for a file that listens to nothing', async () => {
    const imported = await file('receivers: { nop: {} }\nservice: { pipelines: { traces: { receivers: [nop], exporters: [nop] } } }\n')
    expect(imported.config).toEqual({ ingest: {} })
    expect(levels(imported, 'needless')).toEqual(['receivers.nop', 'exporters.nop'])
  })

  it.each(['', 'hello', '{"a":1}', '- 1\n- 2\n', 'a: &a [*a]'])('refuses %j', async (text) => {
    await expect(importFile(text, 'x.yaml')).rejects.toMatchObject({ code: 'OB_INPUT' })
  })
})

describe('readHostPort', () => {
  it.each([
    [':9411', { host: '0.0.0.0', port: 9411 }],
    ['9411', { host: '0.0.0.0', port: 9411 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['localhost', { host: 'localhost', port: undefined }],
    ['a:b:c', undefined],
  ])('%s', (text, want) => {
    expect(readHostPort(text)).toEqual(want)
  })
})

describe('splitWords', () => {
  it('splits as a shell does', () => {
    expect(splitWords(`a "b c" d'e f'g \\"h i\\ j ""`)).toEqual(['a', 'b c', 'de fg', '"h', 'i j', ''])
  })
})
