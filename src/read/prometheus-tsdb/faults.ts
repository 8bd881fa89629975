/** Why blocks cannot be read: one form for all of them, so that whoever asked can tell by the first word. */

import { BridgeError } from '../../errors.ts'

/** `corrupt`: bytes are not what they should be; `truncated`: they end too early; `vanished`: a file or folder is gone. */
export type TsdbReason = 'corrupt' | 'truncated' | 'vanished' | 'unknown_encoding' | 'too_large' | 'source_error'

/** OB_SOURCE whose message begins with the reason: `corrupt: cannot read …`. @param place the file, as far as it is known */
export function tsdbError(reason: TsdbReason, message: string, place = '', cause?: unknown): BridgeError {
  return new BridgeError('OB_SOURCE', `${reason}: ${message}`, { place, ...(cause === undefined ? {} : { cause }) })
}

/** True when bytes are not what they should be: the part they are of is left out, and the rest goes on. False: what reads cannot go on. */
export function isDamage(error: unknown): error is BridgeError {
  return error instanceof BridgeError && /^(corrupt|truncated|too_large): /.test(error.message)
}
