/**
 * What a path of a document means: sections 5 and 6 of the mapping, as one record for each path. `ruleOf` of names.ts makes them, once for each
 * path that is met; the translator keeps them beside the path.
 */

/** What a field is to the log record. Of several fields with one role the one with the lowest rank that can be used has it; the others are attributes. */
export const Role = {
  /** An attribute, of the record or the resource, and nothing else. */
  Attribute: 0,
  /** Left out always: `@version`. */
  Ignored: 1,
  /** Left out by a rule of the user. Counted. */
  Dropped: 2,
  /** The time: `@timestamp`, `timestamp`, `time`, `date`, `ts`, `__REALTIME_TIMESTAMP`. Without any of them those of `Observed` are. */
  Time: 3,
  /** The observed time: `event.created`, `event.ingested`. */
  Observed: 4,
  /** The body. */
  Body: 5,
  /** A word for the severity; a number is read by the rule's `scale`. */
  SeverityText: 6,
  /** A number for the severity, read by the rule's `scale`; used without a field of `SeverityText`. */
  SeverityNumber: 7,
  TraceId: 8,
  SpanId: 9,
  /** The span id where there is none. An attribute in any case. */
  TransactionId: 10,
  /** W3C flags: hexadecimal text, or a number. */
  TraceFlags: 11,
  EventName: 12,
  ScopeName: 13,
  /** Flag of the container runtime's log format: left out when it is `P` or `F`. */
  CriFlag: 14,
  /** A list of objects, of which the first is the exception (Serilog). */
  Exceptions: 15,
  /** `error.exception`: the same in documents of APM. */
  ApmException: 16,
  /** `data_stream.type`, `.dataset`, `.namespace`, by rank. An attribute in any case. */
  DataStream: 17,
  /** `processor.event`: the kind of a document of APM. An attribute in any case. */
  ProcessorEvent: 18,
  /** `metricset.name`: the document holds metrics. An attribute in any case. */
  MetricsetName: 19,
  /** `level_value`: left out where there is a severity, else it is one. */
  LevelValue: 20,
} as const

/** What is done with a value on its way. */
export const Transform = {
  None: 0,
  /** `http.request.method`: known ones in upper case, others `_OTHER`; what came goes to `http.request.method_original` when that differs. */
  HttpMethod: 1,
  /** `os.type`: `macos` is `darwin`, others in lower case. */
  OsType: 2,
  /** `registry:5000/name:tag`: the tag after the last `:` that follows the last `/` goes to `container.image.tags`, a list. */
  ContainerImage: 3,
  /** A number becomes the text of its digits. */
  Stringify: 4,
  /** The value goes to the rule's `also` and `http` to `network.protocol.name`, each only where the document has none. */
  HttpVersion: 5,
  /** Renamed when `orchestrator.type` is `kubernetes` or absent, else it keeps its path. */
  KubernetesCluster: 6,
  /** One `/` at the front is taken off. */
  LeadingSlash: 7,
  /** One line feed at the end is taken off. */
  TrailingNewline: 8,
  /** Text of digits becomes an integer. */
  Integer: 9,
} as const

/** How a number of a severity field is read: `severityOfCode` of severity.ts. */
export const Scale = {
  None: 0,
  /** 10 to 60: pino, bunyan. */
  Tens: 1,
  /** 0 to 7. */
  Syslog: 2,
  /** 10 to 50: Python's logging. */
  Python: 3,
  /** 5,000 to 40,000: logback's `level_value`. */
  Logback: 4,
} as const

/** Fields by which shapes of documents are recognised: bits of a mask, to be joined over the fields that a document has (null and empty ones have none). */
export const Marker = {
  /** `@version` */
  Logstash: 1 << 0,
  /** `kubernetes.pod_name` */
  FluentBit: 1 << 1,
  /** `docker.container_id`, `@log_name` */
  Fluentd: 1 << 2,
  /** `MESSAGE`, `_SYSTEMD_UNIT`, `__REALTIME_TIMESTAMP` */
  Journald: 1 << 3,
  /** `short_message` */
  Gelf: 1 << 4,
  /** `messageTemplate` */
  Serilog: 1 << 5,
  /** `logger` */
  Logger: 1 << 6,
  /** `msg`: pino, bunyan, and others of their kind */
  Msg: 1 << 7,
  /** `container_id` */
  Docker: 1 << 8,
  /** `facility`: rsyslog, syslog-ng */
  Facility: 1 << 9,
  /** `severity` */
  Severity: 1 << 10,
  /** `log`, which is no object */
  Log: 1 << 11,
  /** `stream` */
  Stream: 1 << 12,
  /** `winlog.…` */
  Winlog: 1 << 13,
  /** `data_stream.…` */
  DataStream: 1 << 14,
  /** `metricset.name` */
  Metricset: 1 << 15,
  /** `processor.event` */
  Processor: 1 << 16,
} as const

/** What a field means in documents of some shape. */
export interface ShapedRule {
  /** It holds when the document has one of these markers. */
  readonly markers: number
  readonly rule: FieldRule
}

/** What a path means. All objects have all properties, in this order. */
export interface FieldRule {
  /** One of {@link Role}. */
  readonly role: number
  /** Order among the fields of a role; the lowest goes first. */
  readonly rank: number
  /** It is an attribute although its role took it. */
  readonly keep: boolean
  /** One of {@link Scale}, for severities. */
  readonly scale: number
  /** Bits of {@link Marker} that a document with this field has. */
  readonly marker: number
  /** As an attribute it is one of the resource. */
  readonly resource: boolean
  /** Name as an attribute, after renames; the path itself where it has no other. */
  readonly name: string
  /** A value that is no list becomes a list of one. */
  readonly list: boolean
  /** A list of one becomes its value. */
  readonly scalar: boolean
  /** One of {@link Transform}; holds for the attribute and, of `Body`, for the body. */
  readonly transform: number
  /** It gives way, uncounted, and keeps its path when the document has a field of this name: `host.hostname` and `host.name`. */
  readonly onlyWhenAbsent: string | undefined
  /** Another attribute with the same value, where the document has none of that name: `exception.type` of `error.type`. */
  readonly also: string | undefined
  /** A member of `message`: a part of the body when that is an object. */
  readonly inMessage: boolean
  /** Order among what `service_name.derive` takes for `service.name`; −1: not among them. */
  readonly serviceRank: number
  /** Rules that hold instead in some shapes; the first that fits counts. Empty for most. */
  readonly shaped: readonly ShapedRule[]
}

/** The rule that holds in a document with these markers. */
export function ruleIn(rule: FieldRule, markers: number): FieldRule {
  const { shaped } = rule
  for (let i = 0; i < shaped.length; i++) {
    const one = shaped[i] as ShapedRule
    if ((one.markers & markers) !== 0) return one.rule
  }
  return rule
}
