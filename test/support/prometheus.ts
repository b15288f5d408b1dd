// What a daemon's metrics say, read as Prometheus does.

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** The text exposition format, line by line; a line that is none of it is an error. */
export function parseExposition(text: string): readonly Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseLine)
}

function parseLine(line: string): Sample {
  const [, name, labels, value] = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)$/i.exec(line) ?? []
  if (name === undefined || value === undefined) throw new Error(`no sample: ${line}`)
  const pairs = [...(labels ?? '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)",?/gi)]
  const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value)
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, key = '', text = '']) => [key, text])),
    value: number,
  }
}

/** Names that are declared: of a histogram without its suffixes. */
export function declaredNames(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name))
}

export class Scrape {
  readonly samples: readonly Sample[]

  constructor(text: string) {
    this.samples = parseExposition(text)
  }

  static async of(port: number): Promise<Scrape> {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`)
    const text = await response.text()
    if (response.status !== 200) throw new Error(`${response.status}: ${text}`)
    return new Scrape(text)
  }

  rows(name: string, labels: Readonly<Record<string, string>> = {}): readonly Sample[] {
    const wanted = Object.entries(labels)
    return this.samples.filter(
      (sample) =>
        sample.name === name && wanted.every(([key, text]) => sample.labels[key] === text),
    )
  }

  /** Of all rows that have these labels; a metric without rows is an error. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const rows = this.rows(name, labels)
    if (rows.length === 0) throw new Error(`no ${name} ${JSON.stringify(labels)}`)
    return rows.reduce((sum, { value }) => sum + value, 0)
  }
}
