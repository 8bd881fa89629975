/**
 * `grpc.health.v1.Health`: whether the bridge, or one of the services of this port, would take data now.
 *
 *     HealthCheckRequest  service 1        HealthCheckResponse  status 1 (1 SERVING  2 NOT_SERVING  3 SERVICE_UNKNOWN)
 *
 * @see grpc/doc/health-checking.md
 */

import { BridgeError } from '../errors.ts'
import { textField } from '../otlp/decode/reader.ts'
import type { GrpcStreamMethod } from './grpc-method.ts'
import { GrpcCode } from './grpc-status.ts'

const serving = Uint8Array.of(0x08, 1)
const notServing = Uint8Array.of(0x08, 2)
const serviceUnknown = Uint8Array.of(0x08, 3)

/** The service asked about; '' is the server as a whole. */
const serviceIn = (message: Uint8Array): string => textField(message, 1)

/** @param services full names, such as `jaeger.api_v2.CollectorService`. @param trouble why the bridge is not well; undefined: it is */
export function healthMethods(services: readonly string[], trouble: () => string | undefined): readonly GrpcStreamMethod[] {
  const known = new Set(['', 'grpc.health.v1.Health', ...services])
  const status = (service: string): Uint8Array => (!known.has(service) ? serviceUnknown : trouble() === undefined ? serving : notServing)
  const watchers = new Set<() => void>()

  const check: GrpcStreamMethod = {
    path: '/grpc.health.v1.Health/Check',
    open(sink) {
      let asked = false
      return {
        message(message) {
          if (asked) throw new BridgeError('OB_DECODE_FRAME', 'cannot read call: a second message where one is expected')
          asked = true
          const found = status(serviceIn(message))
          if (found === serviceUnknown) {
            sink.finish(GrpcCode.NotFound, 'unknown service')
            return
          }
          sink.send(found)
          sink.finish(GrpcCode.Ok, '')
        },
        end() {
          if (!asked) sink.finish(GrpcCode.Internal, 'cannot read call: it ends without a message')
        },
        closed() {},
      }
    },
  }

  const watch: GrpcStreamMethod = {
    path: '/grpc.health.v1.Health/Watch',
    open(sink) {
      let last: Uint8Array | undefined
      let tell: (() => void) | undefined
      return {
        message(message) {
          if (tell !== undefined) throw new BridgeError('OB_DECODE_FRAME', 'cannot read call: a second message where one is expected')
          const service = serviceIn(message)
          tell = () => {
            const now = status(service)
            if (now === last) return
            last = now
            sink.send(now)
          }
          tell()
          watchers.add(tell)
        },
        end() {
          if (tell === undefined) sink.finish(GrpcCode.Internal, 'cannot read call: it ends without a message')
        },
        closed() {
          if (tell !== undefined) watchers.delete(tell)
        },
      }
    },
    tick() {
      for (const tell of watchers) tell()
    },
  }

  return [check, watch]
}
