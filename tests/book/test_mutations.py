"""The faults that `make mutations` plants have their places in the book."""

import pytest

from tools.mutations import MUTATIONS
from tools.paths import ROOT

PLACES = [
    pytest.param(name, mutation.old, id=mutation.name)
    for mutation in MUTATIONS
    for name in mutation.files
    if name.startswith("_build/")
]


@pytest.mark.parametrize(("name", "old"), PLACES)
def test_fault_has_its_place_in_the_built_book(site, name, old):
    assert (ROOT / name).read_text(encoding="utf-8").count(old) == 1
