/** What frames that carry nothing cost a client: the answer to floods of them. */

import { Http2Code } from './http2-frames.ts'
import { ConnectionFault } from './http2-stream.ts'

/** Prices. A reset stream costs us some ten times what a frame does. */
export const price = { frame: 1, reset: 4 } as const

const most = 2000
const perRequest = 20
const perSecond = 200

/** DATA of at least so many bytes is worth its frame. */
export const honestPiece = 256

/** One client's credit: it grows by each answered request and with time; who has none left is told to be calm. */
export class Credit {
  private left: number = most

  /** Throws {@link ConnectionFault} when there is not enough. */
  spend(cost: number): void {
    this.left -= cost
    if (this.left < 0) throw new ConnectionFault(Http2Code.EnhanceYourCalm, 'flood')
  }

  /** For a request that was answered. */
  earn(): void {
    this.left = Math.min(most, this.left + perRequest)
  }

  /** For time that went by. */
  refill(seconds: number): void {
    this.left = Math.min(most, this.left + perSecond * seconds)
  }
}
