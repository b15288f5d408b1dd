// What the demo prints: numbered acts, the commands it runs, what was measured and what held. Colours
// only on a terminal that wants them.

const mebibyte = 1 << 20

export const bytes = (count) =>
  count >= 10 * mebibyte
    ? `${Math.round(count / mebibyte)} MiB`
    : count >= mebibyte
      ? `${(count / mebibyte).toFixed(2)} MiB`
      : `${(count / 1024).toFixed(0)} KiB`

export const duration = (ms) =>
  ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`

export class Page {
  #write
  #colours
  #act = 0
  #began = performance.now()

  constructor(stream) {
    this.#write = (text) => stream.write(text)
    this.#colours = stream.isTTY === true && !process.env.NO_COLOR
  }

  #style(code, text) {
    return this.#colours ? `\u001b[${code}m${text}\u001b[0m` : text
  }

  /** Seconds since the demo began. */
  get seconds() {
    return (performance.now() - this.#began) / 1000
  }

  act(title) {
    this.#act += 1
    const since = `${this.seconds.toFixed(1).padStart(5)} s`
    const number = String(this.#act).padStart(2)
    this.#write(`\n${this.#style(1, `${number}. ${title}`)}  ${this.#style(2, since)}\n`)
  }

  command(line) {
    this.#write(`    ${this.#style(2, `$ ${line}`)}\n`)
  }

  call(line) {
    this.#write(`    ${this.#style(2, `> ${line}`)}\n`)
  }

  figure(label, value) {
    this.#write(`    ${label.padEnd(26)} ${this.#style(36, value)}\n`)
  }

  held(text) {
    this.#write(`    ${this.#style(32, 'ok')} ${text}\n`)
  }

  failed(text) {
    this.#write(`    ${this.#style(31, 'FAILED')} ${text}\n`)
  }

  /** Rows of equal length, the first being the heads; all but the first column to the right. */
  table(rows) {
    const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
    const line = (row) =>
      row
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
        .join('   ')
    this.#write(`\n${rows.map((row) => `    ${line(row)}\n`).join('')}`)
  }

  end(text) {
    this.#write(`\n${this.#style(1, text)}\n`)
  }
}
