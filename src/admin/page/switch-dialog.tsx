/** The dialog before a switch moves: what happens, how to undo it, why. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { MirrorState } from '../api.ts'
import { FormDialog, useForm } from './form-dialog.tsx'
import { percent } from './numbers.ts'
import { State } from './parts.tsx'
import { ApiFault, send } from './request.ts'
import { endpointName, type Phase, phaseWords } from './words.ts'

export type Wanted =
  | { readonly kind: 'phase'; readonly mirror: MirrorState; readonly phase: Phase; readonly back: boolean }
  | { readonly kind: 'share'; readonly mirror: MirrorState }
  | { readonly kind: 'pause'; readonly mirror: MirrorState; readonly paused: boolean }

function titleOf(wanted: Wanted): string {
  const name = endpointName(wanted.mirror.endpoint)
  if (wanted.kind === 'phase') return wanted.back ? `${name}: back to ${wanted.phase}` : `${name}: to ${wanted.phase}`
  if (wanted.kind === 'share') return `${name}: shares`
  return wanted.paused ? `${name}: pause the old side` : `${name}: resume the old side`
}

function whatHappens(wanted: Wanted): string {
  if (wanted.kind === 'phase') return phaseWords[wanted.phase].enter
  if (wanted.kind === 'share') return 'Each side gets this part from the next second on. Same keys, bigger share: whoever was in stays in.'
  return wanted.paused
    ? 'The old side gets nothing until it is resumed. What comes in meanwhile waits in its queue.'
    : 'What waits for the old side is sent, the oldest first.'
}

function howToUndo(wanted: Wanted): string {
  if (wanted.kind === 'phase')
    return wanted.back ? `Undo: to ${wanted.mirror.phase} again.` : 'Undo: “One step back”. Nothing is lost by it.'
  if (wanted.kind === 'share') {
    return `Undo: ${percent(wanted.mirror.share.new)} and ${percent(wanted.mirror.share.old)} again. What went to one side alone meanwhile is listed as a gap.`
  }
  return wanted.paused ? 'Undo: resume it before its queue is full.' : 'Undo: pause it again.'
}

const portion = (text: string): number | undefined => {
  const value = Number(text)
  return text.trim() !== '' && value >= 0 && value <= 100 ? Math.round(value * 100) / 10_000 : undefined
}

export function SwitchDialog({
  wanted,
  onClose,
  onDone,
}: {
  readonly wanted: Wanted
  readonly onClose: () => void
  readonly onDone: () => void
}): JSX.Element {
  const { mirror } = wanted
  const [reason, setReason] = useState('')
  const [fresh, setFresh] = useState(String(mirror.share.new * 100))
  const [old, setOld] = useState(String(mirror.share.old * 100))
  const [force, setForce] = useState(false)
  const shares = { new: portion(fresh), old: portion(old) }
  const sound = reason.trim() !== '' && (wanted.kind !== 'share' || (shares.new !== undefined && shares.old !== undefined))

  const body = {
    ...(wanted.kind === 'phase' ? { phase: wanted.phase } : {}),
    ...(wanted.kind === 'share' ? { share: shares } : {}),
    ...(wanted.kind === 'pause' ? { paused: wanted.paused } : {}),
    reason: reason.trim(),
    ...(force ? { force: true } : {}),
  }
  const path = `/mirror/${encodeURIComponent(mirror.endpoint)}`
  const form = useForm(sound, (session) => send<MirrorState>('PUT', path, body, session, mirror.revision), onDone)
  const { fault } = form
  const refused = fault instanceof ApiFault && fault.status === 422

  return (
    <FormDialog
      title={titleOf(wanted)}
      form={form}
      action={wanted.kind === 'phase' ? `Go to ${wanted.phase}` : 'Change it'}
      onClose={onClose}
    >
      <p>{whatHappens(wanted)}</p>
      <p class="soft">{howToUndo(wanted)}</p>
      {wanted.kind === 'share' && (
        <div class="fields">
          <label>
            New side, %
            <input
              type="number"
              min="0"
              max="100"
              step="0.01"
              value={fresh}
              onInput={({ currentTarget }) => setFresh(currentTarget.value)}
            />
          </label>
          <label>
            Old side, %
            <input type="number" min="0" max="100" step="0.01" value={old} onInput={({ currentTarget }) => setOld(currentTarget.value)} />
          </label>
        </div>
      )}
      <label class="field">
        Reason, kept in the record
        <input type="text" maxLength={500} required value={reason} onInput={({ currentTarget }) => setReason(currentTarget.value)} />
      </label>
      {fault !== undefined && (
        <div class="notice bad" role="alert">
          <State tone="bad">{refused ? 'A condition of this phase is not met:' : fault.message}</State>
          {refused && (
            <ul>
              {(fault.body.conditions ?? [fault.message]).map((one) => (
                <li key={one}>{one}</li>
              ))}
            </ul>
          )}
        </div>
      )}
      {refused && (
        <label class="check">
          <input type="checkbox" checked={force} onChange={({ currentTarget }) => setForce(currentTarget.checked)} />
          Do it all the same; this is kept in the record.
        </label>
      )}
    </FormDialog>
  )
}
