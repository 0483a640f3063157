/**
 * Begins to play, with the sound that `video` is set to. A browser that allows sound only after a press gets the picture alone.
 * @returns whether it plays; not where the browser wants a press for the picture, too
 */
export async function beginPlaying(video: HTMLVideoElement): Promise<boolean> {
  if (await plays(video)) return true
  if (video.muted) return false
  video.muted = true
  return plays(video)
}

/** False where the browser does not allow it. What is taken away meanwhile, as by the next beginning, is no refusal (HTML, 4.8.11.8). */
async function plays(video: HTMLVideoElement): Promise<boolean> {
  try {
    await video.play()
    return true
  } catch (error) {
    return !(error instanceof DOMException && error.name === 'NotAllowedError')
  }
}
