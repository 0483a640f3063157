/** Hides tokens (RFC 7519) and the gateway's own secret wherever they stand: nothing that is logged has them. */
export function redactTokens(text: string): string {
  return text.replace(/\beyJ[\w-]{5,}\.[\w-]+(\.[\w-]*)?/g, '…').replace(/\b(token|gateway)=[^\s&'"]+/gi, '$1=…')
}

/**
 * Hides what may be a secret in a text that people will see: whatever follows the application in an RTMP URL (the stream
 * key), user names, passwords and queries in any URL, and tokens.
 */
export function redact(text: string): string {
  return redactTokens(text)
    .replace(/\b(rtmps?:\/\/)(?:[^\s/@'"]*@)?([^\s/'"]+)(\/[^\s/?'"]+)?[^\s'"]*/gi, '$1$2$3/…')
    .replace(/\b(https?:\/\/)(?:[^\s/@'"]*@)?([^\s?'"]+)(\?[^\s'"]*)?/gi, (_, scheme, rest, query) =>
      query ? `${scheme}${rest}?…` : `${scheme}${rest}`,
    )
}
