import assert from "node:assert/strict";
import { type Lab, type Output, withLab, writeNotebook } from "./lab.ts";

const cells = [
  "const point = { alpha: 1, beta: 'x' };\n/** Twice a number. */\nfunction twice(x: number) {\n  return 2 * x;\n}",
  "",
  "console.log('started');\nwhile (true) {}",
  "console.log('started');\nawait new Promise(() => {});",
  "function deep(o: any): number {\n  return o.x.y;\n}\ndeep({});",
  "console.log('Hello ' + (await input('Name? ')));",
  "typeof point",
];
const panel = "window.jupyterapp.shell.currentWidget";
const shown = ".jp-NotebookPanel:not(.lm-mod-hidden)";

describe("the kernel in JupyterLab", function () {
  this.timeout(120_000);
  let lab: Lab;

  withLab(async (started) => {
    lab = started;
    await lab.open(writeNotebook("kernel.ipynb", cells));
  });

  const run = async (index: number) => {
    await lab.startCell(index);
    await lab.cellEnded();
  };
  const outputs = async (index: number): Promise<readonly Output[]> => (await lab.outputs())[index];

  it("completes with types and explains by Shift-Tab, over cells", async () => {
    const { page } = lab;
    await run(0);
    const editor = page.locator(`${shown} .jp-Cell`).nth(1).locator(".cm-content");
    await editor.click();
    await page.keyboard.type("point.");
    const items = page.locator(".jp-Completer .jp-Completer-item");
    // JupyterLab forgets an answer that takes a second, as on a machine that is busy with something else.
    for (let tries = 0; tries < 5 && (await items.count()) === 0; tries++) {
      await page.keyboard.press("Tab");
      await items
        .first()
        .waitFor({ timeout: 3000 })
        .catch(() => undefined);
    }
    assert.deepEqual(await page.locator(".jp-Completer .jp-Completer-match").allTextContents(), [
      "alpha",
      "beta",
    ]);
    assert.equal(
      await page.locator(".jp-Completer .jp-Completer-typeExtended").first().textContent(),
      "property",
    );
    await lab.screenshot("kernel-completion", 0);
    await page.keyboard.press("Enter");
    assert.equal(await editor.textContent(), "point.alpha");
    await page.keyboard.type(" + twice(");
    await page.keyboard.press("Shift+Tab");
    // The tooltip is there before its Markdown is rendered.
    const tooltip = page.locator(".jp-Tooltip", { hasText: "twice" });
    await tooltip.waitFor();
    const text = (await tooltip.textContent()) ?? "";
    assert.match(text, /twice\(x: number\): number/);
    assert.match(text, /Twice a number\./);
    await lab.screenshot("kernel-hover", 0);
    await page.keyboard.press("Escape");
  });

  for (const [index, name] of [
    [2, "a loop"],
    [3, "an await"],
  ] as const)
    it(`■ ends ${name}`, async () => {
      await lab.startCell(index);
      await lab.page.waitForFunction(
        `${panel}.content.widgets[${index}].model.toJSON().outputs.length > 0`,
      );
      await lab.interrupt();
      await lab.cellEnded();
      assert.equal((await outputs(index)).at(-1)?.ename, "Interrupted");
    });

  it("shows a traceback with the line and a caret below its column", async () => {
    await run(4);
    const text = await lab.page
      .locator(`${shown} .jp-Cell`)
      .nth(4)
      .locator(".jp-OutputArea")
      .textContent();
    assert.match(text ?? "", /TypeError: .*at Cell \[\d+\]:2:14 in deep/s);
    await lab.screenshot("kernel-traceback", 4);
  });

  it("asks for input below the cell", async () => {
    await lab.startCell(5);
    const box = lab.page.locator(".jp-Stdin-input");
    await box.waitFor();
    await box.fill("Ada");
    await box.press("Enter");
    await lab.cellEnded();
    assert.match(JSON.stringify(await outputs(5)), /Hello Ada/);
  });

  it("restarts without the variables", async () => {
    await lab.restart();
    await run(6);
    assert.equal((await outputs(6)).at(-1)?.data?.["text/plain"], "'undefined'");
  });
});
