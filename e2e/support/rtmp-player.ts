import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { FlvReader } from '../../server/flv/reader.ts'
import { kindOf } from '../../server/flv/tag.ts'
import { FFMPEG } from './media.ts'

/** A player that has asked an RTMP server for a stream, which may begin later. */
export interface RtmpPlayer {
  /** Its picture, as FLV, when there are as many frames as were asked for. */
  played: Promise<Buffer>
}

/** Plays `frames` frames of `url`; resolves when the server has been asked for them. It ends with the test. */
export async function playRtmp(url: string, frames: number): Promise<RtmpPlayer> {
  // "debug" is the level at which it tells that it has asked.
  const args = ['-nostdin', '-v', 'debug', '-i', url, '-an', '-c', 'copy', '-flush_packets', '1', '-f', 'flv', 'pipe:1']
  const player = spawn(FFMPEG, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void player.kill('SIGKILL'))
  const ended = once(player, 'close').then(([code]) => Promise.reject(new Error(`FFmpeg ended with ${code}: ${told}`)))
  ended.catch(() => {})
  let told = ''
  const asked = new Promise<void>((resolve) => {
    player.stderr.setEncoding('utf8').on('data', (text: string) => {
      told = (told + text).slice(-4096)
      if (told.includes('Sending play command')) resolve()
    })
  })
  const bytes: Buffer[] = []
  const reader = new FlvReader()
  let read = 0
  const played = new Promise<Buffer>((resolve) => {
    player.stdout.on('data', (data: Buffer) => {
      bytes.push(data)
      for (const tag of reader.read(data)) if (['keyframe', 'interframe'].includes(kindOf(tag))) read++
      if (read >= frames) resolve(Buffer.concat(bytes))
    })
  })
  await Promise.race([asked, ended])
  return { played: Promise.race([played, ended]) }
}
