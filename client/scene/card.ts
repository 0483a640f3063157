/** The size of a card that takes the place of no picture. */
export interface CardSize {
  width: number
  height: number
}

/** Draws what stands in for a picture: a text in the middle of a dark ground. */
export function drawCard(
  context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  text: string,
  { width, height }: CardSize,
): void {
  context.fillStyle = '#17181a'
  context.fillRect(0, 0, width, height)
  context.fillStyle = '#f1f2f4'
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.font = `600 ${Math.round(Math.min(height / 10, width / 14))}px system-ui, sans-serif`
  context.fillText(text, width / 2, height / 2, width * 0.9)
}

/** A track that shows a card for as long as nobody stops it: for browsers that have no other way, at the rate of a slow film. */
export function cardTrack(text: string, size: CardSize): MediaStreamTrack {
  const canvas = document.createElement('canvas')
  canvas.width = size.width
  canvas.height = size.height
  const context = canvas.getContext('2d')
  const draw = () => context && drawCard(context, text, size)
  draw()
  const [track] = canvas.captureStream(5).getVideoTracks()
  if (!track) throw new Error('This browser captures no canvas.')
  // A canvas is captured where it changes.
  const timer = setInterval(() => (track.readyState === 'live' ? draw() : clearInterval(timer)), 200)
  return track
}
