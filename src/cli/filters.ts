// Words of list filters → the API's states.

import { invalidArgument } from '../base/error.js'
import { quote } from '../base/ids.js'
import { LifecycleState } from '../gen/ashlar/v1/LifecycleState.js'
import { VolumeAttachmentState } from '../gen/ashlar/v1/VolumeAttachmentState.js'
import { stateWord } from './text.js'

/** No word: every state. Throws INVALID_ARGUMENT for an unknown one. */
export function attachmentStateFilter(
  word: string | undefined,
): keyof typeof VolumeAttachmentState {
  return (
    stateOf(VolumeAttachmentState, '--attachment-state', word) ??
    'VOLUME_ATTACHMENT_STATE_UNSPECIFIED'
  )
}

export function lifecycleStateFilter(word: string | undefined): keyof typeof LifecycleState {
  return stateOf(LifecycleState, '--status', word) ?? 'LIFECYCLE_STATE_UNSPECIFIED'
}

function stateOf<State extends string>(
  states: Readonly<Record<string, State>>,
  flag: string,
  word: string | undefined,
): State | undefined {
  if (word === undefined) return undefined
  const known = Object.values(states).filter((state) => stateWord(state) !== '')
  const found = known.find((state) => stateWord(state) === word.toLowerCase())
  if (found !== undefined) return found
  throw invalidArgument(
    flag,
    `${flag} ${quote(word)} is none of ${known.map(stateWord).join(', ')}`,
  )
}
