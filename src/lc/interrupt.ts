/** The signal a notebook kernel offers while a cell runs; aborted by the interrupt button. */
const kernelSignal = Symbol.for("Jupyter.interrupt");

/**
 * One signal for all ways to stop a run: the caller's `signal`, and the interrupt of the notebook cell that started it.
 * A listener is added to both, which tells the kernel that someone will end the run by itself.
 */
export function stopSignal(own?: AbortSignal): { signal: AbortSignal; release: () => void } {
  const kernel = (globalThis as { [kernelSignal]?: AbortSignal })[kernelSignal];
  const sources = [own, kernel].filter((source) => source !== undefined);
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  for (const source of sources) {
    if (source.aborted) stop();
    source.addEventListener("abort", stop);
  }
  return {
    signal: controller.signal,
    release: () => {
      for (const source of sources) source.removeEventListener("abort", stop);
    },
  };
}
