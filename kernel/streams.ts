/** The longest that text waits for more text. */
export const coalesceMs = 25;

/** Collects stream text so that many small writes become few messages. */
export interface Streams {
  write(name: "stdout" | "stderr", text: string): void;
  /** Sends what waits; call it before anything that must come after it. */
  flush(): void;
}

/** Text of one cell, sent at most every 25 ms and per run of the same stream, so that its order is kept. */
export function streams(send: (name: "stdout" | "stderr", text: string) => void): Streams {
  let parts: string[] = [];
  let current: "stdout" | "stderr" = "stdout";
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (parts.length === 0) return;
    const text = parts.join("");
    parts = [];
    send(current, text);
  }

  return {
    write(name, text) {
      if (text === "") return;
      if (name !== current) flush();
      current = name;
      parts.push(text);
      timer ??= setTimeout(flush, coalesceMs);
    },
    flush,
  };
}
