/** Frames of streams that are over: which of them their client may have sent before it knew. @see RFC 9113, 5.1 */

import { Http2Code } from './http2-frames.ts'
import { ConnectionFault } from './http2-stream.ts'

/** How many streams are remembered; more than a client has under way before it hears of us. */
const mostEarly = 256

/** Streams that we ended before their client had. On all others that are over nothing more may come, and on those that were passed over. */
export class EarlyEnds {
  private readonly ids = new Set<number>()
  /** Up to here they are no longer told apart, and everything is let through. */
  private forgottenId = 0

  /** We ended a stream on which more may be under way. */
  add(id: number): void {
    const { ids } = this
    ids.add(id)
    if (ids.size <= mostEarly) return
    const [oldest = 0] = ids
    ids.delete(oldest)
    this.forgottenId = Math.max(this.forgottenId, oldest)
  }

  /** Its client has ended it, too. */
  delete(id: number): void {
    this.ids.delete(id)
  }

  /** A frame came on a stream that is not open. Throws {@link ConnectionFault} where none may. @param ends it is the client's last */
  frame(id: number, ends: boolean, reason: string): void {
    if (id > this.forgottenId && !this.ids.has(id)) throw new ConnectionFault(Http2Code.StreamClosed, reason)
    if (ends) this.ids.delete(id)
  }
}
