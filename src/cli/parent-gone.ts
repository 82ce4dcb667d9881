const CHECK_MS = 1000

/**
 * Resolves when the npm that started this process has gone: its scripts run below a shell that hands no signal on, so
 * that the server would stay behind with the ports. Never resolves for a server that was started otherwise.
 */
export function npmGone(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  if (env['npm_lifecycle_event'] === undefined) return new Promise(() => {})
  const { ppid } = process
  return new Promise(resolve => {
    const timer = setInterval(() => {
      if (process.ppid === ppid) return
      clearInterval(timer)
      resolve('the end of npm')
    }, CHECK_MS)
    timer.unref()
  })
}
