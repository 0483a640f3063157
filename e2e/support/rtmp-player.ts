import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { FFMPEG } from './media.ts'

/** A player that has asked an RTMP server for a stream, which may begin later. */
export interface RtmpPlayer {
  /** What came, as FLV, when there are as many frames as were asked for. */
  played: Promise<Buffer>
}

/** Plays `frames` frames of `url`; resolves when the server has been asked for them. It ends with the test. */
export async function playRtmp(url: string, frames: number): Promise<RtmpPlayer> {
  // "debug" is the level at which it tells that it has asked.
  const args = ['-nostdin', '-v', 'debug', '-i', url, '-c', 'copy', '-frames:v', `${frames}`, '-f', 'flv', 'pipe:1']
  const player = spawn(FFMPEG, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void player.kill('SIGKILL'))
  const bytes: Buffer[] = []
  player.stdout.on('data', (data: Buffer) => bytes.push(data))
  const played = once(player, 'close').then(() => Buffer.concat(bytes))
  await new Promise<void>((resolve, reject) => {
    let told = ''
    player.stderr.setEncoding('utf8').on('data', (text: string) => {
      told = (told + text).slice(-4096)
      if (told.includes('Sending play command')) resolve()
    })
    player.once('error', reject)
    player.once('close', (code) => reject(new Error(`FFmpeg ended with ${code}: ${told}`)))
  })
  return { played }
}
