"""Pages check answers as the checkers do: same tables, same hints."""

import importlib
import json
import re

import answers_here
import numpy as np
import pytest

from tools import notebooks
from utils.checks import questions
from utils.checks.answers import choice, close, equals, listening, number
from utils.checks.feedback import Hint, checker

SOLUTIONS = notebooks.solutions()
# The cells for answers that a page can check, and how many there are.
ASKED = {
    "01_definition": {"neuron-answer": 4, "rescale-prediction": 2},
    "02_nonlinearity": {
        "collapse-answer": 5,
        "zero-prediction": 4,
        "fold-prediction": 2,
    },
    "03_sigmoid_tanh": {"wrong-answer": 3, "area-prediction": 1},
    "04_vanishing_gradients": {
        "leaky-answer": 6,
        "double-prediction": 3,
        "square-answer": 3,
    },
    "05_exploding_gradients": {
        "valley-answer": 3,
        "total-prediction": 3,
        "patients-answer": 6,
    },
    "06_sparsity": {"ninety-answer": 3, "pooled-prediction": 3},
    "07_dying_relu": {"narrow-answer": 3, "back-prediction": 5},
    "08_variants": {
        "alive-answer": 4,
        "mirror-answer": 5,
        "dropout-prediction": 2,
    },
    "10_in_practice": {"five-prediction": 2, "budget-answer": 5},
    "11_in_the_wild": {"enough-answer": 5, "norm-prediction": 4},
}

each_solution = pytest.mark.parametrize(
    "path", SOLUTIONS, ids=lambda path: path.stem
)


def asked(path):
    return answers_here.asked(json.loads(path.read_text(encoding="utf-8")))


@each_solution
def test_these_answers_can_be_given_in_the_page(path):
    found = asked(path)
    assert ASKED[path.stem] == {
        place: len(table["questions"]) for place, table in found.items()
    }
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def given(path):
    """Yield each table, its checker, and the right answers by name."""
    nb = json.loads(path.read_text(encoding="utf-8"))
    checks = importlib.import_module(f"utils.checks.{path.stem[3:]}")
    cells = [cell for cell in nb["cells"] if cell["cell_type"] == "code"]
    tables = asked(path)
    for answer, check in zip(cells, cells[1:]):
        if table := tables.get(answer["id"]):
            values = answers_here.values("".join(answer["source"]))
            code = "".join(check["source"])
            name, names = re.search(r"check\.(\w+)\(([^)]*)\)", code).groups()
            right = {part: values[part] for part in re.findall(r"\w+", names)}
            yield table, getattr(checks, name), right


@each_solution
def test_checker_says_the_same_of_every_wrong_answer(path):
    count = 0
    for table, check, right in given(path):
        assert check(*right.values()).message == table["praise"]
        for question in table["questions"]:
            wrong = (
                question["hints"].items()
                if "options" in question
                else [
                    (np.array(way, float), hint)
                    for hint, way in question["hints"]
                ]
            )
            for way, hint in wrong:
                answers = right | {question["name"]: way}
                said = check(*answers.values())
                assert not said and f"`{question['name']}`" in said.message
                assert said.message.endswith(f"Hint: {hint}"), way
                count += 1
    assert count == sum(
        len(question["hints"])
        for table in asked(path).values()
        for question in table["questions"]
    )


# --- what is no table ---


@checker
def mixed(exact, loose, computed, twice, word):
    more, less = Hint("more", "more."), Hint("less", "less.")
    root, no = Hint("root", "that is the root."), Hint("no", "no.")
    equals(exact, "exact", 2, {root: 2**0.5}, more, "a 2")
    equals(loose, "loose", [1, np.inf], {no: [0, 0]}, less, "w", atol=0.5)
    got = number(computed, "computed", "a number")
    equals(got, "computed", 1, {}, more if got < 1 else less, "a number")
    for _ in range(2):
        equals(twice, "twice", 1, {}, more, "w")
    if choice(word, "word", ("yes", "no")) != "yes":
        equals(0, "word", 1, {}, Hint("again", "think again."), "the other")
    return "all."


RIGHT = {
    "exact": 2.0,
    "loose": [1.4, np.inf],
    "computed": 1.0,
    "twice": 1.0,
    "word": "yes",
}


def test_numbers_words_and_tolerances_are_told():
    found = questions.questions(mixed, RIGHT)
    assert found["praise"] == "Right: all."
    # Their hints depend on the answer, or they are looked at twice.
    assert found["others"] == ["computed", "twice"]
    assert found["questions"] == [
        {
            "name": "exact",
            "what": "a 2",
            "truth": 2.0,
            "hints": [["that is the root.", 2**0.5]],
            "hint": "more.",
            "unordered": False,
            "rtol": questions.RTOL,
            "atol": questions.ATOL,
        },
        {
            "name": "loose",
            "what": "w",
            "truth": [1.0, "Infinity"],
            "hints": [["no.", [0.0, 0.0]]],
            "hint": "less.",
            "unordered": False,
            "rtol": questions.RTOL,
            "atol": 0.5,
        },
        {
            "name": "word",
            "options": ["no", "yes"],
            "hints": {"no": "think again."},
        },
    ]


def test_wrong_answers_make_no_table():
    with pytest.raises(ValueError, match="wants|needs the right answers"):
        questions.questions(mixed, RIGHT | {"exact": 3.0})


def test_nobody_listens_afterwards():
    with listening() as heard:
        mixed(*RIGHT.values())
    before = len(heard)
    mixed(*RIGHT.values())
    assert before == len(heard) > 4


def test_tolerances_are_those_of_close():
    for size in (0.0, 1.0):
        at = questions.ATOL + questions.RTOL * size
        assert close(size + 0.9 * at, size)
        assert not close(size + 1.1 * at, size)


def test_solution_that_needs_more_than_numbers_is_left_out():
    assert answers_here.values("import torch\na = 1") == {}
    assert answers_here.values("a = nowhere") == {}
    assert answers_here.values("a = ...\na = 1 / 2")["a"] == 0.5
