import { isIdr, type ReadTrack, readFragments, readInit } from './fmp4-reader.ts'

/** A part as a playlist names it. */
interface Part {
  uri: string
  seconds: number
  independent: boolean
}

/** A segment as a playlist names it. */
interface Segment {
  number: number
  discontinuity: boolean
  map: string
  date: number | null
  parts: Part[]
  /** Null while it grows. */
  whole: { uri: string; seconds: number } | null
}

/** A media playlist, read. */
export interface Playlist {
  target: number
  partTarget: number | null
  sequence: number
  discontinuities: number
  independent: boolean
  ended: boolean
  hint: string | null
  /** Segments that a delta update leaves out. */
  skipped: number
  segments: Segment[]
}

/** What a line of a playlist says: its attributes, without quotes. */
function attributes(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/([A-Z0-9-]+)=("[^"]*"|[^,]*)/g)].map(([, name = '', value = '']) => [
      name,
      value.replaceAll('"', ''),
    ]),
  )
}

/** Reads a media playlist, whole or a delta update. */
export function readPlaylist(text: string): Playlist {
  const list: Playlist = {
    target: Number.NaN,
    partTarget: null,
    sequence: 0,
    discontinuities: 0,
    independent: false,
    ended: false,
    hint: null,
    skipped: 0,
    segments: [],
  }
  let map = ''
  let seconds = 0
  let number = 0
  const begin = (): Segment => ({ number: number++, discontinuity: false, map, date: null, parts: [], whole: null })
  let segment: Segment | null = null
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, tag = '', value = ''] = /^#(EXT[A-Z0-9-]*):?(.*)$/.exec(line) ?? []
    if (/^EXT(-X-(DISCONTINUITY|PROGRAM-DATE-TIME|PART|MAP)|INF)$/.test(tag)) segment ??= begin()
    switch (tag) {
      case 'EXT-X-TARGETDURATION':
        list.target = Number(value)
        break
      case 'EXT-X-PART-INF':
        list.partTarget = Number(attributes(value).get('PART-TARGET'))
        break
      case 'EXT-X-MEDIA-SEQUENCE':
        list.sequence = Number(value)
        number = list.sequence
        break
      case 'EXT-X-DISCONTINUITY-SEQUENCE':
        list.discontinuities = Number(value)
        break
      case 'EXT-X-INDEPENDENT-SEGMENTS':
        list.independent = true
        break
      case 'EXT-X-SKIP':
        list.skipped = Number(attributes(value).get('SKIPPED-SEGMENTS'))
        number += list.skipped
        break
      case 'EXT-X-ENDLIST':
        list.ended = true
        break
      case 'EXT-X-PRELOAD-HINT':
        list.hint = attributes(value).get('URI') ?? null
        break
      case 'EXT-X-DISCONTINUITY':
        if (segment) segment.discontinuity = true
        break
      case 'EXT-X-PROGRAM-DATE-TIME':
        if (segment) segment.date = Date.parse(value)
        break
      case 'EXT-X-MAP':
        map = attributes(value).get('URI') ?? ''
        if (segment) segment.map = map
        break
      case 'EXTINF':
        seconds = Number.parseFloat(value)
        break
      case 'EXT-X-PART': {
        const part = attributes(value)
        segment?.parts.push({
          uri: part.get('URI') ?? '',
          seconds: Number(part.get('DURATION')),
          independent: part.get('INDEPENDENT') === 'YES',
        })
        break
      }
      case '':
        if (line.startsWith('#')) break
        segment ??= begin()
        list.segments.push({ ...segment, whole: { uri: line, seconds } })
        segment = null
    }
  }
  if (segment) list.segments.push(segment)
  return list
}

/** Rounding of durations to ms, in seconds. */
const ROUNDED = 0.0025

/**
 * Holds playlists and media to RFC 8216bis, as those get them who follow a stream: each rule that is broken is noted, with the section. Nothing of it is
 * taken from the server.
 */
export class HlsChecker {
  readonly faults = new Set<string>()
  #before: Playlist | null = null
  readonly #known = new Map<string, string>()
  readonly #inits = new Map<string, ReadTrack[]>()
  /** Where the next frame of each track begins, in ticks. */
  readonly #next = new Map<number, number>()
  #map = ''

  /** The tracks of the init sections that were seen. */
  get tracks(): string[] {
    return [...this.#inits.values()].map((tracks) => tracks.map(({ kind }) => kind).join())
  }

  /** Checks a playlist that came at `now`, in ms since 1970; null where clocks are not compared. Gives it. */
  playlist(text: string, now: number | null): Playlist {
    const list = readPlaylist(text)
    const before = this.#before
    this.#before = list
    for (const { number, whole, parts } of list.segments) {
      if (whole && Math.round(whole.seconds) > list.target)
        this.#fault(`4.4.3.1: ${number} has ${whole.seconds} s of ${list.target}`)
      for (const [index, { uri, seconds, independent }] of parts.entries()) {
        this.#same(uri, `${seconds} ${independent}`)
        if (list.partTarget === null || seconds > list.partTarget + 0.0005)
          this.#fault(`4.4.4.9: ${uri} has ${seconds} s of ${list.partTarget}`)
        const next = parts[index + 1]
        if (next && !next.independent && seconds < 0.85 * (list.partTarget ?? 0) - 0.0015)
          this.#fault(`4.4.4.9: ${uri} has ${seconds} s, less than 85 % of ${list.partTarget}`)
      }
      if (whole) this.#same(whole.uri, `${number} ${whole.seconds}`)
      const sum = parts.reduce((total, { seconds }) => total + seconds, 0)
      if (whole && parts.length > 0 && Math.abs(sum - whole.seconds) > 0.001 * parts.length + ROUNDED)
        this.#fault(`4.4.4.9: the parts of ${number} are ${sum} s of ${whole.seconds}`)
    }
    this.#checkDates(list, now)
    if (before) this.#checkAgainst(before, list)
    return list
  }

  #checkDates({ segments }: Playlist, now: number | null): void {
    for (const [index, segment] of segments.entries()) {
      const before = segments[index - 1]
      if (before?.whole && segment.date !== null && before.date !== null) {
        const step = segment.date - before.date - before.whole.seconds * 1000
        // One that is told to be later than it was is set back, never forward.
        if (step > 3 && !segment.discontinuity) this.#fault(`4.4.4.6: ${segment.number} is dated ${step} ms too late`)
        if (segment.date < before.date) this.#fault(`4.4.4.6: ${segment.number} is dated before the one before`)
      }
      const seconds = segment.whole?.seconds ?? segment.parts.reduce((sum, part) => sum + part.seconds, 0)
      const ahead = now === null || segment.date === null ? 0 : segment.date + seconds * 1000 - now
      if (ahead > 100) this.#fault(`4.4.4.6: ${segment.number} ends ${Math.round(ahead)} ms after now`)
    }
  }

  #checkAgainst(before: Playlist, list: Playlist): void {
    if (before.ended && !list.ended) this.#fault('6.2.1: an end was taken back')
    if (before.target !== list.target)
      this.#fault(`6.2.1: the target duration was ${before.target}, and is ${list.target}`)
    if (before.partTarget !== list.partTarget) this.#fault('6.2.1: the part target changed')
    if (!before.independent && list.independent) this.#fault('4.4.2.1: segments are said to be independent later')
    const gone = before.segments.filter(({ number }) => number < list.sequence)
    if (list.sequence < before.sequence) this.#fault(`4.4.3.2: ${before.sequence} went back to ${list.sequence}`)
    const left = gone.filter(({ discontinuity }) => discontinuity).length
    if (list.discontinuities !== before.discontinuities + left)
      this.#fault(`4.4.3.3: ${before.discontinuities} and ${left} that left are not ${list.discontinuities}`)
    for (const segment of list.segments) {
      const same = before.segments.find(({ number }) => number === segment.number)
      if (
        same &&
        same.parts.length > 0 &&
        (same.discontinuity !== segment.discontinuity || same.map !== segment.map || same.date !== segment.date)
      )
        this.#fault(`6.2.1: ${segment.number} is another one than it was`)
    }
  }

  /** Checks the media of a part. All parts are to be given, in order. `init` is asked for where its section is not known. */
  async media(segment: Segment, part: Part, bytes: Buffer, init: (uri: string) => Promise<Buffer>): Promise<void> {
    const isFirst = segment.parts[0]?.uri === part.uri
    let tracks = this.#inits.get(segment.map)
    if (!tracks) {
      tracks = readInit(await init(segment.map))
      this.#inits.set(segment.map, tracks)
    }
    if (segment.map !== this.#map || (segment.discontinuity && isFirst)) this.#next.clear()
    this.#map = segment.map
    const hasVideo = tracks.some(({ kind }) => kind === 'vide')
    let pictures: number | null = null
    for (const { trackId, decodeTime, samples } of readFragments(bytes)) {
      const track = tracks.find(({ id }) => id === trackId)
      if (!track) return this.#fault(`${part.uri} has a track that its init section has not`)
      const ms = (ticks: number) => (ticks / track.timescale) * 1000
      const expected = this.#next.get(trackId)
      if (expected !== undefined && Math.abs(ms(decodeTime - expected)) > 1)
        this.#fault(
          `14496-12, 8.8.12: ${track.kind} of ${part.uri} begins ${ms(decodeTime - expected).toFixed(1)} ms late`,
        )
      const duration = samples.reduce((sum, sample) => sum + sample.duration, 0)
      this.#next.set(trackId, decodeTime + duration)
      if (track.kind !== 'vide') continue
      pictures = ms(duration) / 1000
      for (const sample of samples)
        if (sample.isSync !== isIdr(sample.data)) this.#fault(`${part.uri} has a sync flag that is wrong`)
      const beginsWithKeyframe = samples[0]?.isSync === true
      if (part.independent && !beginsWithKeyframe) this.#fault(`4.4.4.9: ${part.uri} is not independent`)
      if (!part.independent && samples.some(({ isSync }) => isSync))
        this.#fault(`4.4.4.9: ${part.uri} hides a keyframe`)
      if (isFirst && this.#before?.independent && !beginsWithKeyframe)
        this.#fault(`4.4.2.1: ${part.uri} begins with no keyframe`)
    }
    if (hasVideo && Math.abs((pictures ?? 0) - part.seconds) > ROUNDED)
      this.#fault(`4.4.4.9: ${part.uri} has pictures of ${pictures?.toFixed(3)} s, and says ${part.seconds}`)
  }

  /** Something was missed: what comes next need not go on from what came. */
  missed(): void {
    this.#next.clear()
  }

  /** What was said once of a file is never changed. */
  #same(uri: string, said: string): void {
    if ((this.#known.get(uri) ?? said) !== said)
      this.#fault(`6.2.1: ${uri} was ${this.#known.get(uri)}, and is ${said}`)
    this.#known.set(uri, said)
  }

  #fault(words: string): void {
    this.faults.add(words)
  }
}
