// A command with what it cost: time, CPU of all its processes, the largest of them in memory.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)

export interface Cost {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakBytes: number
}

// Node cannot ask for the usage of a child that has ended; python3 is here for node-gyp anyway.
const wrapper = `
import json, resource, subprocess, sys, time
begun = time.monotonic()
ran = subprocess.run(['sh', '-euc', sys.argv[1]], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
seconds = time.monotonic() - begun
if ran.returncode: sys.exit(ran.stderr.decode(errors='replace') or 'failed')
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({'seconds': seconds, 'cpuSeconds': used.ru_utime + used.ru_stime, 'peakBytes': used.ru_maxrss * 1024}))
`

export async function timed(script: string, env: NodeJS.ProcessEnv = process.env): Promise<Cost> {
  const { stdout } = await execute('python3', ['-c', wrapper, script], { env })
  return JSON.parse(stdout) as Cost
}
