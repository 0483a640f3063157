/** What another site loads, as `/castgate.js`: it defines the elements that can be embedded. */
import './player/player.ts'
import './widget/broadcast.ts'
