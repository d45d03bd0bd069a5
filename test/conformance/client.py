"""What jupyter_kernel_test leaves out, by jupyter_client."""

import os
import time
import unittest
from queue import Empty

from jupyter_client.manager import KernelManager, start_new_kernel

TIMEOUT = 20


class ClientTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.km, cls.kc = start_new_kernel(kernel_name="lclab")

    @classmethod
    def tearDownClass(cls):
        cls.kc.stop_channels()
        cls.km.shutdown_kernel()

    def run_code(self, code, **options):
        outputs = []
        reply = self.kc.execute_interactive(
            code, output_hook=outputs.append, timeout=TIMEOUT, **options
        )
        return reply["content"], outputs

    def text(self, outputs):
        return "".join(m["content"]["text"] for m in outputs if m["msg_type"] == "stream")

    def test_interrupt_of_a_loop_and_of_an_await(self):
        for code in ("while (true) {}", "await new Promise(() => {})"):
            with self.subTest(code=code):
                self.run_code("let kept = 42")
                msg_id = self.kc.execute(f"console.log('started'); {code}")
                while True:
                    message = self.kc.get_iopub_msg(timeout=TIMEOUT)
                    if message["content"].get("text") == "started\n":
                        break
                self.km.interrupt_kernel()
                reply = self.kc._recv_reply(msg_id, timeout=TIMEOUT)
                self.assertEqual(reply["content"]["ename"], "Interrupted")
                self.assertIn("42", self.text(self.run_code("console.log(kept)")[1]))

    def ask(self, code):
        asked = []

        def answer(message):
            asked.append(message["content"])
            self.kc.input("Ada")

        content, outputs = self.run_code(code, allow_stdin=True, stdin_hook=answer)
        return asked, content, self.text(outputs)

    def test_input_by_an_await(self):
        asked, content, text = self.ask("console.log('Hello ' + await input('Name? '))")
        self.assertEqual(asked, [{"prompt": "Name? ", "password": False}])
        self.assertEqual((content["status"], text), ("ok", "Hello Ada\n"))

    def test_input_that_blocks(self):
        asked, content, text = self.ask("console.log('Hello ' + prompt('Name? '))")
        self.assertEqual(asked, [{"prompt": "Name? ", "password": False}])
        self.assertEqual((content["status"], text), ("ok", "Hello Ada\n"))

    def test_password(self):
        asked, _, _ = self.ask("await input('Key? ', { password: true })")
        self.assertEqual(asked, [{"prompt": "Key? ", "password": True}])

    def test_input_without_stdin_is_an_error(self):
        content, _ = self.run_code("await input('Name? ')", allow_stdin=False)
        self.assertEqual(content["status"], "error")
        self.assertIn("allow_stdin", content["evalue"])

    def test_user_expressions(self):
        content, _ = self.run_code("let u = 20", user_expressions={"a": "u + 1", "b": "nope"})
        self.assertEqual(content["user_expressions"]["a"]["data"], {"text/plain": "21"})
        self.assertEqual(content["user_expressions"]["b"]["ename"], "ReferenceError")

    def test_error_aborts_what_waits(self):
        ids = [self.kc.execute(code) for code in ("throw new Error('first')", "1", "2")]
        statuses = [self.kc._recv_reply(i, timeout=TIMEOUT)["content"]["status"] for i in ids]
        self.assertEqual(statuses, ["error", "aborted", "aborted"])
        self.assertEqual(self.run_code("1")[0]["status"], "ok")

    def test_typed_completion_knows_earlier_cells(self):
        self.run_code("interface Point { alpha: number; beta: string }\nlet p: Point = null!;")
        reply = self.kc.complete("p.", reply=True, timeout=TIMEOUT)["content"]
        self.assertEqual(reply["matches"], ["alpha", "beta"])
        self.assertEqual(
            reply["metadata"]["_jupyter_types_experimental"][0],
            {"text": "alpha", "type": "property", "start": 2, "end": 2},
        )

    def test_inspect_is_markdown(self):
        self.run_code("/** Doubles. */\nconst double = (x: number): number => 2 * x;")
        reply = self.kc.inspect("double(", 7, reply=True, timeout=TIMEOUT)["content"]
        self.assertIn("double(x: number)", reply["data"]["text/markdown"].replace("const double: (", "double("))
        self.assertIn("Doubles.", reply["data"]["text/markdown"])

    def test_restart_keeps_the_history_and_no_variable(self):
        self.run_code("let before_restart = 1")
        self.km.restart_kernel(now=False)
        self.kc.wait_for_ready(timeout=TIMEOUT)
        _, outputs = self.run_code("console.log(typeof before_restart)")
        self.assertEqual(self.text(outputs), "undefined\n")
        reply = self.kc.history(
            reply=True, timeout=TIMEOUT, hist_access_type="search", pattern="let before_restart*"
        )
        self.assertEqual(reply["content"]["history"][-1][2], "let before_restart = 1")


class EncryptionTests(unittest.TestCase):
    def test_curve_encrypts_every_channel_and_refuses_the_clear(self):
        km = KernelManager(kernel_name="lclab", transport_encryption="required")
        km.start_kernel()
        self.addCleanup(km.shutdown_kernel)
        kc = km.client()
        kc.start_channels()
        self.addCleanup(kc.stop_channels)
        kc.wait_for_ready(timeout=TIMEOUT)
        outputs = []
        reply = kc.execute_interactive(
            "console.log(await input('?'))",
            allow_stdin=True,
            stdin_hook=lambda _: kc.input("secret"),
            output_hook=outputs.append,
            timeout=TIMEOUT,
        )
        self.assertEqual(reply["content"]["status"], "ok")
        self.assertTrue(any(m["content"].get("text") == "secret\n" for m in outputs))
        self.assertTrue(kc.is_alive())
        plain = km.client()
        plain.curve_publickey = plain.curve_secretkey = None
        plain.start_channels(hb=False)
        self.addCleanup(plain.stop_channels)
        plain.kernel_info()
        with self.assertRaises(Empty):
            plain.get_shell_msg(timeout=1)


class LifetimeTests(unittest.TestCase):
    def test_shutdown_leaves_no_process(self):
        km, kc = start_new_kernel(kernel_name="lclab")
        pid = km.provisioner.pid
        pids = []
        kc.complete("process.", reply=True, timeout=TIMEOUT)
        kc.execute_interactive(
            "console.log(process.pid)",
            output_hook=lambda m: pids.append(m["content"].get("text")),
            timeout=TIMEOUT,
        )
        user = int(next(p for p in pids if p))
        kc.stop_channels()
        km.shutdown_kernel()
        for each in (pid, user):
            for _ in range(200):
                try:
                    os.kill(each, 0)
                except ProcessLookupError:
                    break
                time.sleep(0.02)
            else:
                self.fail(f"process {each} is left")
