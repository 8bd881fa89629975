/** Every check before a cutover, in the order in which a person reads them. */

import { checkEndpointCertificates, checkFiles } from './certificates.ts'
import { checkClocks } from './clock.ts'
import { checkDestinations, checkQueryUrls } from './destinations.ts'
import { checkDiskSpace, checkQueueFolder, checkQueueVersion } from './disk.ts'
import { checkPublicAddress } from './elasticsearch.ts'
import { because, type Check, type Finding, type PreflightDeps, type Subject } from './finding.ts'
import { checkKafka } from './kafka.ts'
import { checkDescriptors, checkQueueHoldsBodies, checkReceiveBuffers } from './limits.ts'
import { checkLoops } from './loops.ts'
import { checkMirrorSettings } from './mirror-settings.ts'
import { checkMirrors } from './mirrors.ts'
import { checkPorts } from './ports.ts'

/** This machine first, then the others. */
const checks: Readonly<Record<string, Check>> = {
  ports: checkPorts,
  loops: checkLoops,
  publicAddress: checkPublicAddress,
  diskSpace: checkDiskSpace,
  queueFolder: checkQueueFolder,
  queueVersion: checkQueueVersion,
  descriptors: checkDescriptors,
  receiveBuffers: checkReceiveBuffers,
  queueHoldsBodies: checkQueueHoldsBodies,
  files: checkFiles,
  endpointCertificates: checkEndpointCertificates,
  clocks: checkClocks,
  queryUrls: checkQueryUrls,
  destinations: checkDestinations,
  mirrorSettings: checkMirrorSettings,
  mirrors: checkMirrors,
  kafka: checkKafka,
}

/** Runs them all at once. Never rejects: a check that fails by itself is a finding. */
export async function runPreflight(subject: Subject, deps: PreflightDeps): Promise<readonly Finding[]> {
  const found = Object.entries(checks).map(async ([name, check]): Promise<readonly Finding[]> => {
    try {
      return await check(subject, deps)
    } catch (error) {
      return [{ check: name, about: 'the check itself', level: 'fail', seen: because(error), knob: 'please report this' }]
    }
  })
  return (await Promise.all(found)).flat()
}

/** 0: nothing failed; 4: another side did; 2: only this machine or its configuration did. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 2 | 4 {
  const failed = findings.filter(({ level }) => level === 'fail')
  if (failed.length === 0) return 0
  return failed.some(({ remote }) => remote === true) ? 4 : 2
}
