// What a program says on stdout and stderr. Nobody who should read it can hold the program up or end
// it: not a reader that is gone, nor a pipe that is full, nor a terminal that was closed. Where there is
// room it is written at once (the line before a crash is the one that matters); what does not fit is kept
// for later up to a mebibyte, and dropped beyond.

const keptBytesMax = 1 << 20
const listened = new Set<'stdout' | 'stderr'>()

export function say(to: 'stdout' | 'stderr', text: string): void {
  const stream = process[to]
  if (!listened.has(to)) {
    listened.add(to)
    // Without a listener the first error would end the process.
    stream.on('error', () => {})
  }
  if (stream.writableLength < keptBytesMax) stream.write(text)
}
