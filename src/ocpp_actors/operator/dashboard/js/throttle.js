/** Work that is asked for often and done seldom. */

/**
 * Run at most once in so many milliseconds, never twice at a time, and once more after the last time it was asked for.
 * `run` must deal with its own errors.
 *
 * @param {number} milliseconds
 * @param {() => unknown} run
 * @returns {() => void}
 */
export function atMostEvery(milliseconds, run) {
  let last = -Infinity;
  let timer = null;
  let busy = false;
  let again = false;
  async function work() {
    timer = null;
    busy = true;
    last = performance.now();
    try {
      await run();
    } finally {
      busy = false;
      if (again) {
        again = false;
        ask();
      }
    }
  }
  function ask() {
    if (busy) again = true;
    else if (timer === null) timer = setTimeout(work, Math.max(0, last + milliseconds - performance.now()));
  }
  return ask;
}

/**
 * Run when nothing was asked for during so many milliseconds.
 *
 * @param {number} milliseconds
 * @param {() => unknown} run
 * @returns {() => void}
 */
export function afterPause(milliseconds, run) {
  let timer = null;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(run, milliseconds);
  };
}
