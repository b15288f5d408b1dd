import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { loadSync } from '@grpc/proto-loader'
import { describe, expect, test } from 'vitest'

import { limits } from '../../../src/base/limits.js'
import * as definitions from '../../../src/gen/proto.js'
import { reflectionDefinition } from '../../../src/gen/reflection.js'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

test('src/gen is what proto/ says', () => {
  execFileSync(process.execPath, ['scripts/gen-proto.mjs', '--check'], { cwd: root, stdio: 'pipe' })
})

describe('the definitions', () => {
  const loaded = loadSync('ashlar/v1/volume_service.proto', {
    includeDirs: [join(root, 'proto')],
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  })

  test('have every service and nothing undefined', () => {
    const { services, ...each } = definitions
    expect(Object.keys(each).sort()).toEqual([
      'attachmentService',
      'copyService',
      'operatorService',
      'replicationService',
      'snapshotService',
      'topologyService',
      'volumeService',
      'zoneService',
    ])
    expect(Object.values(each).every((service) => Object.keys(service).length > 0)).toBe(true)
    expect(new Set(Object.values(services))).toEqual(new Set(Object.values(each)))
  })

  test('encode as the .proto files do', () => {
    const fromFiles: unknown = loaded['ashlar.v1.VolumeService']
    const request = {
      name: 'db',
      capacityBytes: String(limits.volumeBytesMax),
      userTags: ['a', 'b'],
      operatingSystem: { displayName: 'x' },
    }
    const bytes = definitions.volumeService.CreateVolume.requestSerialize(request)
    expect(fromFiles).toHaveProperty('CreateVolume')
    const { CreateVolume } = fromFiles as typeof definitions.volumeService
    expect(CreateVolume.requestSerialize(request)).toEqual(bytes)
    expect(CreateVolume.requestDeserialize(bytes)).toEqual(
      definitions.volumeService.CreateVolume.requestDeserialize(bytes),
    )
    expect(CreateVolume.requestDeserialize(bytes)).toMatchObject({
      capacityBytes: '70368744177664',
      sourceSnapshot: '',
      sourceImage: null,
    })
  })

  test('reflect the field names of the files', () => {
    expect(JSON.stringify(reflectionDefinition()['ashlar.v1.Volume'])).toContain('capacity_bytes')
  })
})

test('the comments state the limits in force', () => {
  const text = readFileSync(join(root, 'proto/ashlar/v1/volume_service.proto'), 'utf8')
  const grouped = (value: bigint | number) => value.toLocaleString('en-US')
  expect(text).toContain(`1 to ${limits.nameLengthMax} characters`)
  expect(text).toContain(`multiple of ${grouped(limits.blockBytes)}`)
  expect(text).toContain(`1 MiB (${grouped(limits.volumeBytesMin)})`)
  expect(text).toContain(`64 TiB (${grouped(limits.volumeBytesMax)})`)
  expect(text).toContain(`0: ${limits.pageSizeDefault}. More than ${grouped(limits.pageSizeMax)}`)
  expect(text).toContain(`At most ${grouped(limits.tagsMax)} different tags`)
})
