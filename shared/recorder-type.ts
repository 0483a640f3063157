/** A container that a recorder can write. `matroska` includes WebM, which is a subset of it. */
export type RecorderContainer = 'matroska' | 'mp4'

const CONTAINERS = new Map<string, RecorderContainer>([
  ['video/webm', 'matroska'],
  ['audio/webm', 'matroska'],
  ['video/x-matroska', 'matroska'],
  ['audio/x-matroska', 'matroska'],
  ['video/matroska', 'matroska'],
  ['audio/matroska', 'matroska'],
  ['video/mp4', 'mp4'],
  ['audio/mp4', 'mp4'],
])

/**
 * The container that a MIME type names, such as `video/webm;codecs=avc1.42E01F,opus`; null for one that Castgate does
 * not take. The codecs in the type are not read: what the recording's own header says is the truth.
 */
export function containerOf(mimeType: string): RecorderContainer | null {
  const [type = ''] = mimeType.split(';')
  return CONTAINERS.get(type.trim().toLowerCase()) ?? null
}
