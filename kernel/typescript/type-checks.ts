import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { Cell, Failed, Frontend, MimeBundle } from "../interpreter.ts";
import type { CellModule } from "./cell-modules.ts";
import { diagnosticsBundle, diagnosticsFailure, notesBundle } from "./diagnostics.ts";
import type { Diagnostic, Language } from "./language.ts";

/** How long type errors wait for the outputs of the cell, so that its result comes first, run after run. */
const patienceMs = 1000;

/** The type checks of the cells of one interpreter. */
export interface TypeChecks {
  /** Checks a cell before it runs. Resolves with why it must not run; with undefined if it may, or `signal` aborted. */
  before(check: Check): Promise<Failed | undefined>;
  /**
   * Checks a cell while it runs, and shows what is wrong: after its own outputs, unless they take long. Resolves when that is
   * done or cancelled; never rejects.
   */
  beside(check: Check, ended: Promise<unknown>): Promise<void>;
}

/** One cell to check. */
export interface Check {
  cell: Cell;
  module: CellModule;
  frontend: Frontend;
  /** Cancels it. */
  signal: AbortSignal;
}

/** Checks by `types`; a cell that runs again cancels the check of its former run. */
export function typeChecks(types: Language): TypeChecks {
  /** What cancels the checks under way of the cells that the client can name. */
  const byId = new Map<string, AbortController>();
  /** Sentences that have been shown. */
  const said = new Set<string>();

  async function check({ cell: { id }, module, frontend, signal }: Check): Promise<Diagnostic[]> {
    const superseded = new AbortController();
    const either = AbortSignal.any([signal, superseded.signal]);
    if (id !== undefined) {
      byId.get(id)?.abort();
      byId.set(id, superseded);
    }
    try {
      const diagnostics = await types.check(module, either);
      say(await types.notes(), frontend);
      return either.aborted ? [] : diagnostics;
    } catch (error) {
      if (either.aborted) return [];
      throw error;
    } finally {
      if (id !== undefined && byId.get(id) === superseded) byId.delete(id);
    }
  }

  /** Once each: they are not about a cell. */
  function say(notes: readonly string[], frontend: Frontend): void {
    const fresh = notes.filter((note) => !said.has(note));
    for (const note of fresh) said.add(note);
    if (fresh.length > 0) show(notesBundle(fresh), frontend);
  }

  return {
    async before(checked) {
      const { code: source, label } = checked.cell;
      try {
        const diagnostics = await check(checked);
        return diagnostics.length > 0
          ? diagnosticsFailure({ source, label, diagnostics })
          : undefined;
      } catch (error) {
        const evalue = `${unchecked(error)} Begin a cell with // @lclab-types warn to run without.`;
        return {
          status: "error",
          ename: "TypeScriptError",
          evalue,
          traceback: [`TypeScriptError: ${evalue}`],
        };
      }
    },
    async beside(checked, ended) {
      const { cell, frontend, signal } = checked;
      try {
        const diagnostics = await check(checked);
        if (diagnostics.length === 0) return;
        const waiting = new AbortController();
        const patience = wait(patienceMs, undefined, { ref: false, signal: waiting.signal });
        await Promise.race([ended, patience.catch(() => {})]);
        waiting.abort();
        if (signal.aborted) return;
        const { code: source, label } = cell;
        show(diagnosticsBundle({ source, label, diagnostics }), frontend);
      } catch (error) {
        say([`${unchecked(error)} The cells run without.`], frontend);
      }
    },
  };
}

const unchecked = (error: unknown) =>
  `Types cannot be checked: ${(error as Error).message.replace(/\.$/, "")}. lclab doctor says more.`;

function show(data: MimeBundle, frontend: Frontend): void {
  frontend.show({ type: "display_data", data, metadata: {}, id: randomUUID() });
}
