/** The base of the gateway that a script was loaded from: it is at the root, or in `assets`. */
export function gatewayOfScript(url: string): string {
  return url.replace(/\/(assets\/)?[^/]*$/, '')
}

/**
 * A link that the gateway gave to one of its recordings or pictures, seen from its dashboard: that may be open at another address than the
 * public one, such as that of a tunnel.
 */
export function fromDashboard(link: string): string {
  return link.replace(/^.*?\/(?=(?:api\/streams\/[^/]+\/|recordings\/)[^/]+$)/, '')
}
