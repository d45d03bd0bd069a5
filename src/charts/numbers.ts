/** Numbers and durations as people read them. */

/** `value` with 3 significant digits; no exponent from 0.001 up to a million. "–" for what is not finite. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const magnitude = Math.abs(value);
  if (magnitude >= 1e6 || magnitude < 1e-3) {
    const [digits, exponent] = value.toExponential(2).split("e");
    return `${digits}·10${superscript(Number(exponent))}`;
  }
  if (magnitude >= 1000) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** Seconds as "4 s", "2 min 5 s", "3 h 12 min". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** An integer in superscript digits. */
export function superscript(value: number): string {
  return String(value).replace(/[-\d]/g, (digit) =>
    digit === "-" ? "⁻" : ("⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)] ?? digit),
  );
}
