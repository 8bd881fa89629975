/**
 * Every error this program can show, in one table: code, retry class, HTTP and gRPC status.
 * `docs/reference/errors.md` is generated from it. Codes are public: add, deprecate, never reuse.
 *
 * Retired codes: none yet.
 */

/** `never`: the sender must not repeat it; `later`: it may, after the time given; `fatal`: the program cannot go on. */
export type RetryClass = 'never' | 'later' | 'fatal'

interface ErrorRow {
  readonly retry: RetryClass
  readonly http: number
  readonly grpc: number
  readonly meaning: string
  readonly remedy: string
}

const row = (retry: RetryClass, http: number, grpc: number, meaning: string, remedy: string): ErrorRow => ({
  retry,
  http,
  grpc,
  meaning,
  remedy,
})

export const errorTable = {
  OB_DECODE_JSON: row('never', 400, 3, 'The body is not the JSON this format requires.', 'Look at the byte offset named in the message.'),
  OB_DECODE_THRIFT: row(
    'never',
    400,
    3,
    'The body is not the Thrift message this format requires.',
    'Look at the byte offset named in the message.',
  ),
  OB_DECODE_PROTO: row(
    'never',
    400,
    3,
    'The body is not the protobuf message this format requires.',
    'Look at the byte offset named in the message.',
  ),
  OB_DECODE_ENCODING: row('never', 400, 3, 'The body could not be decompressed.', 'Check the Content-Encoding header against the body.'),
  OB_UNSUPPORTED_ENCODING: row(
    'never',
    415,
    12,
    'The Content-Encoding is not one this endpoint takes.',
    'Send the body plain or with gzip or deflate.',
  ),
  OB_UNSUPPORTED_TYPE: row(
    'never',
    400,
    3,
    'The Content-Type is not one this endpoint takes.',
    'See the page of the format for the types it takes.',
  ),
  OB_LIMIT_BODY: row(
    'never',
    413,
    8,
    'The body is larger than the limit.',
    'Send smaller batches, or raise the limit named in the message.',
  ),
  OB_LIMIT_RATIO: row(
    'never',
    413,
    8,
    'The body expands more than the limit allows.',
    'Raise limits.ratio if the sender is known to be honest.',
  ),
  OB_LIMIT_ITEMS: row(
    'never',
    413,
    8,
    'The request holds more items than the limit.',
    'Send smaller batches, or raise the limit named in the message.',
  ),
  OB_LIMIT_DEPTH: row('never', 400, 3, 'The body is nested deeper than the limit.', 'No honest sender of this format nests that deep.'),
  OB_LIMIT_LENGTH: row(
    'never',
    400,
    3,
    'A length or count declares more than the body holds or the limit allows.',
    'The sender is broken or hostile.',
  ),
  OB_ALL_REJECTED: row('never', 400, 3, 'Not one item of the request could be taken.', 'The message names the first reason.'),
  OB_CUT_OFF: row(
    'later',
    408,
    14,
    'The connection was closed before the body was complete.',
    'Look at time-outs between the sender and the bridge.',
  ),
  OB_AUTH: row(
    'never',
    401,
    16,
    'The sender did not show who it is, or is not known.',
    'Compare the credentials of the sender with the `auth` section of the endpoint.',
  ),
  OB_INTERNAL: row('never', 500, 13, 'A fault of the bridge itself.', 'Please report it, with the log line that goes with it.'),
  OB_LOOP: row('never', 508, 9, 'Our own output came back to us.', 'Point emit.endpoint away from the addresses of this bridge.'),
  OB_QUEUE_FULL: row(
    'later',
    503,
    8,
    'The queue is at its size limit.',
    'The endpoint is slower than the senders; raise queue.maxSize or mend the endpoint.',
  ),
  OB_QUEUE_BROKEN: row('later', 503, 14, 'The queue cannot store data now.', 'See the cause: a full disk, an I/O error or no rights.'),
  OB_STOPPING: row('later', 503, 14, 'The bridge is stopping.', 'Send again; another instance or the next start will take it.'),
  OB_SEND_TRANSIENT: row(
    'later',
    502,
    14,
    'The endpoint could not be reached or answered with a passing fault.',
    'Nothing: it is tried again until it works.',
  ),
  OB_SEND_THROTTLED: row(
    'later',
    503,
    8,
    'The endpoint asked us to slow down.',
    'Nothing: it is tried again after the time the endpoint gave.',
  ),
  OB_SEND_PERMANENT: row('never', 502, 3, 'The endpoint refuses this data for good.', 'See the dead letters: otlp-bridge queue ls --dead.'),
  OB_SAMPLING: row(
    'later',
    503,
    14,
    'There is no sampling strategy to be had now.',
    'The old collector of `sampling.upstream` does not answer; clients keep the strategy they have.',
  ),
  OB_DECODE_FRAME: row('never', 400, 13, 'The frames of a call do not keep to gRPC.', 'The sender, or a proxy in between, is broken.'),
  OB_LIMIT_PENDING: row(
    'later',
    503,
    8,
    'Too many bytes of unfinished messages are on their way in.',
    'Raise limits.pending, or send with fewer calls at once.',
  ),
  OB_DEADLINE: row(
    'later',
    504,
    4,
    "The sender's own deadline was over before its message was here.",
    'Look at the network between the sender and the bridge.',
  ),
  OB_CONFIG: row('fatal', 500, 3, 'The configuration has faults.', 'Each fault is listed with its key.'),
  OB_INPUT: row('fatal', 400, 3, 'An input file cannot be read.', 'Check the path and its rights.'),
  OB_LISTEN: row('fatal', 500, 14, 'A listener cannot open its port.', 'Another program holds it: stop it, or set another port.'),
  OB_NODE_VERSION: row('fatal', 500, 9, 'This Node.js is too old.', 'Use Node.js 22.22 or newer, or install with optional dependencies.'),
  OB_DECODE_SYMBOLS: row(
    'never',
    400,
    3,
    'Labels of a remote-write 2.0 request do not fit its table of symbols.',
    'The sender is broken: the table begins with the empty text, and labels are pairs of places in it.',
  ),
  OB_TENANT: row(
    'never',
    400,
    3,
    'The name of the tenant cannot be used.',
    'X-Scope-OrgID, or the part of the path, holds up to 150 visible ASCII characters.',
  ),
  OB_DECODE_BEATS: row(
    'never',
    400,
    3,
    'The bytes on a connection are not the frames of the Beats (Lumberjack) protocol.',
    'The message says what came instead; a client that is set to TLS or to another protocol, mostly.',
  ),
  OB_CUTOVER_CONFLICT: row(
    'never',
    409,
    10,
    'Somebody else changed this endpoint in the meantime.',
    'Look at how it stands now, and try again.',
  ),
  OB_CUTOVER_REFUSED: row(
    'never',
    422,
    9,
    'A condition of the phase is not met.',
    'The message names it. With `--force` and a reason it is done all the same, and kept in the record.',
  ),
  OB_MIRROR_DOWN: row(
    'later',
    502,
    14,
    'The old backend does not answer, and the configuration wants its answer.',
    'Mend the old backend, or set legacy.fallback: bridge.',
  ),
  OB_MIRROR_SLOW: row(
    'later',
    504,
    14,
    'The old backend took too long to answer, and the configuration wants its answer.',
    'Look at the old backend, raise legacy.timeout or proxy.timeout, or set legacy.fallback: bridge.',
  ),
  OB_MIRROR_REFUSED: row(
    'never',
    400,
    9,
    'The old backend did not take a request, and its answer is the one that counts (answer: legacy).',
    'The client has got its answer. legacy.keepRefused: true keeps such requests for the new side.',
  ),
  OB_MIRROR_BUSY: row(
    'later',
    503,
    8,
    'As many requests are being passed to the old backend as may be.',
    'Come back later, or raise proxy.maxConcurrent.',
  ),
  OB_FORWARD_SLOW: row(
    'later',
    503,
    14,
    'An old backend that must have the data did not take it in time, and nothing is kept here for it (queue.ack: forwarded).',
    'Mend the old backend, raise forwardTimeout of its mirror, or let the queue keep data (queue.ack).',
  ),
  OB_PARITY: row('never', 400, 3, 'The two sides cannot be compared.', 'The message says what is missing.'),
  OB_BACKEND: row(
    'later',
    502,
    14,
    'A backend that was asked for its data did not answer as expected.',
    'See the message and the log of the backend.',
  ),
  OB_SOURCE: row(
    'never',
    502,
    9,
    'A part of the history that is filled in cannot be read.',
    'The message names it and what ails it; the rest goes on. After mending it: otlp-bridge backfill retry-failed.',
  ),
  OB_DESTINATION: row(
    'never',
    502,
    9,
    'The destination of a back-fill takes nothing at all: wrong address, not allowed.',
    'Mend emit.endpoint or its headers and start the same command again; it goes on where it stood.',
  ),
  OB_FENCED: row(
    'never',
    409,
    10,
    'A slice of a back-fill was taken over by another worker.',
    'Nothing to do: the other one goes on with it.',
  ),
  OB_LEDGER: row(
    'fatal',
    500,
    13,
    'The ledger of a back-fill cannot be read or written, or is of another run.',
    'See the message. Only where it says so does --rebuild help, which plans anew and sends everything again.',
  ),
  OB_ADMIN_NONE: row('never', 404, 5, 'The admin port has nothing of this name.', 'The answer says which option brings it, if one does.'),
  OB_ADMIN_REQUEST: row('never', 400, 3, 'A request to the admin port is not as it should be.', 'The message names the fault.'),
  OB_ADMIN_FORBIDDEN: row(
    'never',
    403,
    7,
    'The one who asks may not do this on the admin port.',
    'Set admin.auth, and admin.operate if not everybody may; changes need the token of /api/v1/session and must come from the page itself.',
  ),
  OB_ADMIN_HOST: row(
    'never',
    421,
    9,
    'The admin port was asked under a host name that it does not know.',
    'Use an address or localhost, or add the name to admin.names.',
  ),
  OB_ADMIN_BUSY: row('later', 503, 8, 'Too many pages are open on the admin port.', 'Close some of them.'),
  OB_DECODE_YAML: row(
    'never',
    400,
    3,
    'The text is not YAML, or uses it in a way that is not taken.',
    'Look at the line named in the message.',
  ),
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errorTable

/** An error with a code out of {@link errorTable}. Guards test `code`, not `instanceof`. */
export class BridgeError extends Error {
  readonly code: ErrorCode
  /** Where the fault is: a byte offset, a configuration key, a file; empty when the message says it all. */
  readonly place: string
  /** For `later` errors: after how many seconds the sender should come back. */
  readonly retryAfterSeconds: number

  /** @param message reads "cannot <verb> <object>: <cause>" */
  constructor(code: ErrorCode, message: string, options: { place?: string; retryAfterSeconds?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'BridgeError'
    this.code = code
    this.place = options.place ?? ''
    this.retryAfterSeconds = options.retryAfterSeconds ?? 0
  }

  get http(): number {
    return errorTable[this.code].http
  }

  get retry(): RetryClass {
    return errorTable[this.code].retry
  }
}

/** True for errors that carry one of our codes. */
export function isBridgeError(error: unknown): error is BridgeError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code in errorTable
}
