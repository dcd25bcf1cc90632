"""The faults that `make mutations` plants can still be planted."""

import re

import pytest

from tools import mutations
from tools.mutations import MUTATIONS
from tools.paths import ROOT

NAMES = [mutation.name for mutation in MUTATIONS]


def test_there_are_many_faults_with_names_of_their_own():
    assert len(set(NAMES)) == len(NAMES) >= 25


@pytest.mark.parametrize("mutation", MUTATIONS, ids=NAMES)
def test_fault_has_its_place_and_a_command(mutation):
    # tests/book looks for the places in the built book.
    for name in mutation.files:
        if not name.startswith("_build/"):
            text = (ROOT / name).read_text(encoding="utf-8")
            assert text.count(mutation.old) == 1, mutation.old
    assert mutation.new != mutation.old
    assert mutation.says
    for name in re.findall(r"[\w/]+\.(?:py|ipynb)\b", mutation.command):
        assert (ROOT / name).exists(), name


# --- the tool, on a tree of one file ---


@pytest.fixture
def verdict(tmp_path):
    """Return a function that plants a fault: 2 in place of 1."""
    path = tmp_path / "one.txt"
    path.write_text("1")

    def verdict(wanted, status, says="says it"):
        code = (
            "text = open('one.txt').read(); print('says ' + 'it'); "
            f"raise SystemExit({status} * (text != {wanted!r}))"
        )
        fault = mutations.Mutation(
            "a fault", "one.txt", "1", "2", f'-c "{code}"', says
        )
        result = mutations.verdict(
            fault,
            tmp_path,
            lambda command: mutations.run(command, tmp_path)[0],
        )
        assert path.read_text() == "1"
        return result

    return verdict


def test_fault_that_makes_the_command_fail_is_caught(verdict):
    assert verdict("1", 1) == "caught"


@pytest.mark.parametrize(
    ("wanted", "status", "says", "result"),
    [
        ("1", 0, "says it", "MISSED, exit 0"),
        ("1", 1, "something else", "MISSED, exit 1"),
        # pytest found no test at all.
        ("1", 5, "says it", "MISSED, exit 5"),
        ("2", 1, "says it", "NOT SOUND before"),
    ],
    ids=[
        "passes",
        "fails for another reason",
        "runs nothing",
        "failed before",
    ],
)
def test_fault_is_not_caught_by_a_command_that(
    verdict, wanted, status, says, result
):
    assert verdict(wanted, status, says) == result


@pytest.mark.parametrize("text", ["", "1 and 1"])
def test_fault_without_its_place_is_an_error(tmp_path, text):
    (tmp_path / "one.txt").write_text(text)
    fault = mutations.Mutation("a fault", "one.txt", "1", "2", "", "")
    with pytest.raises(SystemExit, match="one.txt must hold once"):
        mutations.plant(fault, tmp_path)
    assert (tmp_path / "one.txt").read_text() == text


def test_unknown_fault_is_an_error():
    with pytest.raises(SystemExit, match="unknown faults: no such"):
        mutations.find(["no such"])
