// A histogram whose buckets were counted elsewhere: the addon counts, and a scrape reads.

import { Histogram, type HistogramConfiguration } from 'prom-client'

import type { Durations } from '../../native/binding.js'

type Row<L extends string> = Readonly<Record<L, string>>

export class ReadHistogram<L extends string> extends Histogram<L> {
  readonly #name: string
  readonly #help: string
  readonly #rows: {
    readonly labels: Row<L>
    readonly durations: Durations
    readonly boundsNs: readonly number[]
  }[] = []

  constructor(configuration: HistogramConfiguration<L>) {
    super(configuration)
    this.#name = configuration.name
    this.#help = configuration.help
  }

  show(labels: Row<L>, durations: Durations, boundsNs: readonly number[]): void {
    this.#rows.push({ labels, durations, boundsNs })
  }

  /** All rows go. Not `reset`: that is called before there is a place for them. */
  forget(): void {
    this.#rows.length = 0
  }

  /** What the registry asks for, whatever else the type declares. */
  async getForPromString() {
    const values = this.#rows.flatMap(({ labels, durations, boundsNs }) => {
      let count = 0
      const buckets = durations.buckets.map((times, at) => {
        count += times
        const boundNs = boundsNs[at]
        const le = boundNs === undefined ? '+Inf' : boundNs / 1e9
        return { labels: { ...labels, le }, value: count, metricName: `${this.#name}_bucket` }
      })
      const sum = { labels, value: durations.sumNs / 1e9, metricName: `${this.#name}_sum` }
      return [...buckets, sum, { labels, value: count, metricName: `${this.#name}_count` }]
    })
    return { name: this.#name, help: this.#help, type: 'histogram', values }
  }
}
