/** A dialog that sends something to the API, and stays until it was taken. */

import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Session } from '../api.ts'
import { useLive } from './hooks.ts'
import { Dialog } from './parts.tsx'

/** A form that is sent once at a time. */
export interface Form {
  /** What came instead of success, the last time. */
  readonly fault: Error | undefined
  /** It can be sent now. */
  readonly ready: boolean
  readonly submit: (event: Event) => void
}

/** @param sound nothing is missing in it */
export function useForm(sound: boolean, send: (session: Session) => Promise<unknown>, onDone: () => void): Form {
  const { session } = useLive()
  const [fault, setFault] = useState<Error | undefined>()
  const [busy, setBusy] = useState(false)
  const ready = sound && !busy
  const submit = (event: Event): void => {
    event.preventDefault()
    if (session === undefined || !ready) return
    setBusy(true)
    send(session).then(onDone, (error: Error) => {
      setBusy(false)
      setFault(error)
    })
  }
  return { fault, ready, submit }
}

/** Its fields, a button that sends them and one that does not. @param action what the first of them says */
export const FormDialog = ({
  title,
  form,
  action,
  danger,
  onClose,
  children,
}: {
  readonly title: string
  readonly form: Form
  readonly action: string
  readonly danger?: boolean
  readonly onClose: () => void
  readonly children: ComponentChildren
}): JSX.Element => (
  <Dialog title={title} onClose={onClose}>
    <form onSubmit={form.submit}>
      {children}
      <div class="buttons">
        <button type="submit" class={danger ? 'danger' : 'primary'} disabled={!form.ready}>
          {action}
        </button>
        <button type="button" onClick={onClose}>
          Leave as it is
        </button>
      </div>
    </form>
  </Dialog>
)
