import { isProxy } from "node:util/types";

// A cell may overwrite any global: the runtime keeps those it started with.
const { Object } = globalThis;

/** A way in which values of some kind show themselves. */
export interface Convention {
  /** What a message calls it when it fails. */
  name: string;
  /** What makes the bundle of a value of this kind, or a promise of one; undefined for every other value. */
  of(value: object): (() => unknown) | undefined;
}

/** The method `name`, if the value has one and it is no getter's: asking runs none of the value's code. */
export function methodOf(
  value: object,
  name: string,
): ((...args: unknown[]) => unknown) | undefined {
  const found = (Object.getOwnPropertyDescriptor(value, name) ?? inherited(value, name))?.value;
  return typeof found === "function" ? found : undefined;
}

/** True if the value is of a class with all these methods and getters. */
export function isInstance(
  value: object,
  methods: readonly string[],
  getters: readonly string[] = [],
): boolean {
  return (
    methods.every((name) => methodOf(value, name)) &&
    getters.every((name) => inherited(value, name)?.get)
  );
}

/** What the getter `name` of the value's class gives, also if the value has a property of its own by this name. */
export function getterOf(value: object, name: string): unknown {
  return inherited(value, name)?.get?.call(value);
}

/** An own property that is no getter's. */
export function ownValue(value: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function inherited(value: object, name: string): PropertyDescriptor | undefined {
  for (
    let prototype = Object.getPrototypeOf(value);
    prototype !== null && prototype !== Object.prototype && !isProxy(prototype);
    prototype = Object.getPrototypeOf(prototype)
  ) {
    const found = Object.getOwnPropertyDescriptor(prototype, name);
    if (found) return found;
  }
  return undefined;
}

/** True of promises, also those of other libraries and other realms. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === "object" && value !== null) || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function"
  );
}
