import { type Browser, type BrowserContext, chromium, type Page } from 'playwright'
import { findChromium } from '../../server/system/requirements.ts'
import { readFrames } from './clock-reader.ts'

/** Chromium as the tests need it: quiet. */
const FLAGS = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-first-run',
  // Chromium refuses to sandbox itself for root, who runs the tests in CI.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
]

/** A camera and microphone that are always there, and allowed without a question. */
export const FAKE_CAMERA = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream']

/** Starts the system's Chromium. */
export async function startBrowser(flags: string[]): Promise<Browser> {
  const executablePath = await findChromium()
  return chromium.launch({ ...(executablePath && { executablePath }), args: [...FLAGS, ...flags] })
}

/** A script for a page, with which its browser records VP8 alone: the server has to convert that. */
export function withoutH264(): void {
  const all = MediaRecorder.isTypeSupported
  MediaRecorder.isTypeSupported = (type) => all.call(MediaRecorder, type) && !/mp4|avc1|h264|av01|vp9/i.test(type)
}

/** Makes the pages of `context` keep a copy of what each of their recorders gives, for {@link recordedFrames}. */
export async function keepRecordings(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const all: Blob[][] = []
    const Original = window.MediaRecorder
    window.MediaRecorder = class extends Original {
      constructor(stream: MediaStream, options?: MediaRecorderOptions) {
        super(stream, options)
        const blobs: Blob[] = []
        all.push(blobs)
        this.addEventListener('dataavailable', ({ data }) => blobs.push(data))
      }
    }
    const asText = (blobs: Blob[]) =>
      new Promise((resolve) => {
        const reader = new FileReader()
        reader.onload = () => resolve(String(reader.result))
        reader.readAsDataURL(new Blob(blobs))
      })
    Object.assign(window, { recordedTexts: () => Promise.all(all.map(asText)) })
  })
}

/** What each recorder of `page` gave, one recorder after the other. */
async function recordings(page: Page): Promise<Buffer[]> {
  const texts = await page.evaluate(() => (window as unknown as { recordedTexts(): Promise<string[]> }).recordedTexts())
  return texts.map((text) => Buffer.from(text.slice(text.indexOf(',') + 1), 'base64'))
}

/** The clock's frames in all that the recorders of `page` gave. */
export async function recordedFrames(page: Page): Promise<(number | null)[]> {
  const frames: (number | null)[] = []
  for (const bytes of await recordings(page)) frames.push(...(await readFrames(bytes)))
  return frames
}
