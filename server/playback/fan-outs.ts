import type { Broadcast } from '../broadcast/broadcast.ts'
import { FanOut } from './fan-out.ts'

/** The fan-out of each broadcast that somebody watches over FLV or RTMP. */
export class FanOuts {
  readonly #fanOuts = new WeakMap<Broadcast, FanOut>()

  of(broadcast: Broadcast): FanOut {
    let fanOut = this.#fanOuts.get(broadcast)
    if (!fanOut) {
      fanOut = new FanOut(broadcast)
      this.#fanOuts.set(broadcast, fanOut)
      broadcast.listen(fanOut)
    }
    return fanOut
  }
}
