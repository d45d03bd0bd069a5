import type { Worker } from "node:worker_threads";
import { LCError } from "../../errors.ts";
import { startThread } from "../../thread.ts";
import type { WasmMemory, WasmModule } from "./webassembly.ts";

/** What a thread is started with. Offsets are bytes into `memory`. */
export interface WorkerData {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  readonly control: number;
  /** This thread's own scratch. */
  readonly scratch: number;
  readonly thread: number;
  readonly threads: number;
}

/** Run `program` until it stops. `generation` tells replies to this command from late ones. */
export interface Command {
  readonly generation: number;
  readonly program: number;
}

export type Reply =
  | { readonly kind: "ready" }
  | {
      readonly kind: "progress";
      readonly generation: number;
      /** First example of the next minibatch. */
      readonly first: number;
      /** Mean loss so far. */
      readonly loss: number;
    }
  | { readonly kind: "done"; readonly generation: number; readonly stop: number };

export type Progress = (done: { readonly first: number; readonly loss: number }) => void;

interface Pending {
  readonly generation: number;
  readonly onProgress: Progress | undefined;
  readonly resolve: (stop: number) => void;
  readonly reject: (error: Error) => void;
  waiting: number;
}

/**
 * Threads that run programs over one shared memory. The caller's thread never computes and never blocks. Idle
 * threads wait for a message: they use no processor time and do not keep the process alive.
 */
export class Pool {
  readonly #workers: Worker[];
  #generation = 0;
  #pending: Pending | undefined;
  #failure: Error | undefined;

  private constructor(workers: Worker[]) {
    this.#workers = workers;
    for (const worker of workers) {
      worker.on("message", (reply: Reply) => this.#receive(reply));
      worker.on("error", (error) => this.#fail(error));
      worker.on("exit", () => this.#fail(new Error("a thread ended")));
    }
  }

  /** Starts the threads and waits until all are ready. */
  static async start(threads: number, dataOf: (thread: number) => WorkerData): Promise<Pool> {
    const pool = new Pool(Array.from({ length: threads }, (_, thread) => spawn(dataOf(thread))));
    await pool.#expect(0, undefined);
    return pool;
  }

  /** Runs `program` on all threads; resolves with the reason it stopped (STOP_…), after every thread has left it. */
  run(program: number, onProgress?: Progress): Promise<number> {
    const generation = ++this.#generation;
    const done = this.#expect(generation, onProgress);
    const command: Command = { generation, program };
    for (const worker of this.#workers) worker.postMessage(command);
    return done;
  }

  /** Ends all threads, whatever they do. Safe to call twice. */
  async close(): Promise<void> {
    this.#fail(new Error("the session was closed"));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #expect(generation: number, onProgress: Progress | undefined): Promise<number> {
    if (this.#failure) return Promise.reject(this.#failure);
    for (const worker of this.#workers) worker.ref();
    return new Promise((resolve, reject) => {
      const waiting = this.#workers.length;
      this.#pending = { generation, onProgress, resolve, reject, waiting };
    });
  }

  #receive(reply: Reply): void {
    const pending = this.#pending;
    if (!pending) return;
    if (reply.kind === "progress") {
      if (reply.generation === pending.generation) pending.onProgress?.(reply);
      return;
    }
    const generation = reply.kind === "ready" ? 0 : reply.generation;
    if (generation !== pending.generation || --pending.waiting > 0) return;
    this.#pending = undefined;
    for (const worker of this.#workers) worker.unref();
    pending.resolve(reply.kind === "done" ? reply.stop : 0);
  }

  /** One thread lost leaves the others waiting at a barrier, so all go. */
  #fail(cause: Error): void {
    if (this.#failure) return;
    this.#failure = new LCError("LC_ENGINE", `wasm engine: ${cause.message}. Open a new session.`, {
      cause,
    });
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(this.#failure);
    for (const worker of this.#workers) void worker.terminate();
  }
}

function spawn(workerData: WorkerData): Worker {
  const name = `lclab engine ${workerData.thread}`;
  return startThread("worker", import.meta.url, { workerData, name });
}
