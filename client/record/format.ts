/**
 * What to ask a recorder for, best first. H.264 is copied by the server, everything else costs it an encoder. Chromium writes
 * Matroska in every timeslice and MP4 once in a keyframe interval, so Matroska comes first; Safari has MP4; Firefox VP8 alone.
 */
const VIDEO_TYPES = [
  'video/webm;codecs=avc1.42E01F,opus',
  'video/x-matroska;codecs=avc1.42E01F,opus',
  'video/webm;codecs=h264,opus',
  'video/mp4;codecs=avc1.42E01F,mp4a.40.2',
  'video/mp4;codecs=avc1.42E01F,opus',
  'video/mp4',
  'video/webm;codecs=vp8,opus',
  'video/webm;codecs=vp9,opus',
  'video/webm',
]

const AUDIO_TYPES = ['audio/webm;codecs=opus', 'audio/mp4;codecs=mp4a.40.2', 'audio/mp4', 'audio/webm']

/** Which tracks are to be recorded. */
export interface RecordedTracks {
  video: boolean
  audio: boolean
}

/** The types to ask the recorder for, one after the other; none where the browser records nothing that a server takes. */
export function typesFor(tracks: RecordedTracks, isSupported: (type: string) => boolean): string[] {
  const types = tracks.video ? VIDEO_TYPES : AUDIO_TYPES
  return types.map((type) => (tracks.audio ? type : withoutAudio(type))).filter(isSupported)
}

/** A recorder that is promised a track that is not there may wait for it. */
function withoutAudio(type: string): string {
  return type.replace(/,(opus|mp4a\.40\.2)$/, '')
}
