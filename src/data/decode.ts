import { LCError } from "../errors.ts";

/** A decoded picture: RGBA, 8 bits each, row-major; `data` has 4 · width · height bytes. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** Turns the bytes of a picture file into pixels. */
export type Decode = (bytes: Uint8Array) => Picture | Promise<Picture>;

interface Jpeg {
  decode(bytes: Uint8Array, options: { readonly useTArray: true }): Picture;
}
interface Png {
  readonly PNG: { readonly sync: { read(bytes: Uint8Array): Picture } };
}

/**
 * Decodes JPEG with the package jpeg-js and PNG with pngjs (plain JavaScript, no install scripts), told apart by their
 * first bytes: ImageNet has a PNG file named .JPEG. `load` imports a package, when a picture needs it.
 * @throws LCError LC_DATA if it is neither, a JPEG that was cut off, or the package is not installed; otherwise what
 * the package throws.
 */
export function decoder(load: (name: string) => Promise<unknown> = (name) => import(name)): Decode {
  const need = async <T>(name: string, kind: string): Promise<T> => {
    const module = await load(name).catch((cause: unknown) => {
      throw new LCError(
        "LC_DATA",
        `decoding ${kind} needs the package ${name}, which could not be loaded. Run npm install ${name}, or give imageFolder a decode function.`,
        { cause },
      );
    });
    // Both packages are CommonJS: their exports are the default export.
    return (module as { default: T }).default;
  };
  return async (input) => {
    // pngjs reads with Buffer's methods.
    const bytes = Buffer.from(input.buffer, input.byteOffset, input.length);
    if (startsWith(bytes, 0xff, 0xd8, 0xff)) {
      // jpeg-js would decode the part that is there.
      if (bytes.lastIndexOf("\xff\xd9", undefined, "latin1") < 0) {
        throw new LCError(
          "LC_DATA",
          `a JPEG file must end with the bytes ff d9; they do not occur in the ${bytes.length} bytes found. Fetch it again.`,
        );
      }
      const { decode } = await need<Jpeg>("jpeg-js", "JPEG");
      return decode(bytes, { useTArray: true });
    }
    if (startsWith(bytes, 0x89, 0x50, 0x4e, 0x47)) {
      const { PNG } = await need<Png>("pngjs", "PNG");
      return PNG.sync.read(bytes);
    }
    const start = [...bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join(" ");
    throw new LCError(
      "LC_DATA",
      `a picture must be JPEG (starts with ff d8 ff) or PNG (89 50 4e 47), got ${start || "an empty file"}. For other formats give imageFolder a decode function.`,
    );
  };
}

function startsWith(bytes: Uint8Array, ...start: number[]): boolean {
  return start.every((byte, i) => bytes[i] === byte);
}
