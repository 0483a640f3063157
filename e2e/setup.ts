import { prepare } from '../scripts/prepare.mjs'

/** The end-to-end tests run what is built, so it is built first where it is stale. */
export default function setup(): void {
  prepare()
}
