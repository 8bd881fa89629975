/**
 * Attribute keys that we write ourselves, one constant each.
 * @see opentelemetry.io/docs/specs/semconv (1.38) unless a comment says otherwise
 */

import { createKey } from './keys.ts'

export const serviceName = createKey('service.name')
export const serviceInstanceId = createKey('service.instance.id')
export const hostName = createKey('host.name')
export const telemetrySdkName = createKey('telemetry.sdk.name')
export const telemetrySdkLanguage = createKey('telemetry.sdk.language')
export const telemetrySdkVersion = createKey('telemetry.sdk.version')

export const exceptionType = createKey('exception.type')
export const exceptionMessage = createKey('exception.message')
export const exceptionStacktrace = createKey('exception.stacktrace')

/** OpenTracing compatibility: how a link's span was referenced, `child_of` or `follows_from`. */
export const opentracingRefType = createKey('opentracing.ref_type')

/** The name of a service that did not say its own. */
export const unknownService = 'unknown_service'
