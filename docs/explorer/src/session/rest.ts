/**
 * Waiting until the engine has come to rest. On the simulated disk and runtime all it does runs in promise
 * callbacks, and a task of the host begins when none of them is left.
 */

/** Resolves at rest, right after `whenThere` was called. */
export function atRest(whenThere: () => void = () => {}): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.addEventListener('message', () => {
      port1.close()
      whenThere()
      resolve()
    })
    port1.start()
    port2.postMessage(undefined)
  })
}
