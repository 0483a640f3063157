import { type Browser, type BrowserContext, chromium, type Page } from 'playwright'
import { findChromium } from '../../server/system/requirements.ts'

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

/** Makes the pages of `context` keep a copy of what their recorders give, for {@link recordedBytes}. */
export async function keepRecordings(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const blobs: Blob[] = []
    const Original = window.MediaRecorder
    window.MediaRecorder = class extends Original {
      constructor(stream: MediaStream, options?: MediaRecorderOptions) {
        super(stream, options)
        this.addEventListener('dataavailable', ({ data }) => blobs.push(data))
      }
    }
    Object.assign(window, {
      recordedText: () =>
        new Promise((resolve) => {
          const reader = new FileReader()
          reader.onload = () => resolve(String(reader.result))
          reader.readAsDataURL(new Blob(blobs))
        }),
    })
  })
}

/** Everything that the recorders of `page` gave, one after the other. */
export async function recordedBytes(page: Page): Promise<Buffer> {
  const text = await page.evaluate(() => (window as unknown as { recordedText(): Promise<string> }).recordedText())
  return Buffer.from(text.slice(text.indexOf(',') + 1), 'base64')
}
