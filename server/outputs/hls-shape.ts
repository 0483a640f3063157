/** Seconds of a segment, at least: it ends at a keyframe, and publishers are asked for one as often. */
export const HLS_SEGMENT_SECONDS = 2

/** Seconds of a playlist: how far a viewer can go back. */
export const HLS_PLAYLIST_SECONDS = 60
