/** Limits how often something is done. */

export interface Throttle {
  /** Does it now, or, if that is too soon after the last time, once as soon as it is due. */
  request(): void;
  /** Forgets what is due. */
  stop(): void;
}

/** At most one call of `act` per `intervalMs`; requests in between lead to one call at the end of the interval. */
export function throttle(intervalMs: number, act: () => void): Throttle {
  let last = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  const run = (): void => {
    timer = undefined;
    last = Date.now();
    act();
  };
  return {
    request() {
      const wait = last + intervalMs - Date.now();
      // Overdue also while a timer is set: a busy thread keeps timers from firing. A clock set back waits for nothing.
      if (wait <= 0 || wait > intervalMs) {
        clearTimeout(timer);
        run();
      } else timer ??= setTimeout(run, wait);
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
