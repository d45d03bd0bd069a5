import assert from "node:assert/strict";
import { duration, short, superscript } from "../../src/charts/numbers.ts";
import { offlineCharts } from "../../src/charts/offline.ts";
import { styleOf } from "../../src/charts/palette.ts";
import { progressText } from "../../src/charts/progress-text.ts";
import { statusLine } from "../../src/charts/status.ts";
import { displaySymbol } from "../../src/notebook.ts";
import { records } from "./samples.ts";

describe("words and numbers of figures", () => {
  it("numbers have three digits and no exponent where they need none", () => {
    const cases = [0, 1, 30.25, 0.00123, 123456, 4.2e-7, 3e9, Number.NaN];
    assert.deepEqual(cases.map(short), [
      "0",
      "1",
      "30.3",
      "0.00123",
      "123456",
      "4.20·10⁻⁷",
      "3.00·10⁹",
      "–",
    ]);
  });

  it("durations have the two largest units", () => {
    assert.deepEqual([0.2, 59.4, 72, 11520].map(duration), [
      "0 s",
      "59 s",
      "1 min 12 s",
      "3 h 12 min",
    ]);
  });

  it("exponents are superscript", () => assert.equal(superscript(-120), "⁻¹²⁰"));

  it("the status line has step, epoch, μ, speed and what is left", () => {
    const record = [...records(30, 20)][25];
    assert.ok(record);
    assert.equal(
      statusLine(record),
      "LC step 2 of 30 · epoch 4 of 20 · μ 0.0014 · 2 epochs/s · 4 min 48 s left",
    );
  });

  it("a resumed run counts its speed from where it resumed", () => {
    const record = { ...([...records(30, 20)][25] ?? assert.fail()), seconds: 4 };
    assert.match(statusLine(record, 20), /1 epochs\/s/);
    let text = "";
    const view = progressText({
      isTTY: true,
      columns: 200,
      write(part) {
        text += part;
      },
    });
    const all = [...records(30, 20)];
    for (const one of all.slice(21, 26)) view.add({ ...one, seconds: one.epochsDone - 20 });
    view.show();
    assert.match(text, / 1 epochs\/s/);
  });

  it("the first 245 styles differ", () => {
    const styles = Array.from({ length: 245 }, (_, i) => JSON.stringify(styleOf(i)));
    assert.equal(new Set(styles).size, 245);
  });

  it("offlineCharts carries Plotly whole, in one script element", () => {
    const html = offlineCharts()[displaySymbol]()["text/html"];
    assert.ok(html.length > 1e6);
    assert.equal(html.match(/<\/script/g)?.length, 1);
  });
});
