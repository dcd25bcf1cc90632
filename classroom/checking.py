"""What a check cell asks, and whether an answer is plain data.

Numbers, texts and arrays are checked here, in the grader's own process, with
the checker that was there before any submission ran. Functions and modules
have to be checked where they were made, in the student's kernel.
"""

import ast
import io
import pickle
from dataclasses import dataclass

from nbgrader.utils import is_grade, is_solution

HIDDEN = "### BEGIN HIDDEN TESTS"
PLAIN = {
    ("builtins", name)
    for name in "Ellipsis complex set frozenset range slice bytearray".split()
} | {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"),
    ("collections", "OrderedDict"),
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
}


@dataclass(frozen=True)
class Check:
    """A check cell, such as ``feedback = check.relu(relu)``.

    Attributes
    ----------
    target : str
        The variable that takes the feedback.
    checker : str
    arguments : tuple of str
        The expressions that the checker is called with.
    attempt : bool
        Whether an answer earns the points by being there: a prediction.
    """

    target: str
    checker: str
    arguments: tuple
    attempt: bool

    def earned(self, state):
        """Return whether feedback in this state earns the points."""
        return state == "right" or (self.attempt and state == "not yet")


def checks(solution):
    """Return grade_id -> Check of each check cell of a solution."""
    return {
        cell.metadata.nbgrader.grade_id: _check(cell)
        for cell in solution.cells
        if is_grade(cell) and not is_solution(cell)
    }


def _check(cell):
    shown, _, hidden = cell.source.partition(HIDDEN)
    for step in ast.parse(shown).body:
        if (
            isinstance(step, ast.Assign)
            and isinstance(step.value, ast.Call)
            and ast.unparse(step.value.func).startswith("check.")
        ):
            target = ast.unparse(step.targets[0])
            return Check(
                target,
                step.value.func.attr,
                tuple(map(ast.unparse, step.value.args)),
                f"assert {target}.attempted" in hidden,
            )
    raise ValueError(
        f"{cell.id}: a check cell must call a checker, such as "
        f"`feedback = check.relu(relu)`, got {shown!r}"
    )


class NotPlain(Exception):
    """An answer that is more than numbers, texts and arrays of them."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in PLAIN:
            raise NotPlain(f"{module}.{name}")
        return super().find_class(module, name)


def load(data):
    """Return what `data`, a pickle from a student's kernel, holds.

    Raises
    ------
    NotPlain
        If it is more than plain data, or not whole.
    """
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except NotPlain:
        raise
    except Exception as error:
        raise NotPlain(type(error).__name__) from None


def feedback(check, checkers, told):
    """Return the state and the message of an answer, and where it was checked.

    Parameters
    ----------
    check : Check
    checkers : module
        The module of `utils.checks` that the exercise imports.
    told : dict
        What classroom/guard.py wrote in the student's kernel.

    Returns
    -------
    state, message : str
    plain : bool
        Whether it was checked here.
    """
    try:
        answers = load(told["answers"] or b"")
    except NotPlain:
        return str(told["state"]), str(told["message"]), False
    found = getattr(checkers, check.checker)(*answers)
    return found.state, found.message, True
