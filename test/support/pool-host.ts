// The test's side of pool-host.mjs: starts it, talks to it, kills it.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const volumeId = 'r001-00000000-0000-0000-0000-000000000001'
export const attachmentId = 'r001-00000000-0000-0000-0000-000000000002'

const program = fileURLToPath(new URL('pool-host.mjs', import.meta.url))

interface Answer {
  readonly ok?: unknown
  readonly error?: string
  readonly message?: string
}

export class PoolHost {
  readonly folder = mkdtempSync(join(tmpdir(), 'ash-'))
  readonly #capacityBytes: bigint
  #child: ChildProcess | undefined
  #answers: ((line: string) => void)[] = []

  constructor(capacityBytes: bigint) {
    this.#capacityBytes = capacityBytes
  }

  get poolFile(): string {
    return join(this.folder, 'pool')
  }
  get socket(): string {
    return join(this.folder, 'nbd')
  }
  get uri(): string {
    return `nbd+unix:///${attachmentId}?socket=${this.socket}`
  }

  async start(): Promise<void> {
    const args = [program, this.poolFile, this.socket, String(this.#capacityBytes)]
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child = child
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => this.#answers.shift()?.(line))
    child.on('exit', () => {
      for (const answer of this.#answers.splice(0))
        answer('{"error":"EXITED","message":"the host ended"}')
    })
    const ready = await new Promise<string>((resolve) => this.#answers.push(resolve))
    if (ready !== '"ready"') throw new Error(`the pool host did not start: ${ready}`)
  }

  async order(order: Readonly<Record<string, unknown>>): Promise<unknown> {
    const line = await new Promise<string>((resolve) => {
      this.#answers.push(resolve)
      this.#child?.stdin?.write(`${JSON.stringify(order)}\n`)
    })
    const answer: Answer = JSON.parse(line)
    if (answer.error !== undefined) throw new Error(`${answer.error}: ${answer.message ?? ''}`)
    return answer.ok
  }

  /** A volume of this size, attached: its address is `uri`. */
  async attachVolume(bytes: bigint): Promise<void> {
    await this.order({ kind: 'createVolume', volumeId, bytes: String(bytes) })
    await this.order({ kind: 'attach', attachmentId, volumeId, host: 'test', readOnly: false })
  }

  /** It holds its sockets and does nothing, until thawed. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  async dispose(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
