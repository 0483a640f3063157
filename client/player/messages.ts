import type { PlayerState } from './session.ts'

/** What stands over the picture: a line, and a smaller one below it. */
export type Message = readonly [big: string, small: string]

/** What stands over the picture, by state. */
export const MESSAGES: Record<PlayerState['kind'], Message> = {
  ready: ['', ''],
  waiting: ['Waiting for the broadcast', 'It starts here by itself as soon as it begins.'],
  starting: ['Starting…', ''],
  playing: ['Playing live', ''],
  interrupted: ['The broadcast is interrupted', 'It goes on here by itself.'],
  refused: ['This link does not let you watch', 'It may have expired. Ask whoever gave it to you for a new one.'],
  unreachable: ['The server cannot be reached', 'The player tries again.'],
  ended: ['The broadcast has ended', 'If it comes back, it starts here by itself.'],
  failed: [
    'This browser cannot play the broadcast',
    'The player tries again. A player such as VLC opens the HLS link.',
  ],
}

/** The classes of what does not cover the picture: it is for a screen reader alone (`sr`), or lies lightly over it. */
export const MESSAGE_LOOKS: Partial<Record<PlayerState['kind'], string>> = {
  ready: 'sr',
  playing: 'sr',
  starting: 'message soft',
  interrupted: 'message soft',
}

export const NO_ADDRESS: Message = ['No stream is named', 'Give this element a watch page as src, or a stream.']
