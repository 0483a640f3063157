/**
 * Hides what may be a secret in a text that people will see: whatever follows the application in an RTMP URL (the stream
 * key), and user names, passwords and queries in any URL.
 */
export function redact(text: string): string {
  return text
    .replace(/\b(rtmps?:\/\/)(?:[^\s/@'"]*@)?([^\s/'"]+)(\/[^\s/?'"]+)?[^\s'"]*/gi, '$1$2$3/…')
    .replace(/\b(https?:\/\/)(?:[^\s/@'"]*@)?([^\s?'"]+)(\?[^\s'"]*)?/gi, (_, scheme, rest, query) =>
      query ? `${scheme}${rest}?…` : `${scheme}${rest}`,
    )
}
