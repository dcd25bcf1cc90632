"""What chapters import is documented as numpydoc wants it."""

import inspect
import pkgutil
from importlib import import_module

import pytest
from numpydoc.validate import validate

import utils

# Parameters that lack, are unknown or out of order; no type, no description;
# what is returned; the order of the sections; capitals of the summary.
WANTED = {
    *("PR01", "PR02", "PR03", "PR04", "PR07"),
    *("RT01", "RT03", "GL06", "GL07", "GL08", "SS01", "SS02", "SS06"),
}
# What only modules of utils use is documented in a line.
INNER = {"arguments", "checks", "grading"}
# Records describe their attributes instead, modules what torch passes on.
OF_FUNCTIONS = {"PR01", "PR02"}


def public():
    """Return the dotted names of what the modules define for chapters."""
    names = set()
    for module in pkgutil.iter_modules(utils.__path__, "utils."):
        if module.name.removeprefix("utils.") in INNER:
            continue
        for name, found in vars(import_module(module.name)).items():
            home = getattr(found, "__module__", None) or ""
            if (
                home.startswith(module.name)
                and callable(found)
                and not name.startswith("_")
            ):
                names.add(f"{module.name}.{name}")
    return sorted(names)


def faults(name):
    """Return what numpydoc has against the docstring of an object."""
    report = validate(name)
    wanted = WANTED - (OF_FUNCTIONS if report["type"] == "type" else set())
    return [
        f"{code} {text}" for code, text in report["errors"] if code in wanted
    ]


@pytest.mark.parametrize("name", public())
def test_docstring_says_what_goes_in_and_what_comes_out(name):
    assert faults(name) == []


def test_all_activations_are_among_the_public_names():
    names = set(public())
    for name in ("relu", "gelu", "softplus"):
        assert f"utils.activations.{name}" in names
    for name in ("networks.train", "health.report", "explorer.Explorer"):
        assert f"utils.{name}" in names


@pytest.mark.parametrize("lost", ["x : array_like", "Returns\n-------"])
def test_a_docstring_that_lacks_a_part_is_caught(monkeypatch, lost):
    relu = utils.activations.relu
    assert lost in inspect.getdoc(relu)
    monkeypatch.setattr(relu, "__doc__", relu.__doc__.replace(lost, ""))
    assert faults("utils.activations.relu")
