/** Icons, as shapes of one stroke; what they say stands beside them in words. */

import type { JSX } from 'preact'

const icon =
  (path: string, filled = false) =>
  (): JSX.Element => (
    <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">
      <path d={path} class={filled ? 'filled' : 'line'} />
    </svg>
  )

export const Good = icon('M10 5.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z', true)
export const Warn = icon('M10 2.8 18.4 17H1.6z', true)
export const Bad = icon('M6.6 2h6.8L18 6.6v6.8L13.4 18H6.6L2 13.4V6.6z', true)
export const Unknown = icon('M10 5a5 5 0 1 0 0 10 5 5 0 0 0 0-10z')
export const Check = icon('M3.5 10.5 8 15l8.5-10')
export const Cross = icon('M5 5l10 10M15 5 5 15')
export const Dots = icon('M4 10h.01M10 10h.01M16 10h.01')
export const Arrow = icon('M3 10h13M11 5l5 5-5 5')
export const NowIcon = icon('M2 11h3l3-7 4 12 3-5h3')
export const CutoverIcon = icon('M3 6h11l-3-3M17 14H6l3 3')
export const ClientsIcon = icon('M3 4h14v9H3zM7 17h6M10 13v4')
export const ParityIcon = icon('M4 7h12M4 13h12')
export const InspectIcon = icon('M9 3a6 6 0 1 0 0 12A6 6 0 0 0 9 3zM13.5 13.5 18 18')
export const DeadIcon = icon('M3 5h14v11H3zM3 11h4l1 2h4l1-2h4')
export const BackfillIcon = icon('M10 4a6 6 0 1 1-5.7 4M3 4v4h4M10 7v3.5l2.5 1.5')
export const HealthIcon = icon('M10 17C4 13 2 10 2 7a4 4 0 0 1 8-1 4 4 0 0 1 8 1c0 3-2 6-8 10z')
export const Theme = icon('M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14')
export const Help = icon('M7 7.5a3 3 0 1 1 4.2 2.8c-.8.4-1.2.9-1.2 2M10 15.5h.01')
