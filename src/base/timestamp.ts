// google.protobuf.Timestamp, as proto-loader gives it, and the forms around it.

export interface Timestamp {
  /** Seconds since 1970 as decimal text. */
  readonly seconds: string
  readonly nanos: number
}

const nsPerSecond = 1_000_000_000n

export function timestampFromNs(ns: bigint): Timestamp {
  const nanos = ((ns % nsPerSecond) + nsPerSecond) % nsPerSecond
  return { seconds: String((ns - nanos) / nsPerSecond), nanos: Number(nanos) }
}

export function timestampFromMs(ms: number): Timestamp {
  return timestampFromNs(BigInt(Math.floor(ms)) * 1_000_000n)
}

export function timestampToNs(timestamp: Timestamp): bigint {
  return BigInt(timestamp.seconds) * nsPerSecond + BigInt(timestamp.nanos)
}

export function timestampToMs(timestamp: Timestamp): number {
  return Number(timestampToNs(timestamp) / 1_000_000n)
}
