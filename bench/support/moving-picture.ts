import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { FFMPEG } from '../../e2e/support/media.ts'

/**
 * Writes 20 s of something noisy, as a camera in a dark room gives, for Chromium's fake camera: it needs 2.5 Mbit/s at 720p, however
 * few the recorder is asked for.
 */
export async function writeMovingPicture(path: string): Promise<void> {
  const source = 'testsrc2=size=1280x720:rate=30,noise=alls=17:allf=t,format=yuv420p'
  const args = ['-v', 'error', '-f', 'lavfi', '-i', source, '-t', '20', '-c:v', 'mjpeg', '-q:v', '4', '-y', path]
  const [code] = (await once(spawn(FFMPEG, args, { stdio: 'inherit' }), 'close')) as [number]
  if (code !== 0) throw new Error('FFmpeg did not write the moving picture.')
}
