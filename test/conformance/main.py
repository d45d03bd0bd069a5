"""Runs the conformance tests; prints one line each, and why those that do not apply do not."""

import argparse
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import client  # noqa: E402
import grading  # noqa: E402
import standard  # noqa: E402
import tools  # noqa: E402

# Tests of jupyter_kernel_test that do not apply to us. Every other skip is a failure.
NOT_APPLICABLE = {
    "test_pager": "a pager is a payload, which the protocol deprecates; our help is in inspect_reply",
    "test_a_killed_tool_leaves_no_process": "it finds the processes in /proc, which only Linux has",
}


class Result(unittest.TestResult):
    passed = 0

    def startTest(self, test):
        super().startTest(test)
        self.begun = time.perf_counter()
        self.bad_before = len(self.failures) + len(self.errors) + len(self.skipped)

    def stopTest(self, test):
        super().stopTest(test)
        name = f"{type(test).__name__}.{test._testMethodName}"
        seconds = time.perf_counter() - self.begun
        skips = [reason for each, reason in self.skipped if name_of(each) == name]
        if len(self.failures) + len(self.errors) + len(self.skipped) == self.bad_before:
            self.passed += 1
            print(f"  passed          {name} ({seconds:.1f} s)")
        elif skips and test._testMethodName in NOT_APPLICABLE:
            print(f"  not applicable  {name}: {NOT_APPLICABLE[test._testMethodName]}")
        else:
            print(f"  FAILED          {name} {' '.join(skips)}")
        sys.stdout.flush()


def name_of(test):
    test = getattr(test, "test_case", test)
    return f"{type(test).__name__}.{getattr(test, '_testMethodName', '')}"


def run(title, module, pattern):
    loader = unittest.TestLoader()
    if pattern:
        loader.testNamePatterns = [f"*{pattern}*"]
    suite = loader.loadTestsFromModule(module)
    if suite.countTestCases() == 0:
        return True
    print(title)
    result = Result()
    suite.run(result)
    for test, text in result.failures + result.errors:
        print(f"\n{test}\n{text}")
    expected = [each for each, _ in result.skipped if each._testMethodName in NOT_APPLICABLE]
    unexpected = len(result.skipped) - len(expected)
    failed = len({name_of(test) for test, _ in result.failures + result.errors}) + unexpected
    print(f"  {result.passed} passed, {len(expected)} not applicable, {failed} failed\n")
    return failed == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="npm run conformance --")
    parser.add_argument("-k", metavar="PART", help="only tests with PART in their name")
    chosen = parser.parse_args().k
    kept = [
        run("jupyter_kernel_test", standard, chosen),
        run("jupyter_client", client, chosen),
        run("tools", tools, chosen),
        run("nbgrader", grading, chosen),
    ]
    sys.exit(0 if all(kept) else 1)
