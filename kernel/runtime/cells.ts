import { AsyncLocalStorage } from "node:async_hooks";
import { getEventListeners } from "node:events";

// A cell may overwrite any global: the runtime keeps those it started with.
const { AbortController, Object, Set } = globalThis;
const PlainError = Error;
const world = globalThis;

/** Symbol under which a cell finds its AbortSignal. */
export const interruptSymbol: symbol = Symbol.for("Jupyter.interrupt");

/** What an interrupted cell fails with. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  constructor() {
    super("The cell was interrupted.");
    this.stack = "Interrupted: The cell was interrupted.";
  }
}

/** How a cell settled. */
export type Settled = { ok: true } | { ok: false; error: unknown };

/** One execution in the user process. */
export interface RunningCell {
  /** Number of the execution, from 1. */
  id: number;
  controller: AbortController;
  /** Rejects every await of the cell that is pending. */
  pending: Set<(reason: unknown) => void>;
  /** Work that the cell waits for before it ends: displays whose bundle is a promise. */
  displays: Set<Promise<void>>;
  /** Interrupts received so far. */
  interrupts: number;
  /** True if an interrupt is about to terminate it: should it end by itself before, it is interrupted all the same. */
  doomed: boolean;
  settled: boolean;
  settle(result: Settled): void;
  /** Reports how it settled, once more if a termination hit the first report. */
  finish(): void;
}

// On older versions an AsyncLocalStorage slows every promise and does not survive a terminated cell.
const owner =
  Number(process.versions.node.split(".")[0]) >= 24 ? new AsyncLocalStorage<number>() : undefined;

let current: RunningCell | undefined;
let lastId = 0;
let refused = 0;
/** Owner of what a comm handler does synchronously, where there is no AsyncLocalStorage. */
let handling: number | undefined;

/** Cells that were ended while their code might go on. */
const abandoned = new Set<number>();

/** True in code of a cell that an interrupt has ended: what it awaits never comes (Node ≥ 24). */
export function isAbandoned(): boolean {
  return abandoned.size > 0 && abandoned.has(owner?.getStore() ?? 0);
}

/** The cell that runs now. */
export function currentCell(): RunningCell | undefined {
  return current;
}

/** The cell to which output made now belongs: the one that started the task (Node ≥ 24), else the latest. */
export function ownerId(): number {
  return owner?.getStore() ?? handling ?? lastId;
}

/** Runs `action` with its outputs, and those of what it starts (Node ≥ 24), belonging to `id`. */
export function asOwner(id: number, action: () => void): void {
  if (owner) {
    owner.run(id, action);
    return;
  }
  handling = id;
  try {
    action();
  } finally {
    handling = undefined;
  }
}

/**
 * Starts cell `id` with `run`; `report` is called when it has settled. At once and not by a promise: a termination
 * empties the queue of microtasks.
 */
export function runCell(
  id: number,
  run: (cell: RunningCell) => void,
  report: (result: Settled) => void,
): void {
  lastId = id;
  const controller = new AbortController();
  Object.defineProperty(world, interruptSymbol, {
    value: controller.signal,
    configurable: true,
  });
  let outcome: Settled;
  const cell: RunningCell = {
    id,
    controller,
    pending: new Set(),
    displays: new Set(),
    interrupts: 0,
    doomed: false,
    settled: false,
    settle(result) {
      if (cell.settled) return;
      outcome = cell.doomed ? { ok: false, error: new Interrupted() } : result;
      cell.settled = true;
      cell.finish();
    },
    finish() {
      report(outcome);
      if (current === cell) current = undefined;
    },
  };
  current = cell;
  if (refused >= id) cell.settle({ ok: false, error: new Interrupted() });
  else if (owner) owner.run(id, () => run(cell));
  else run(cell);
}

/** What the relay worker learns when it asks for an interrupt. */
export interface InterruptReply {
  /** True if the cell runs. */
  running: boolean;
  /** True if the question interrupted JavaScript, so that only a termination can stop it. */
  nested: boolean;
  /** Interrupts of this cell so far. */
  count: number;
  /** True if somebody listens to the cell's AbortSignal. */
  listening: boolean;
  /** True if the cell cannot begin, because a background task of an earlier cell runs. */
  blocked?: boolean;
}

/** Called by the relay worker through the inspector, also in the middle of a loop of the user. */
export const control: Readonly<{
  interrupt(id: number): InterruptReply;
  force(id: number): InterruptReply;
  settle(id: number): boolean;
}> = Object.freeze({
  /** Aborts the cell's signal at the first interrupt. */
  interrupt(id: number): InterruptReply {
    const cell = current;
    if (id > lastId) {
      refused = id; // it has not arrived yet, perhaps for a background task that holds the thread
      return {
        ...reply(cell, false, false),
        blocked: below().some((line) => line.includes("lclab:cell/")),
      };
    }
    if (!cell || cell.id !== id || cell.settled) return reply(cell, false, false);
    cell.interrupts++;
    const listening = listens(cell.controller.signal);
    const answer = reply(cell, true, listening);
    cell.doomed ||= answer.nested && (!listening || cell.interrupts > 1);
    cell.controller.abort(new Interrupted());
    return answer;
  },
  /** Rejects the pending awaits of the cell. */
  force(id: number): InterruptReply {
    const cell = current;
    if (!cell || cell.id !== id || cell.settled) return reply(cell, false, false);
    const error = new Interrupted();
    for (const reject of [...cell.pending]) reject(error);
    return reply(cell, true, false);
  },
  /** Ends the cell whatever its code still does; a terminated continuation never settles by itself. */
  settle(id: number): boolean {
    if (current?.id !== id) return true;
    if (current.settled) current.finish();
    else {
      abandoned.add(id);
      current.settle({ ok: false, error: new Interrupted() });
    }
    return true;
  },
});

function reply(
  cell: RunningCell | undefined,
  running: boolean,
  listening: boolean,
): InterruptReply {
  return { running, nested: below().length > 0, count: cell?.interrupts ?? 0, listening };
}

/** Stack frames of the JavaScript that the inspector interrupted to ask us; none if the thread was idle. */
function below(): string[] {
  const { stackTraceLimit, prepareStackTrace } = PlainError;
  // The user's own `prepareStackTrace` may return anything.
  Object.assign(PlainError, { stackTraceLimit: 20, prepareStackTrace: undefined });
  const lines = (new PlainError().stack ?? "").split("\n").slice(1);
  Object.assign(PlainError, { stackTraceLimit, prepareStackTrace });
  const evaluated = lines.findIndex((line) => /<anonymous>:1:\d+\)?$/.test(line));
  return lines.slice(evaluated + 1);
}

function listens(signal: AbortSignal): boolean {
  if (signal.onabort || getEventListeners(signal, "abort").length > 0) return true;
  // AbortSignal.any keeps no listener on its sources, only this set.
  const dependants = Object.getOwnPropertySymbols(signal).find((symbol) =>
    /dependantSignals/i.test(symbol.description ?? ""),
  );
  const set = dependants && (signal as unknown as Record<symbol, unknown>)[dependants];
  return ((set as { size?: number } | undefined)?.size ?? 0) > 0; // no instance of our Set
}
