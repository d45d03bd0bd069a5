import util from "node:util";
import type { Tf } from "../../net/tfjs-module.ts";

/** tfjs-node 4.22 calls two functions of node:util that Node 23 removed; other modules are left alone. */
export function repairUtil(tf: Tf): void {
  if (tf.node === undefined) return;
  const old = util as { isArray?: unknown; isNullOrUndefined?: unknown };
  old.isArray ??= Array.isArray;
  old.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
}
