import assert from "node:assert/strict";
import type { Message } from "../../kernel/wire.ts";
import { type KernelClient, startKernel } from "../support/kernel-client.ts";

describe("input", () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await startKernel();
  });
  after(() => kernel.shutdown());

  const answer = (value: string, question: Message) =>
    kernel.send("input_reply", { value }, "stdin", { parent: question.header });
  const text = (published: Message[]) =>
    published.map(({ content }) => content.text ?? "").join("");
  let asked = 0;

  for (const [name, code] of [
    [
      "await input",
      "const a = await input('a? '); const b = await input('b? ', { password: true })",
    ],
    ["prompt", "const a = prompt('a? '); const b = prompt('b? ')"],
  ])
    it(`${name}: the cell gets the answers, however long`, async () => {
      const id = kernel.send("execute_request", {
        code: `console.log('before'); ${code}; console.log(a + b)`,
      });
      for (const [prompt, value] of [
        ["a? ", "x"],
        ["b? ", "ÿ".repeat(100_000)],
      ]) {
        const question = await kernel.question(asked++);
        assert.equal(question.header.msg_type, "input_request");
        assert.equal(question.parent.msg_id, id);
        assert.equal(question.content.prompt, prompt);
        assert.equal(question.content.password, prompt === "b? " && name === "await input");
        answer(value, question);
      }
      assert.equal(text((await kernel.answer(id)).published), `before\nx${"ÿ".repeat(100_000)}\n`);
    });

  it("takes answers to input and prompt that wait together", async () => {
    const id = kernel.send("execute_request", {
      code: "const first = input('1'); const second = prompt('2'); console.log(await first, second)",
    });
    for (const value of ["one", "two"]) answer(value, await kernel.question(asked++));
    assert.equal(text((await kernel.answer(id)).published), "one two\n");
  });

  for (const code of ["await input('?')", "prompt('?')"])
    it(`an interrupt ends ${code}; its late answer reaches nobody`, async () => {
      const id = kernel.send("execute_request", { code });
      const question = await kernel.question(asked++);
      await kernel.request("interrupt_request", {}, "control");
      assert.equal((await kernel.answer(id)).reply.content.ename, "Interrupted");
      const next = kernel.send("execute_request", { code: "console.log(await input('!'))" });
      const second = await kernel.question(asked++);
      answer("late", question);
      answer("right", second);
      assert.equal(text((await kernel.answer(next)).published), "right\n");
    });

  it("is an error where the client takes no questions, also in a background task", async () => {
    const { reply } = await kernel.execute("prompt('?')", { allow_stdin: false });
    assert.match(String(reply.content.evalue), /takes no questions \(allow_stdin is false\)/);
    assert.equal(kernel.questions.length, asked);
    // It asks while the cell still runs, or after.
    const id = kernel.send("execute_request", {
      code: "setTimeout(() => input('?').catch((e) => console.log(e.message)), 0)",
    });
    await kernel.published(
      ({ parent, content }) =>
        parent.msg_id === id && /the cell that ask(s|ed) has ended/.test(String(content.text)),
    );
  });
});
