/** The commands of a cutover on the command line. */

import { type Command, Option } from 'commander'
import type { Io } from './io.ts'

interface Shared {
  readonly io: Io
  readonly finish: (code: number) => void
  /** Options that name a configuration. */
  readonly configured: (command: Command) => Command
  readonly json: () => Option
}

/** Adds `phase`, `share`, `readiness` and `clients`. */
export function addCutover(program: Command, { io, finish, configured, json }: Shared): void {
  const asked = (command: Command): Command =>
    configured(command).option('--admin <url>', 'admin port of the running bridge; default: that of the configuration').addOption(json())
  const load = async () => import('./cutover.ts')
  const reason = (command: Command): Command => command.option('--reason <text>', 'why; it is kept with the change')

  const phase = program.command('phase').description('how far each mirrored endpoint is on its way to the new side')
  asked(phase.command('ls'))
    .description('lists phases, shares and old backends')
    .action(async (given) => finish(await (await load()).cutoverLs(given, io)))
  reason(asked(phase.command('set <endpoint> [phase]')))
    .description('goes to shadow, dual, new-primary or new-only')
    .option('--back', 'one step back; always possible')
    .option('--force', 'although a condition is not met; needs --reason')
    .action(async (endpoint, wanted, given) => finish(await (await load()).phaseSet(endpoint, wanted, given, io)))
  asked(phase.command('log'))
    .description('who switched what, and why')
    .action(async (given) => finish(await (await load()).cutoverLog(given, io)))

  const share = program.command('share').description('what part of the data goes to each side')
  asked(share.command('ls'))
    .description('lists phases, shares and old backends')
    .action(async (given) => finish(await (await load()).cutoverLs(given, io)))
  reason(asked(share.command('set <side> <endpoint> <part>')))
    .description('side is new or old; part is 10% or 0.1')
    .action(async (side, endpoint, part, given) => finish(await (await load()).shareSet(side, endpoint, part, given, io)))

  asked(program.command('readiness'))
    .description('which services, jobs and indices can be cut over, and why the others cannot; exit code 1 when one cannot')
    .option('--key <names>', 'these alone, separated by commas; * at the end stands for anything')
    .addOption(
      new Option('--question <question>', 'A: may people rely on the new side; B: may the old side be switched off').choices(['A', 'B']),
    )
    .option('--verbose', 'with the evidence of each condition')
    .action(async (given) => finish(await (await load()).showReadiness(given, io)))

  asked(program.command('clients'))
    .description('who still sends legacy formats: service, library, address, rate')
    .option('--csv', 'prints CSV')
    .option('--filter <text>', 'part of a service, library or address')
    .addOption(new Option('--sort <by>', 'order of the list').choices(['items', 'key', 'library', 'lastSeen', 'firstSeen']))
    .action(async (given) => finish(await (await load()).showClients(given, io)))
}
