// Every number that bounds something at the edge, once. proto/ashlar/v1 states the same numbers to
// callers; a test compares the two.

const KIB = 1024
const MIB = 1024 * KIB

export const limits = {
  /** Unit of the map; capacities are multiples of it. */
  blockBytes: 4096n,
  volumeBytesMin: 1n << 20n,
  volumeBytesMax: 1n << 46n,

  nameLengthMax: 63,
  hostLengthMax: 64,
  accountLengthMax: 64,
  resourceGroupLengthMax: 64,
  tagsMax: 1000,
  tagLengthMax: 128,
  /** Fields of OperatingSystem, and ImageReference.name. */
  labelBytesMax: 128,
  imageIdBytesMax: 64,
  imageCrnBytesMax: 512,
  regionNumberMax: 0xffff_ffff,

  pageSizeDefault: 50,
  pageSizeMax: 1000,
  /** A page ends early rather than pass this, so that no answer reaches `messageBytesMax`. */
  pageBytesMax: 2 * MIB,

  /** A request_id is remembered at least this long. */
  requestIdRetentionMs: 24 * 3600 * 1000,

  /** Of one node: pulls in the background, and lanes of readers who wait. */
  backgroundLanesMax: 8,
  demandLanesMax: 64,

  /** Largest control message either side accepts; replication has its own. */
  messageBytesMax: 4 * MIB,
  /** A unary call without another deadline. It covers the 10 s a cut may take. */
  callDeadlineMs: 30_000,
  cutTimeoutMs: 10_000,
  keepaliveTimeMs: 20_000,
  keepaliveTimeoutMs: 10_000,

  /** sun_path is 108 bytes with its end; clients that add a suffix need some of it. */
  socketPathBytesMax: 100,
} as const

/** Default of every resource_group. */
export const defaultResourceGroup = 'default'
