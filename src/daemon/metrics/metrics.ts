// The metrics of one daemon as Prometheus reads them. Nothing is counted here: a scrape asks the sites
// once, and so costs nobody anything between two. Scrapes at one time get one answer.

import { Registry, collectDefaultMetrics } from 'prom-client'

import type { Logger } from '../../base/logger.js'
import type { MemoryMeasures } from '../../native/binding.js'
import { type Families, clear, makeFamilies } from './families.js'
import { type NodeMeasures, showNode } from './node-rows.js'
import { type RegionSiteMeasures, showRegion } from './region-rows.js'

export interface MeasuredNode {
  readonly name: string
  measures(): NodeMeasures
}

export interface MeasuredRegion {
  readonly name: string
  measures(): Promise<RegionSiteMeasures>
}

export interface MetricsOptions {
  readonly memory: () => MemoryMeasures | undefined
  readonly log: Logger
}

/**
 * How often the event loop is looked at, which the lag that is shown includes. Every 10 ms, as is usual,
 * is a third of a percent of a core in a daemon that has nothing to do.
 */
const lookMs = 50

export class Metrics {
  readonly #options: MetricsOptions
  readonly #registry = new Registry()
  readonly #families: Families
  /** By site: reads what it says, and answers how that is shown. */
  readonly #sites = new Map<string, () => Promise<() => void>>()
  #scrape: Promise<string> | undefined

  constructor(options: MetricsOptions) {
    this.#options = options
    this.#families = makeFamilies(this.#registry)
    // Memory, descriptors, CPU, garbage collection and the lag of the event loop.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: lookMs })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  addNode(node: MeasuredNode): void {
    this.#sites.set(node.name, async () => {
      const measures = node.measures()
      return () => showNode(this.#families, node.name, measures)
    })
  }

  addRegion(region: MeasuredRegion): void {
    this.#sites.set(region.name, async () => {
      const measures = await region.measures()
      return () => showRegion(this.#families, region.name, measures)
    })
  }

  async scrape(): Promise<string> {
    this.#scrape ??= this.#read().finally(() => (this.#scrape = undefined))
    return await this.#scrape
  }

  async #read(): Promise<string> {
    const read = [...this.#sites].map(async ([site, look]) => ({ site, show: await look() }))
    const answers = await Promise.allSettled(read)
    clear(this.#families)
    for (const [at, site] of [...this.#sites.keys()].entries()) {
      const answer = answers[at]
      const isUp = answer?.status === 'fulfilled'
      this.#families.siteUp.set({ site }, isUp ? 1 : 0)
      if (isUp) answer.value.show()
      else this.#options.log.warn({ site, err: answer?.reason }, 'a site could not be measured')
    }
    this.#showMemory()
    return await this.#registry.metrics()
  }

  #showMemory(): void {
    const memory = this.#options.memory()
    if (memory === undefined) return
    this.#families.memory.set({ kind: 'arena' }, memory.arenaBytes)
    this.#families.memory.set({ kind: 'mapped' }, memory.mappedBytes)
    this.#families.memory.set({ kind: 'used' }, memory.usedBytes)
    this.#families.memory.set({ kind: 'free' }, memory.freeBytes)
  }
}
