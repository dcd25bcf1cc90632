"""What checkers compare answers with, as tables for a page.

A page without Python can check numbers and words, with the same hints. Its
tables are written nowhere: `equals` and `choice` tell what they are asked while
a checker looks at the right answers, which the solutions have.
"""

import numpy as np

from utils.checks.answers import listening

RTOL, ATOL = 1e-6, 1e-9  # those of answers.close


def questions(check, answers):
    """Return the questions that a page can ask in the place of a checker.

    Parameters
    ----------
    check : function
        A checker.
    answers : dict
        Name of each of its arguments, in their order: the right answer.

    Returns
    -------
    dict
        ``"questions"``: for each answer that is compared with a number, a few
        numbers or words a dict, fit for JSON; ``"others"``: the names of the
        answers that a checker computes with, which are not among them; and
        ``"praise"``, what the checker says when all is right.

    Raises
    ------
    ValueError
        If the checker does not call the answers right.

    Examples
    --------
    >>> from utils.checks import sparsity
    >>> found = questions(
    ...     sparsity.pooled, {"twice": 1 / 2, "pooled": 1 / 16, "skipped": 0.25}
    ... )
    >>> [question["name"] for question in found["questions"]]
    ['twice', 'pooled', 'skipped']
    >>> found["questions"][0]["what"], found["questions"][0]["truth"]
    ('a share such as 0.6', 0.5)
    """
    with listening() as asked:
        feedback = check(*answers.values())
    if not feedback:
        raise ValueError(
            "questions needs the right answers, as a solution has them; "
            f"{check.__name__} says {feedback.message!r}"
        )
    found = {}
    for answer, table in asked:
        name = table["name"]
        if name in answers and answer is answers[name]:
            found.setdefault(name, []).append(table)
    tables = [
        _words(check, answers, *told)
        if "options" in told[0]
        else _numbers(*told)
        for told in found.values()
        # What is looked at twice is more than a comparison.
        if len(told) == 1 and np.ndim(told[0].get("truth", 0)) < 2
    ]
    named = {table["name"] for table in tables}
    return {
        "questions": tables,
        "others": [name for name in answers if name not in named],
        "praise": feedback.message,
    }


def _words(check, answers, told):
    """Return the table of a choice; the hints are what the checker says."""
    # The order that a checker has may give the right one away.
    name, options = told["name"], sorted(told["options"])
    hints = {}
    for option in options:
        said = check(*(answers | {name: option}).values())
        if not said:
            hints[option] = said.message.partition("Hint: ")[2]
    return {"name": name, "options": options, "hints": hints}


def _numbers(told):
    """Return the table of a number, or of several."""
    return {
        "name": told["name"],
        "what": told["what"],
        "truth": _plain(told["truth"]),
        "hints": [[hint, _plain(way)] for hint, way in told["hints"].items()],
        "hint": told["hint"],
        "unordered": told["unordered"],
        "rtol": told["tolerance"].get("rtol", RTOL),
        "atol": told["tolerance"].get("atol", ATOL),
    }


def _plain(value):
    """Return numbers as JSON can hold them; infinity is JavaScript's word."""
    value = np.asarray(value, dtype=float)
    if value.ndim:
        return [_plain(part) for part in value]
    if np.isfinite(value):
        return float(value)
    return "Infinity" if value > 0 else "-Infinity"
