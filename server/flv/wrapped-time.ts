/**
 * The time nearest to `last` that is written as `written`, where times begin again after `wrap`. One below zero, as of an encoder's first samples, is
 * near the wrap. All in ms.
 */
export function nearestTime(last: number, written: number, wrap: number): number {
  const ahead = (((written - last) % wrap) + wrap) % wrap
  return last + (ahead >= wrap / 2 ? ahead - wrap : ahead)
}
