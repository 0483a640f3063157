import { boxes } from '../../server/containers/boxes.ts'
import { TAG_TYPE, type Tag } from '../../server/flv/tag.ts'
import { ffmpeg } from './media.ts'

/** How FFmpeg is told to encode, what a FourCC says, and where the header is in MP4; null for none. */
const CODECS = {
  hevc: { options: ['-c:v', 'libx265', '-x265-params', 'log-level=none:bframes=0'], fourCc: 'hvc1', config: 'hvcC' },
  vp9: { options: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8'], fourCc: 'vp09', config: 'vpcC' },
} as const

const RATE = 25

/** Six seconds of a picture as enhanced RTMP writes it (version 2, "ExVideoTagHeader"), between `sound`. */
export async function enhancedTags(codec: keyof typeof CODECS, sound: readonly Tag[]): Promise<Tag[]> {
  const { options, fourCc, config } = CODECS[codec]
  const movflags = ['-movflags', 'frag_every_frame+empty_moov+default_base_moof']
  const source = [
    '-f',
    'lavfi',
    '-i',
    `testsrc2=s=320x240:r=${RATE}`,
    '-t',
    '6',
    '-pix_fmt',
    'yuv420p',
    '-g',
    `${RATE}`,
  ]
  const { stdout, stderr, code } = await ffmpeg(['-v', 'error', ...source, ...options, ...movflags, '-f', 'mp4', '-'])
  if (code !== 0) throw new Error(stderr)
  const found = [...boxes(stdout)]
  const moov = found.find(({ type }) => type === 'moov')?.data ?? Buffer.alloc(0)
  const at = moov.indexOf(config)
  const record = moov.subarray(at + 4, at - 4 + moov.readUInt32BE(at - 4))
  const head = (packet: number, isKey: boolean) =>
    Buffer.concat([Buffer.from([0x80 | ((isKey ? 1 : 2) << 4) | packet]), Buffer.from(fourCc)])
  const header: Tag = { type: TAG_TYPE.video, timestamp: 0, body: Buffer.concat([head(0, true), record]) }
  const samples = found.filter(({ type }) => type === 'mdat').map(({ data }) => data)
  const pictures = samples.map((data, index): Tag => {
    const isKey = index % RATE === 0
    // Packet type 3: a frame that is shown when it is decoded.
    return { type: TAG_TYPE.video, timestamp: (index * 1000) / RATE, body: Buffer.concat([head(3, isKey), data]) }
  })
  const beside = sound.filter(({ timestamp }) => timestamp < 6_000)
  return [header, ...[...beside, ...pictures].sort((a, b) => a.timestamp - b.timestamp)]
}
