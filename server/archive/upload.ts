import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { MissingError } from '../process/errors.ts'
import { type Entry, FILES } from './entry.ts'
import { sizeOf } from './finish.ts'

/** A bucket that recordings are copied to. Credentials come from where the AWS SDK looks for them, such as AWS_ACCESS_KEY_ID. */
export interface S3Options {
  bucket: string
  /** What comes before the names in the bucket: `castgate/`. */
  prefix: string
  region: string
  /** Of a service other than Amazon's; null for that. */
  endpoint: string | null
  /** Whether the bucket stands in the path, and not in the host: most services other than Amazon's want that. */
  pathStyle: boolean
}

/** Copies the files of a recording to where they are kept; resolves with the name of its MP4 there. */
export type Upload = (directory: string, entry: Entry, signal: AbortSignal) => Promise<string>

/** A service that takes no connection, or on one that it took does nothing, for so long has failed. */
const CONNECT_MS = 10_000
const SILENCE_MS = 60_000

const TYPES = { mp4: 'video/mp4', poster: 'image/jpeg', entry: 'application/json' } as const

/**
 * Makes an upload with Amazon's SDK, which is loaded only then: it is large, and few need it.
 * @throws MissingError where it is not installed
 */
export async function s3Upload({ bucket, prefix, region, endpoint, pathStyle }: S3Options): Promise<Upload> {
  const { S3Client, Upload: MultipartUpload } = await loadSdk()
  const client = new S3Client({
    ...{ region, forcePathStyle: pathStyle, ...(endpoint !== null && { endpoint }) },
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
  })
  return async (directory, { id }, signal) => {
    // The MP4 comes last: who sees it finds the others beside it.
    for (const kind of ['poster', 'entry', 'mp4'] as const) {
      signal.throwIfAborted()
      const path = join(directory, FILES[kind])
      if ((await sizeOf(path)) === null) {
        if (kind === 'mp4') throw new Error('its file is gone')
        continue
      }
      const upload = new MultipartUpload({
        client,
        params: {
          Bucket: bucket,
          Key: `${prefix}${id}/${FILES[kind]}`,
          Body: createReadStream(path),
          ContentType: TYPES[kind],
        },
      })
      const abort = () => void upload.abort()
      signal.addEventListener('abort', abort)
      if (signal.aborted) abort()
      try {
        await upload.done()
      } finally {
        signal.removeEventListener('abort', abort)
      }
    }
    return `${prefix}${id}/${FILES.mp4}`
  }
}

/**
 * Loads Amazon's SDK.
 * @throws MissingError where it is not installed
 */
export async function loadSdk() {
  try {
    const [{ S3Client }, { Upload }] = await Promise.all([import('@aws-sdk/client-s3'), import('@aws-sdk/lib-storage')])
    return { S3Client, Upload }
  } catch {
    throw new MissingError(
      's3_sdk_missing',
      `Uploading recordings needs Amazon's SDK. Install it with
  npm install @aws-sdk/client-s3 @aws-sdk/lib-storage`,
    )
  }
}
