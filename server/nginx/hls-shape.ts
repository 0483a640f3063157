/** Seconds of a segment, at least: it ends at a keyframe, and publishers are asked for one as often. */
export const HLS_SEGMENT_SECONDS = 2

/** Seconds of a playlist: how far a viewer can go back. */
export const HLS_PLAYLIST_SECONDS = 60

/**
 * How long a cache may keep a segment of nginx's. They are numbered on from the last broadcast of the name, until that has been over for
 * two minutes: then the numbers begin anew, and no cache may still have the old ones.
 */
export const HLS_SEGMENT_CACHE_SECONDS = 60
