"""The long experiments: what is recorded is what their code gives."""

import ast
import hashlib
import json

import numpy as np
import pytest

from tools import execute, record
from utils import records

FOUND = record.found()
# Those recorded within so many seconds are run again by every `make test`, the
# others weekly: their code cannot change without a new record.
QUICK = 20


@pytest.fixture
def doubled(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "FOLDER", tmp_path / "records")

    @records.experiment(seeds=3)
    def doubled(seeds):
        """Return twice the seed."""
        return {
            "twice": np.multiply(2, seeds),
            "": [[np.inf, s] for s in seeds],
        }

    # Anything of utils that is quick to digest.
    doubled.__module__ = "utils.arguments"
    return doubled


def test_a_record_is_read_as_it_was_run(doubled):
    assert not doubled.is_current()
    doubled.run()
    read = doubled.record()
    assert doubled.is_current()
    assert read["twice"].tolist() == [0, 2, 4]
    assert read[""].tolist() == [[np.inf, seed] for seed in range(3)]
    assert read.seeds == (0, 1, 2)
    assert read.made_with["numpy"] == np.__version__
    assert ", cores: " in read.made_with["machine"]


def test_a_column_is_chosen_by_its_mean():
    values = np.array([[1.0, 8.0, 4.0], [2.0, 0.0, 5.0]])
    found = {"epochs": values, "one": values[:, 0], "deep": values[..., None]}
    record = records.Record(found, (0, 1), "", {}, 0)
    assert record.at_best("epochs").tolist() == [4, 5]
    assert record.at_fastest("epochs").tolist() == [1, 2]
    assert record.at_best("one").tolist() == [1, 2]
    with pytest.raises(
        ValueError, match=r'\(2, 3, 1\); take record\["deep"\]'
    ):
        record.at_best("deep")


def test_numbers_are_kept_with_six_digits(doubled):
    doubled.function = lambda seeds: {"third": [s + 1 / 3 for s in seeds]}
    doubled.run()
    assert doubled.record()["third"].tolist() == [0.333333, 1.33333, 2.33333]


def test_a_record_of_other_code_or_other_seeds_is_not_current(doubled):
    doubled.run()
    stored = doubled.path.read_text()
    doubled.path.write_text(stored.replace(doubled.record().code, "0" * 16))
    assert not doubled.is_current()
    doubled.path.write_text(stored)
    assert doubled.is_current()
    doubled.seeds = (0, 1)
    assert not doubled.is_current()


def test_a_record_is_a_small_file_of_json(doubled):
    doubled.run()
    text = doubled.path.read_text()
    assert sorted(json.loads(text)) == [
        "code",
        "made_with",
        "seconds",
        "seeds",
        "values",
    ]
    assert len(text.splitlines()) == 8


def test_what_is_missing_or_misshapen_is_said(doubled):
    with pytest.raises(FileNotFoundError, match="tools.record arguments.dou"):
        doubled.record()
    doubled.run()
    with pytest.raises(ValueError, match="one of twice, , got 'thrice'"):
        doubled.record()["thrice"]
    doubled.function = lambda seeds: {"all": [1.0]}
    with pytest.raises(ValueError, match="must return 2 values"):
        doubled([0, 1])
    with pytest.raises(ValueError, match="seeds must be whole"):
        doubled(["a"])


CODE = '''"""What it is."""
from . import arguments


def half(x):
    """Halve."""
    # By two.
    if x:
        x = x / 2
        x += 0
    return x
'''


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("Halve", "Divide", True),
        ("What it is", "Something", True),
        ("# By two", "# In two", True),
        ("x / 2", "x /  2", True),
        ("        x += 0", "    x += 0", False),
        ("x / 2", "x / 3", False),
        ("arguments", "kernel", False),
    ],
)
def test_code_counts_and_what_explains_it_does_not(old, new, same):
    other = CODE.replace(old, new)
    assert other != CODE
    assert (records._bare(CODE) == records._bare(other)) is same


def test_the_digest_covers_what_is_imported(monkeypatch):
    sources = {}
    monkeypatch.setattr(
        records, "_bare", lambda source: sources.setdefault(source, source)
    )
    records.code_of("utils.networks")
    starts = {source.splitlines()[0] for source in sources if source}
    for part in "Training: one loop", "Checks of arguments", "Small data sets":
        assert any(part in start for start in starts), part
    assert not any("What takes how long" in start for start in starts)


def test_a_plain_import_is_followed_too():
    tree = ast.parse("import numpy, utils.data as d\nfrom utils import svg")
    found = set(records._imported("utils.networks", tree))
    assert found == {"utils.data", "utils", "utils.svg"}


def test_what_stores_numbers_does_not_count():
    nothing = hashlib.sha256().hexdigest()[:16]
    assert records.code_of("utils.records") == nothing


def test_every_record_belongs_to_an_experiment():
    stored = {path.stem for path in records.FOLDER.glob("*.json")}
    assert stored == {*FOUND, execute.LEDGER_COPY.stem}


@pytest.mark.parametrize("name", FOUND)
def test_a_record_is_not_older_than_its_code(name):
    assert FOUND[name].is_current(), f"run `python -m tools.record {name}`"


@pytest.mark.parametrize("name", FOUND)
def test_a_record_has_a_value_for_each_seed(name):
    stored = FOUND[name].record()
    lengths = {key: len(value) for key, value in stored.values.items()}
    assert lengths == dict.fromkeys(lengths, len(stored.seeds))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=()
            if experiment.record().seconds <= QUICK
            else pytest.mark.weekly,
        )
        for name, experiment in FOUND.items()
    ],
)
def test_a_seed_run_anew_gives_what_is_recorded(name):
    experiment = FOUND[name]
    # The last, since the first is 0 also for code that counts seeds instead.
    stored, seed = experiment.record(), experiment.seeds[-1]
    found = experiment([seed])
    assert sorted(found) == sorted(stored.values)
    for key, value in found.items():
        np.testing.assert_allclose(
            value[0],
            stored[key][-1],
            rtol=1e-4,
            atol=experiment.tolerance,
            err_msg=key,
        )


def test_the_command_names_what_there_is():
    with pytest.raises(SystemExit, match="There is no experiment nonsense"):
        record.main(["nonsense"])
