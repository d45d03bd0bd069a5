import type { Compression } from "../contract.ts";
import { adaptiveAndCorrections } from "./adaptive.ts";
import { fixedAndCorrections } from "./fixed.ts";
import type { JointSolution } from "./solution.ts";

/** The joint solution of these parts, if one is known. It follows from their roles alone. */
export function jointSolution(parts: readonly Compression<unknown>[]): JointSolution | undefined {
  if (parts.length !== 2) return undefined;
  const corrections = parts.findIndex(({ joint }) => joint?.role === "correction");
  if (corrections < 0) return undefined;
  const codebook = 1 - corrections;
  const roles = { codebook, corrections };
  switch (parts[codebook]?.joint?.role) {
    case "fixed":
      return fixedAndCorrections(parts, roles);
    case "adaptive":
      return adaptiveAndCorrections(parts, roles);
    default:
      return undefined;
  }
}
