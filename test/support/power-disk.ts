// A disk whose power can be cut, as a block device of this machine: an NBD server in memory
// (power-disk.mjs), nbdfuse and a loop device over it.

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { must, run } from './tools.js'

export interface Fates {
  readonly lost: number
  readonly torn: number
  readonly kept: number
}

export class PowerDisk {
  readonly #folder: string
  readonly #socket: string
  // A process of its own: who waits for the file system on it must not be who serves it.
  readonly #server: ChildProcess
  #lives = 0
  #nbdfuse: ChildProcess | undefined

  /** Formatted, not yet mounted. Requires: `noLoopMounts()` is undefined. */
  static async make(folder: string, bytes: number, seed: number): Promise<PowerDisk> {
    const disk = new PowerDisk(folder, bytes, seed)
    await disk.#heard()
    await disk.#connect()
    await must('mkfs.ext4', ['-q', '-F', disk.#file])
    return disk
  }

  private constructor(folder: string, bytes: number, seed: number) {
    this.#folder = folder
    this.#socket = join(folder, 'disk.sock')
    const program = resolve(import.meta.dirname, 'power-disk.mjs')
    this.#server = fork(program, [this.#socket, String(bytes), String(seed)])
  }

  /** Where it is mounted now: another folder in every life. */
  get at(): string {
    return join(this.#folder, `mount-${this.#lives}`)
  }
  get #file(): string {
    return join(this.#folder, `fuse-${this.#lives}`, 'disk')
  }

  async #connect(): Promise<void> {
    mkdirSync(join(this.#folder, `fuse-${this.#lives}`))
    mkdirSync(this.at)
    const uri = `nbd+unix:///?socket=${this.#socket}`
    this.#nbdfuse = spawn('nbdfuse', [this.#file, uri], { stdio: 'ignore' })
    const size = async () =>
      await stat(this.#file).then(
        (found) => found.size,
        () => 0,
      )
    for (let left = 300; (await size()) === 0; left--) {
      if (left === 0) throw new Error('nbdfuse does not serve')
      await sleep(100)
    }
  }

  async mount(): Promise<void> {
    await must('mount', ['-o', 'loop,commit=1', this.#file, this.at])
  }

  /** From here on nothing gets through. */
  async cut(): Promise<void> {
    await this.#ask('cut')
  }

  /**
   * Requires: cut, and whoever used it is dead. Mounted again, in its new place; answers what became of
   * the writes that had not been flushed.
   */
  async revive(): Promise<Fates> {
    await this.#abandon()
    const fates = await this.#ask('revive')
    this.#lives++
    await this.#connect()
    await this.mount()
    return fates
  }

  async remove(): Promise<void> {
    await this.#ask('cut')
    await this.#abandon()
    await end(this.#server)
  }

  async #abandon(): Promise<void> {
    await run('umount', ['--lazy', this.at])
    await run('fusermount3', ['-uz', join(this.#folder, `fuse-${this.#lives}`)])
    if (this.#nbdfuse !== undefined) await end(this.#nbdfuse)
  }

  async #ask(order: 'cut' | 'revive'): Promise<Fates> {
    const heard = this.#heard()
    this.#server.send(order)
    return await heard
  }

  async #heard(): Promise<Fates> {
    return await new Promise((done, failed) => {
      this.#server.once('message', (said) => done(said as Fates))
      this.#server.once('exit', () => failed(new Error('the disk has ended')))
    })
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((done) => child.once('exit', done))
  child.kill('SIGKILL')
  await ended
}
