// The catalog's counters, and what it knows about its own completeness.

import type { Kysely, Selectable } from 'kysely'

import type { MetaTable, Schema } from './schema.js'

export class Meta {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  /** Of the catalog: that of the last record it took for the store. */
  async generation(): Promise<number> {
    return (await this.#row()).generation
  }

  /** The next catalog generation; no later transaction gets the same or a smaller one. */
  async nextGeneration(): Promise<number> {
    await this.#db
      .updateTable('meta')
      .set((eb) => ({ generation: eb('generation', '+', 1) }))
      .execute()
    return await this.generation()
  }

  async collectionGeneration(): Promise<number> {
    return (await this.#row()).collection_generation
  }

  async nextCollectionGeneration(): Promise<number> {
    await this.#db
      .updateTable('meta')
      .set((eb) => ({ collection_generation: eb('collection_generation', '+', 1) }))
      .execute()
    return await this.collectionGeneration()
  }

  /** Whether there was a commit or a delete since the last collection that came to its end. */
  async hasChangedSinceCollection(): Promise<boolean> {
    const { generation, collected_at: at } = await this.#row()
    return generation > at
  }

  async collectedAt(generation: number): Promise<void> {
    await this.#db.updateTable('meta').set({ collected_at: generation }).execute()
  }

  /** Set while the store has records after it that this catalog never saw. */
  async knownGeneration(): Promise<number | undefined> {
    return (await this.#row()).known_generation ?? undefined
  }

  /**
   * The store has records up to `highest`: those after the last one this catalog took are unknown
   * here. Later generations go on above them.
   */
  async fellBehind(highest: number): Promise<void> {
    await this.#db
      .updateTable('meta')
      .set((eb) => ({
        known_generation: eb.fn.coalesce('known_generation', 'generation'),
        generation: highest,
      }))
      .where('generation', '<', highest)
      .execute()
  }

  /** Every record up to `generation` is applied. */
  async recoveredTo(generation: number): Promise<void> {
    await this.#db
      .updateTable('meta')
      .set((eb) => ({
        known_generation: null,
        recovered: 1,
        generation: eb
          .case()
          .when('generation', '<', generation)
          .then(generation)
          .else(eb.ref('generation'))
          .end(),
      }))
      .execute()
  }

  /** New, or made or mended from records, and not every node has been seen since. */
  async isRecovered(): Promise<boolean> {
    return (await this.#row()).recovered !== 0
  }

  async setWhole(): Promise<void> {
    await this.#db.updateTable('meta').set({ recovered: 0 }).execute()
  }

  async #row(): Promise<Selectable<MetaTable>> {
    return await this.#db.selectFrom('meta').selectAll().executeTakeFirstOrThrow()
  }
}
