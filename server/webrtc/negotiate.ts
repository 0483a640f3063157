import { CODECS } from './depacketizer.ts'
import { type AnsweredMedia, type Offer, type OfferedCodec, type OfferedMedia, unsupported } from './sdp.ts'

/** Feedback that we give. */
const FEEDBACK = ['nack', 'nack pli', 'transport-cc']
/** What Chromium begins with, in kbit/s, instead of 300: it goes on to what the line carries. */
const START_KBPS = 1500

/** The formats that are taken, by medium, the best first. */
export interface Formats {
  readonly video: readonly string[]
  readonly audio: readonly string[]
}

/** Those of publishers, and those that viewers get. */
export const TAKEN: Formats = { video: Object.keys(CODECS.video), audio: Object.keys(CODECS.audio) }
export const SENT: Formats = { video: ['h264'], audio: ['opus'] }

/**
 * Chooses what is sent of an offer.
 * @throws GatewayError `unsupported_offer` where a medium has no format that is taken
 */
export function chooseMedia({ media }: Offer, formats: Formats): AnsweredMedia[] {
  return media.map((offered) => {
    const codec = bestOf(offered, formats)
    if (codec === undefined) {
      const names = formats[offered.kind].join(', ')
      throw unsupported(`Its ${offered.kind} has no format that is taken: ${names}.`)
    }
    const { codecs: _, ...rest } = offered
    return { ...rest, codec: answered(codec, offered) }
  })
}

/** The first format that we name and the offer has. Of H.264, that which can be cut into packets, in the profile that all can encode. */
function bestOf({ kind, codecs }: OfferedMedia, formats: Formats): OfferedCodec | undefined {
  for (const name of formats[kind]) {
    const found = codecs.filter((codec) => codec.name === name)
    const cut = found.filter(({ parameters }) => name !== 'h264' || /packetization-mode=1/.test(parameters))
    const codec = cut.find(({ parameters }) => /profile-level-id=42e0/i.test(parameters)) ?? cut[0] ?? found[0]
    if (codec) return codec
  }
  return undefined
}

function answered(codec: OfferedCodec, { kind, transportSequenceId }: OfferedMedia): OfferedCodec {
  const feedback = FEEDBACK.filter(
    (each) => codec.feedback.includes(each) && (each !== 'transport-cc' || transportSequenceId !== null),
  )
  if (kind === 'audio') return { ...codec, feedback }
  const start = `x-google-start-bitrate=${START_KBPS}`
  return { ...codec, feedback, parameters: codec.parameters === '' ? start : `${codec.parameters};${start}` }
}
