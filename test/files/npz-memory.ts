/** Prints by how many bytes the memory of this process grows while it reads the .npz file of its argument. */
import { loadNpz } from "../../src/files/npz.ts";

const before = process.resourceUsage().maxRSS;
await loadNpz(process.argv[2] as string);
console.log(1024 * (process.resourceUsage().maxRSS - before));
