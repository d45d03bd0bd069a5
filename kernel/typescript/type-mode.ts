/** What is done about the types of a cell: nothing; shown beside its outputs; checked first, and no run with an error. */
export type TypeMode = (typeof modes)[number];

const modes = ["off", "warn", "strict"] as const;

/** A directive stands among the comment lines that begin a cell. */
const directive =
  /^(?:[ \t]*(?:\/\/.*)?\r?\n)*?[ \t]*\/\/[ \t]*@lclab-types\b[ \t:]*(.*?)[ \t\r]*$/m;
const commentLines = /^(?:[ \t]*(?:\/\/.*)?(?:\r?\n|$))*/;

/** The mode of one notebook: `LCLAB_TYPES`, until a cell begins with `// @lclab-types off`, `warn` or `strict`. */
export interface TypeModes {
  /**
   * The mode in which this cell runs, and those after it.
   * @throws RangeError if its directive, or LCLAB_TYPES as long as no cell has set a mode, names no mode.
   */
  of(source: string): TypeMode;
  /** True if LCLAB_TYPES is "off". */
  readonly off: boolean;
}

export function typeModes(env: NodeJS.ProcessEnv = process.env): TypeModes {
  let chosen: TypeMode | undefined;
  return {
    off: env.LCLAB_TYPES === "off",
    of(source) {
      const written = directive.exec(commentLines.exec(source)?.[0] ?? "")?.[1];
      if (written !== undefined)
        chosen = mode("// @lclab-types", written, "Write // @lclab-types warn.");
      return (
        chosen ??
        mode(
          "LCLAB_TYPES",
          env.LCLAB_TYPES || "warn",
          "Set it to one of them and restart the kernel, or begin a cell with // @lclab-types warn.",
        )
      );
    },
  };
}

function mode(who: string, written: string, instead: string): TypeMode {
  const found = modes.find((each) => each === written);
  if (found) return found;
  throw new RangeError(
    `${who}: must be one of ${modes.join(", ")}, got ${JSON.stringify(written)}. ${instead}`,
  );
}
