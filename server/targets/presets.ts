/** A platform that takes RTMP, and what it says about the streams that it takes. Its own help pages are the source, in 2026. */
export interface Preset {
  /** In the API and the configuration: `twitch`. */
  id: string
  title: string
  /** Where it is published to; the stream key goes behind it. */
  url: string
  /** Longest time between keyframes, in s. */
  keyframeSeconds: number
  /** Highest bitrates, in kbit/s. */
  videoKbps: number
  audioKbps: number
  /** Where a person finds the key. */
  keyAt: string
  /** What else it wants, in a sentence. */
  advice: string
}

const AAC = 'It takes H.264 with AAC sound.'

/** The platforms that can be chosen by name. */
export const PRESETS: readonly Preset[] = [
  {
    id: 'twitch',
    title: 'Twitch',
    url: 'rtmps://ingest.global-contribute.live-video.net:443/app',
    keyframeSeconds: 2,
    videoKbps: 6000,
    audioKbps: 160,
    keyAt: 'https://dashboard.twitch.tv/settings/stream',
    advice: `${AAC} A constant bitrate is best; 3 to 6 Mbit/s.`,
  },
  {
    id: 'youtube',
    title: 'YouTube',
    url: 'rtmps://a.rtmps.youtube.com:443/live2',
    keyframeSeconds: 4,
    videoKbps: 10000,
    audioKbps: 128,
    keyAt: 'https://studio.youtube.com/channel/UC/livestreaming',
    advice: `${AAC} A keyframe every 2 s is best, and there must be sound: where a stream has none, silence is sent.`,
  },
  {
    id: 'facebook',
    title: 'Facebook',
    url: 'rtmps://live-api-s.facebook.com:443/rtmp',
    keyframeSeconds: 2,
    videoKbps: 4000,
    audioKbps: 128,
    keyAt: 'https://www.facebook.com/live/producer',
    advice: `${AAC} At most 1080p with 30 frames a second; the size of the picture should not change.`,
  },
]

/** Hosts that broadcasts may be sent to where the operator says nothing else: those of the presets. */
export const PRESET_HOSTS: string[] = ['*.twitch.tv', '*.live-video.net', '*.youtube.com', '*.facebook.com']
