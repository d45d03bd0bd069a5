"""nbgrader for assignments in TypeScript: two lines in the course's nbgrader_config.py.

    import lclab_nbgrader
    lclab_nbgrader.configure(c)
"""

# A throw is of every type, so the stub passes the type checks wherever a solution was.
STUB = '// YOUR CODE HERE\nthrow new Error("No answer given yet.");'


def configure(config):
    """Adds to `config` what nbgrader must know of TypeScript: what stands in the place of a solution.

    nbgrader takes its settings for other languages from the same dictionary; they are kept, as is an own stub for TypeScript.
    Raises TypeError if the dictionary was set to something else.
    """
    from nbgrader.preprocessors import ClearSolutions

    given = config.ClearSolutions.code_stub if "code_stub" in config.ClearSolutions else {}
    if not isinstance(given, dict):
        raise TypeError(
            "lclab_nbgrader: c.ClearSolutions.code_stub must be a dictionary from languages to stubs, got "
            f"{given!r}. Write c.ClearSolutions.code_stub = {{'python': …}} before lclab_nbgrader.configure(c)."
        )
    config.ClearSolutions.code_stub = {**ClearSolutions().code_stub, "typescript": STUB, **given}
