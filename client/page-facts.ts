/** What the gateway writes into its pages about itself. */
export interface PageFacts {
  /** `open`: everyone may broadcast; `token`: broadcasters need one; `private`: viewers do, too. */
  access: 'open' | 'token' | 'private'
  /** The origins that the operator allows, which may be `*`. */
  origins: string[]
  /** Whether broadcasters may send to other places from here. */
  publisherTargets: boolean
}

/** Reads them from the page's `meta` elements. */
export function readPageFacts(): PageFacts {
  const read = (name: string) => document.querySelector(`meta[name="castgate-${name}"]`)?.getAttribute('content') ?? ''
  const access = read('access')
  return {
    access: access === 'open' || access === 'private' ? access : 'token',
    origins: read('origins').split(' ').filter(Boolean),
    publisherTargets: read('publisher-targets') === 'yes',
  }
}

/** The token in the address of the page: behind `#`, which browsers send to no server, or in the query of a player's link. */
export function readToken(): string | null {
  return new URLSearchParams(location.hash.slice(1)).get('token') ?? new URLSearchParams(location.search).get('token')
}
