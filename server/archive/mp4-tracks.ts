import { open } from 'node:fs/promises'
import { boxes, find, readBox } from '../containers/boxes.ts'

/** Most bytes of a `moov` that are read: it lists all samples of a recording. */
const MAX_MOOV_BYTES = 1024 * 1024 * 1024

/**
 * The kinds of the tracks of an MP4 whose `moov` comes first: `vide`, `soun` (ISO/IEC 14496-12, 8.4.3).
 * @throws Error where it has no such `moov`
 */
export async function tracksOfMp4(path: string): Promise<string[]> {
  const file = await open(path)
  try {
    for (let at = 0; ; ) {
      const head = await file.read(Buffer.alloc(16), 0, 16, at)
      const box = readBox(head.buffer.subarray(0, head.bytesRead), 0)
      if (typeof box === 'string' || box.type === 'mdat') throw new Error('the MP4 has no index in front')
      if (box.type !== 'moov') {
        at += box.end
        continue
      }
      if (box.end > MAX_MOOV_BYTES) throw new Error('the index of the MP4 is too large')
      const { buffer } = await file.read(Buffer.alloc(box.end), 0, box.end, at)
      const moov = readBox(buffer, 0)
      const traks = typeof moov === 'string' ? [] : [...boxes(moov.data)].filter(({ type }) => type === 'trak')
      return traks.map(({ data }) => find(data, ['mdia', 'hdlr'])?.toString('latin1', 8, 12) ?? '')
    }
  } finally {
    await file.close()
  }
}
