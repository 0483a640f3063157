import type { PlaybackLinks } from '../../shared/status.ts'

/** The links of the stream `name`, below `base`. */
export function playbackLinks(base: string, name: string): PlaybackLinks {
  return {
    watch: `${base}/watch/${name}`,
    hls: `${base}/hls/${name}.m3u8`,
    llHls: `${base}/hls/${name}/ll.m3u8`,
    flv: `${base}/live/${name}.flv`,
    whep: `${base}/whep/${name}`,
  }
}

/** `playlist` with a token in each of its links: players take those as they are. */
export function withToken(playlist: string, token: string | null): string {
  if (token === null) return playlist
  const query = `?token=${encodeURIComponent(token)}`
  return playlist.replace(/(URI=")([^"]+)"/g, `$1$2${query}"`).replace(/^([^#\s].*)$/gm, `$1${query}`)
}
