/** The base of the gateway that a script was loaded from: it is at the root, or in `assets`. */
export function gatewayOfScript(url: string): string {
  return url.replace(/\/(assets\/)?[^/]*$/, '')
}
