"""nbgrader with an assignment in TypeScript, from the teacher's notebook to the students' feedback."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook
from tools import notebook

CONFIG = """
c = get_config()
import lclab_nbgrader
lclab_nbgrader.configure(c)
c.CourseDirectory.course_id = "ts101"
c.Execute.timeout = 4
"""

MEAN = """function mean(values: number[]): number {
  // BEGIN SOLUTION
  return values.reduce((sum, value) => sum + value, 0) / values.length;
  // END SOLUTION
}"""
MEAN_RELEASED = """function mean(values: number[]): number {
  // YOUR CODE HERE
  throw new Error("No answer given yet.");
}"""
MEDIAN = "const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1];"
TEST_MEAN = """assert.equal(mean([1, 2, 3]), 2);
// BEGIN HIDDEN TESTS
assert.equal(mean([5, 6, 10]), 7);
// END HIDDEN TESTS"""
TEST_MEDIAN = "assert.equal(median([5, 1, 2]), 2);"
# The value of the last expression is the number of points.
TEST_PARTS = "[mean([4]) === 4, mean([1, 2]) === 1.5, median([3]) === 3, median([9, 8, 1]) === 8].filter(Boolean).length"


def graded(source, name, **kind):
    kind = {"grade": False, "solution": False, "locked": False, "schema_version": 3, **kind}
    cell = new_code_cell(source)
    cell.metadata["nbgrader"] = {"grade_id": name, "task": False, "cell_type": "code", **kind}
    return cell


def tested(source, name, points):
    return graded(source, name, grade=True, locked=True, points=points)


ASSIGNMENT = [
    graded('import assert from "node:assert/strict";', "setup", locked=True),
    graded(MEAN, "mean", solution=True),
    tested(TEST_MEAN, "test-mean", 2),
    graded(MEDIAN, "median", solution=True),
    tested(TEST_MEDIAN, "test-median", 3),
    tested(TEST_PARTS, "test-parts", 4),
]

# What each student writes instead of what was released.
STUDENTS = {
    "solved": {"mean": MEAN, "median": MEDIAN},
    "unsolved": {},
    # Right for what the student sees only; a test that the student empties comes back.
    "wrong": {"mean": "const mean = (values: number[]): number => values[1];", "median": MEDIAN, "test-mean": "1;"},
    # nbgrader's rule: a test during which anything is written to stderr has failed.
    "noisy": {"mean": MEAN.replace("return", "console.error(values); return"), "median": MEDIAN},
    "endless": {"mean": MEAN, "median": "function median(values: number[]): number { while (true) {} }"},
}
GRADES = {
    "solved": {"test-mean": 2, "test-median": 3, "test-parts": 4},
    "unsolved": {"test-mean": 0, "test-median": 0, "test-parts": 0},
    "wrong": {"test-mean": 0, "test-median": 3, "test-parts": 2},
    "noisy": {"test-mean": 0, "test-median": 3, "test-parts": 0},
    "endless": {"test-mean": 2, "test-median": 0, "test-parts": 0},
}


class GradingTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        (cls.folder / "nbgrader_config.py").write_text(CONFIG)
        cls.write(notebook(*ASSIGNMENT), "source", "ps1")
        cls.nbgrader("generate_assignment", "ps1")
        for student, answers in STUDENTS.items():
            made = cls.read("release", "ps1")
            for cell in made.cells:
                cell.source = answers.get(cell.metadata.nbgrader.grade_id, cell.source)
            cls.write(made, "submitted", student, "ps1")
        cls.nbgrader("autograde", "ps1")
        cls.nbgrader("generate_feedback", "ps1")

    @classmethod
    def path(cls, *place):
        return cls.folder.joinpath(*place) / "means.ipynb"

    @classmethod
    def write(cls, made, *place):
        cls.path(*place).parent.mkdir(parents=True)
        nbformat.write(made, cls.path(*place))

    @classmethod
    def read(cls, *place):
        return nbformat.read(cls.path(*place), as_version=4)

    @classmethod
    def nbgrader(cls, *args):
        command = [sys.executable, "-m", "nbgrader", *args]
        done = subprocess.run(command, cwd=cls.folder, capture_output=True, text=True, timeout=200)
        if done.returncode != 0:
            raise AssertionError(f"nbgrader {args[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def test_release_has_stubs_and_no_hidden_tests(self):
        sources = {c.metadata.nbgrader.grade_id: c.source for c in self.read("release", "ps1").cells}
        self.assertEqual(sources["mean"], MEAN_RELEASED)
        self.assertEqual(sources["median"], '// YOUR CODE HERE\nthrow new Error("No answer given yet.");')
        self.assertEqual(sources["test-mean"], "assert.equal(mean([1, 2, 3]), 2);")

    def test_grades(self):
        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}", "ts101") as book:
            for student, expected in GRADES.items():
                with self.subTest(student=student):
                    grades = book.find_submission_notebook("means", "ps1", student).grades
                    self.assertEqual({grade.name: grade.score for grade in grades}, expected)
                    self.assertFalse(any(grade.needs_manual_grade for grade in grades))

    def test_feedback_shows_points_and_errors(self):
        for student, total, shown in (
            ("solved", 9, ""),
            ("unsolved", 0, "No answer given yet."),
            ("wrong", 5, "AssertionError"),
            ("endless", 2, "CellTimeoutError"),
        ):
            with self.subTest(student=student):
                html = (self.folder / "feedback" / student / "ps1" / "means.html").read_text()
                self.assertRegex(html, rf"Score: {total}\.0 / 9\.0")
                page = html.rsplit("<body", 1)[1]
                self.assertIn(shown, page)
                self.assertEqual("Error" in page, student != "solved")

    def test_validate_tells_a_student_what_fails(self):
        self.assertIn("Success", self.nbgrader("validate", str(self.path("source", "ps1"))))
        told = self.nbgrader("validate", str(self.path("submitted", "unsolved", "ps1")))
        self.assertIn("FAILED ON 3 CELL(S)", told)
        self.assertIn("No answer given yet.", told)

    def test_own_stubs_and_those_of_other_languages_are_kept(self):
        import lclab_nbgrader
        from traitlets.config import Config

        config = Config()
        config.ClearSolutions.code_stub = {"typescript": "// mine", "rust": "todo!()"}
        lclab_nbgrader.configure(config)
        stubs = config.ClearSolutions.code_stub
        self.assertEqual((stubs["typescript"], stubs["rust"]), ("// mine", "todo!()"))
        self.assertIn("raise NotImplementedError", stubs["python"])
        config.ClearSolutions.code_stub = "# mine"
        with self.assertRaisesRegex(TypeError, "must be a dictionary"):
            lclab_nbgrader.configure(config)
