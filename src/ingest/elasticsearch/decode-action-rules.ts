/** What versions and sequence numbers of an action may be. One that breaks these rules refuses the whole request, as in Elasticsearch, in its words. */

export const noVersion = -3
export const noSeqNo = -2
export const noPrimaryTerm = 0

/** What an action says of versions. */
export interface ActionVersion {
  readonly version: number
  /** `internal`, `external`, … */
  readonly versionType: string
  readonly ifSeqNo: number
  readonly ifPrimaryTerm: number
}

/** Whether it says anything of the document's version. */
export const hasVersion = ({ version, versionType }: ActionVersion): boolean => version !== noVersion || versionType !== 'internal'

/** What a `create` must not say; nothing else is looked at then. */
export function createViolation({ version, versionType, ifSeqNo, ifPrimaryTerm }: ActionVersion): string | undefined {
  if (versionType !== 'internal') return 'create operations only support internal versioning. use index instead'
  if (version !== noVersion) return 'create operations do not support explicit versions. use index instead'
  if (ifSeqNo !== noSeqNo || ifPrimaryTerm !== noPrimaryTerm) return 'create operations do not support compare and set. use index instead'
  return undefined
}

/** What no action must say. */
export function versionViolations(action: ActionVersion): readonly string[] {
  const { version, versionType, ifSeqNo, ifPrimaryTerm } = action
  const isInternal = versionType === 'internal'
  const found: string[] = []
  if (version < 0 && !(isInternal && version === noVersion))
    found.push(`illegal version value [${version}] for version type [${versionType.toUpperCase()}]`)
  if (versionType === 'force') found.push('version type [force] may no longer be used')
  if (isInternal && version !== noVersion)
    found.push(
      'internal versioning can not be used for optimistic concurrency control. Please use `if_seq_no` and `if_primary_term` instead',
    )
  if (ifSeqNo !== noSeqNo && hasVersion(action)) found.push('compare and write operations can not use versioning')
  if (ifPrimaryTerm === noPrimaryTerm && ifSeqNo !== noSeqNo) found.push('ifSeqNo is set, but primary term is [0]')
  if (ifPrimaryTerm !== noPrimaryTerm && ifSeqNo === noSeqNo) found.push(`ifSeqNo is unassigned, but primary term is [${ifPrimaryTerm}]`)
  return found
}
