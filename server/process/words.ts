/** The last line of what someone said, as a sentence. */
export function sentence(text: string): string {
  const line = text.split('\n').at(-1) ?? ''
  return /[.!?…]$/.test(line) ? line : `${line}.`
}
