/** Tables of Zipkin in MySQL, as they are documented, and rows of them. */

/** The tables by the columns and keys that Zipkin documents; old ones have neither long trace ids nor names of the other side. */
export const zipkinTables = (isOld: boolean): readonly string[] => {
  const high = isOld ? '' : 'trace_id_high BIGINT NOT NULL DEFAULT 0, '
  const highKey = isOld ? '' : 'trace_id_high, '
  const ids = `${high}trace_id BIGINT NOT NULL`
  return [
    `CREATE TABLE zipkin_spans (${ids}, id BIGINT NOT NULL, name VARCHAR(255) NOT NULL, ${isOld ? '' : 'remote_service_name VARCHAR(255), '}parent_id BIGINT, debug BIT(1), start_ts BIGINT, duration BIGINT, ${isOld ? 'UNIQUE' : 'PRIMARY'} KEY (${highKey}trace_id, id), INDEX(start_ts)) CHARACTER SET utf8 COLLATE utf8_general_ci`,
    `CREATE TABLE zipkin_annotations (${ids}, span_id BIGINT NOT NULL, a_key VARCHAR(255) NOT NULL, a_value BLOB, a_type INT NOT NULL, a_timestamp BIGINT, endpoint_ipv4 INT, ${isOld ? '' : 'endpoint_ipv6 BINARY(16), '}endpoint_port SMALLINT, endpoint_service_name VARCHAR(255), UNIQUE KEY (${highKey}trace_id, span_id, a_key, a_timestamp)) CHARACTER SET utf8 COLLATE utf8_general_ci`,
    'CREATE TABLE zipkin_dependencies (day DATE NOT NULL, parent VARCHAR(255) NOT NULL, child VARCHAR(255) NOT NULL, call_count BIGINT, error_count BIGINT, PRIMARY KEY (day, parent, child))',
  ]
}

const atOnce = 2000
/** µs between spans: 36,000 of them in an hour. */
const stepUs = 100_000

/** Statements that store so many spans of the newest schema, each a trace with three rows of annotations. */
export function* zipkinRows(count: number, startUs: number): Generator<string> {
  for (let from = 0; from < count; from += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, count - from) }, (_, at) => from + at + 1)
    const at = (number: number): number => startUs + number * stepUs
    const spans = numbers.map((number) => `(7, ${number}, ${number}, 'get /items/${number % 40}', ${at(number)}, ${(number % 900) + 1})`)
    const ids = (number: number): string => `7, ${number}, ${number}`
    const rows = numbers.flatMap((number) => [
      `(${ids(number)}, 'sr', NULL, -1, ${at(number)}, 'shop-${number % 20}')`,
      `(${ids(number)}, 'http.path', '/v1/items/${number}', 6, ${at(number)}, 'shop-${number % 20}')`,
      `(${ids(number)}, 'http.status_code', '200', 6, ${at(number)}, 'shop-${number % 20}')`,
    ])
    yield `INSERT INTO zipkin_spans (trace_id_high, trace_id, id, name, start_ts, duration) VALUES ${spans.join(',')}`
    yield `INSERT INTO zipkin_annotations (trace_id_high, trace_id, span_id, a_key, a_value, a_type, a_timestamp, endpoint_service_name) VALUES ${rows.join(',')}`
  }
}
