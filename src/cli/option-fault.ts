/** What is wrong with an option of the command line. */

import { BridgeError } from '../errors.ts'

/** OB_CONFIG. @param option with the value that was given, where that says more: `--at noon` */
export const optionFault = (option: string, cause: string): BridgeError =>
  new BridgeError('OB_CONFIG', `cannot use ${option}: ${cause}`, { place: option })
