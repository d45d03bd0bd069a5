"""jupyter_kernel_test with TypeScript samples."""

import jupyter_kernel_test

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class StandardTests(jupyter_kernel_test.KernelTests):
    kernel_name = "lclab"
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('oh no')"
    completion_samples = [
        {"text": "Number.isSaf", "matches": ["isSafeInteger"]},
        {"text": "const point = { alpha: 1, beta: 2 }; point.al", "matches": ["alpha"]},
        {"text": "process.versio", "matches": ["version", "versions"]},
        {"text": "const nothing_to_comple", "matches": []},
    ]
    complete_code_samples = [
        "1 + 1",
        "const a: number[] = [1, 2];",
        "function f(x: number) {\n  return x;\n}",
        "interface P { x: number }",
        "import * as fs from 'node:fs';",
        "await Promise.resolve(1)",
        "`a\n${1 + 1}\nb`",
        "// only a comment",
    ]
    incomplete_code_samples = [
        "function f(x: number) {",
        "const a = [1,",
        "f(1,",
        "`a\nb",
        "if (true) {\n  1",
        "/* a",
        "class A {\n  x = 1;",
        "1 +",
    ]
    invalid_code_samples = ["const = 3", "let a b", "f(1))", "'abc", "const x = 1; x = 2"]
    code_page_something = ""
    code_generate_error = "throw new TypeError('wrong')"
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "'a' + 'b'", "result": "'ab'"},
        {"code": "[1, 2]", "result": "[ 1, 2 ]"},
        {"code": "const m = new Map([['a', 1]]); m", "result": "Map(1) { 'a' => 1 }"},
        {"code": "await Promise.resolve(5)", "result": "5"},
        {
            "code": "({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>x</b>' }) })",
            "mime": "text/html",
            "result": "<b>x</b>",
        },
    ]
    code_display_data = [
        {"code": "display({ 'text/html': '<b>x</b>' }, { raw: true })", "mime": "text/html"},
        {"code": "display({ 'text/markdown': '*x*' }, { raw: true })", "mime": "text/markdown"},
        {"code": "display({ 'image/svg+xml': '<svg/>' }, { raw: true })", "mime": "image/svg+xml"},
        {
            "code": f"display({{ 'image/png': Buffer.from('{PNG}', 'base64') }}, {{ raw: true }})",
            "mime": "image/png",
        },
        {"code": "display({ 'application/json': { a: 1 } }, { raw: true })", "mime": "application/json"},
        {"code": "display([1, 2, 3])", "mime": "text/plain"},
        {"code": "import * as tslab from 'tslab'; tslab.display.html('<i>y</i>')", "mime": "text/html"},
    ]
    supported_history_operations = ("tail", "range", "search")
    code_history_pattern = "6 [*] *7"
    code_inspect_sample = "Math.sqrt"
    code_clear_output = "display.clear()"


class WelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "lclab"
    support_iopub_welcome = True
