// A host gives up on a connection, sends its requests again on another, and goes on. What the first one
// still holds must never land on top of it (nbd.md 1.3-G).

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

import { NbdClient } from '../../bench/nbd-client.js'
import { PoolHost } from '../support/pool-host.js'

const MiB = 1n << 20n
const blockBytes = 4096
const blocks = 60
const rounds = 4

test('a daemon that was stopped drops the writes of a connection that was closed meanwhile', async () => {
  const host = new PoolHost(256n * MiB)
  try {
    await host.start()
    await host.attachVolume(16n * MiB)
    let old = 0
    for (let round = 0; round < rounds; round++) {
      const first = await NbdClient.connect(host.uri)
      const second = await NbdClient.connect(host.uri)
      await first.write(0, Buffer.alloc(blockBytes, 1))
      await second.write(0, Buffer.alloc(blockBytes, 1))
      host.freeze()
      // Each is a read-modify-write, so that the connection's thread is at work for a while.
      for (let at = 0; at < blocks; at++) {
        first.post(at * blockBytes + 512, Buffer.alloc(1024, 0x11))
      }
      // Longer than two seconds, which is when a host may have given up.
      await sleep(2300)
      first.abandon()
      for (let at = blocks - 1; at >= 0; at--) {
        second.post(at * blockBytes, Buffer.alloc(blockBytes, 0x22))
      }
      host.thaw()
      await second.acknowledged(blocks)
      await second.flush()
      const bytes = await second.read(0, blocks * blockBytes)
      for (let at = 0; at < blocks; at++) if (bytes[at * blockBytes + 512] !== 0x22) old++
      second.close()
    }
    expect(old, 'blocks that are older than what was acknowledged').toBe(0)
  } finally {
    await host.dispose()
  }
})
