import { Command, CommanderError } from 'commander'
import {
  addAddressOptions,
  addInstallOption,
  addServerOptions,
  addTokenOptions,
  configFrom,
  mayInstall,
  requireOwnVariables,
  secretFrom,
  tokenFromEnvironment,
} from '../config/command-line.ts'
import { forgetSecrets } from '../config/environment.ts'
import { ExitError } from '../process/errors.ts'
import { VERSION } from '../version.ts'
import { doctor } from './doctor.ts'
import { push } from './push/push.ts'
import { serve } from './serve.ts'
import { makeToken } from './token.ts'

/** Runs the command line; resolves with the exit code: 0 done, 1 failed, 2 bad usage, 3 something is missing. */
export async function main(args: string[]): Promise<number> {
  let exitCode = 0
  const program = new Command('castgate')
    .description('Turns a browser into a live encoder: recorded chunks over a WebSocket, FFmpeg, RTMP, HLS.')
    .version(VERSION, '-V, --version')
    .exitOverride()
    .showHelpAfterError('(castgate --help says more)')
  addInstallOption(addServerOptions(program.command('serve').version(VERSION)))
    .description('start the gateway: pages, ingest, RTMP server')
    .action(async (_, command) => {
      const config = configFrom(command)
      forgetSecrets(config.keyVariables)
      exitCode = await serve(config)
    })
  addInstallOption(addAddressOptions(program.command('push').version(VERSION)))
    .description('broadcast a file in real time, copying what can be copied')
    .argument('<file>', 'video or audio file')
    .argument('[target]', 'stream name, or rtmp:// URL', 'stream')
    .option('--loop', 'begin again at the end, until Ctrl-C')
    .action(async (file, target, options) => {
      requireOwnVariables()
      const secrets = { token: tokenFromEnvironment(), secret: secretFrom(options) }
      forgetSecrets()
      exitCode = await push({
        loop: false,
        ...options,
        file,
        target,
        ffmpeg: options.ffmpeg ?? null,
        install: mayInstall(options),
        ...secrets,
      })
    })
  addTokenOptions(program.command('token').version(VERSION))
    .description('make a token that lets its bearer broadcast or watch')
    .action(async ({ ttl, stream, publish, play, record, maxSeconds, maxBitrate, ...options }) => {
      requireOwnVariables()
      const claims = { stream, publish, play, record, maxSeconds, maxBitrate }
      exitCode = await makeToken({ ...claims, ttlSeconds: ttl, secret: secretFrom(options) })
    })
  addInstallOption(addServerOptions(program.command('doctor').version(VERSION)))
    .description('tell what was found on this machine, and what to do about the rest')
    .action(async (_, command) => {
      exitCode = await doctor(configFrom(command))
    })
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof ExitError) {
      process.stderr.write(`castgate: ${error.message}\n`)
      return error.exitCode
    }
    throw error
  }
}
