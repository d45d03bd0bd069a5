import { isThenable } from "../values/convention.ts";
import { currentCell } from "./cells.ts";

/**
 * What a cell awaits: settles like `value`, unless an interrupt of the cell rejects it first. Values that are no
 * promises pass through.
 */
export function gate<T>(value: T): T | Promise<Awaited<T>> {
  const cell = currentCell();
  if (!cell || !isThenable(value)) return value;
  const { pending } = cell;
  return new Promise((resolve, reject) => {
    pending.add(reject);
    value.then(
      (result) => {
        pending.delete(reject);
        resolve(result as Awaited<T>);
      },
      (reason) => {
        pending.delete(reject);
        reject(reason);
      },
    );
  });
}

/** The iterable of a `for await`, each step through the gate. */
export function gated<T>(
  iterable: AsyncIterable<T> | Iterable<T | Promise<T>>,
): AsyncIterable<T> | Iterable<T | Promise<T>> {
  const asynchronous = (iterable as AsyncIterable<T> | undefined)?.[Symbol.asyncIterator];
  if (!asynchronous) return iterable;
  return {
    [Symbol.asyncIterator]() {
      const iterator = asynchronous.call(iterable);
      return {
        next: () => Promise.resolve(gate(iterator.next())),
        return: (value?: unknown) =>
          Promise.resolve(gate(iterator.return?.(value) ?? { done: true, value })),
      } as AsyncIterator<T>;
    },
  };
}
