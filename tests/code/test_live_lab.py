"""The live lab on Markdown pages, in a tiny book."""

import json

import pytest
from bs4 import BeautifulSoup
from sphinx.cmd.build import main

from utils import lab

CONF = """
extensions = ["myst_nb", "live_lab"]
html_theme = "basic"
exclude_patterns = ["out"]
"""
TWO = """\
# Two labs

```{lab}
:widths: (4, 4)
:steps: 2
:views: map, loss
:controls:
```

```{lab} hinges
:name: lab-two
:steps: 3
:batch_norm: True
:bias_init: default
:presets: all
```

```{toctree}
none
```
"""


def build(folder, index):
    """Build a tiny book into `out`; return what Sphinx returns."""
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text(index)
    (folder / "none.md").write_text("# No lab\n\nNone at all.")
    command = ["-W", "-q", "-b", "html", folder, folder / "out"]
    return main(list(map(str, command)))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    assert build(folder, TWO) == 0
    return folder / "out"


def test_options_of_the_directive_are_the_arguments_of_a_lab(site):
    page = BeautifulSoup((site / "index.html").read_text(), "html.parser")
    first, second = (
        json.loads(div["data-lab"]) for div in page.select(".relu-lab")
    )
    wanted = lab.Lab(widths=(4, 4), steps=2)
    assert first == {
        "name": "lab",
        "settings": wanted.settings,
        "presets": [],
        "views": ["map", "loss"],
        "controls": [],
    }
    changed = {"steps": 3, "batch_norm": True, "bias_init": "default"}
    wanted = lab.Lab(**lab.PRESETS["hinges"].settings | changed)
    assert second["name"] == "lab-two"
    assert second["settings"] == wanted.settings
    assert [p["key"] for p in second["presets"]] == list(lab.PRESETS)
    assert tuple(second["views"]) == lab.VIEWS
    assert tuple(second["controls"]) == lab.CONTROLS


def test_module_stands_once_on_a_page_with_labs_and_on_no_other(site):
    text = (site / "index.html").read_text()
    assert text.count(lab.SCRIPT) == 1
    # Where it stands, what is below is not yet there.
    assert text.index(lab.SCRIPT) < text.index(lab.AGAIN)
    assert text.count(lab.AGAIN) == text.count('class="relu-lab"') - 1
    assert "relu-lab" not in (site / "none.html").read_text()


def test_digits_lie_beside_the_pages(site):
    text = (site / "_static" / "lab-digits.js").read_text()
    assert text == f'globalThis.reluDigits = "{lab.digits_text()}";\n'


@pytest.mark.parametrize(
    ("directive", "message"),
    [
        ("```{lab} hursh\n```", '"hursh" unknown; choose from "spirals"'),
        ("```{lab}\n:widths: 1\n```", "widths must be whole, at least 2"),
        ("```{lab}\n:views: mep\n```", "views must be one of answer, loss"),
        ("```{lab}\n:rate: 1\n```", "'rate'"),
    ],
)
def test_what_does_not_fit_stops_the_build(
    tmp_path, capsys, directive, message
):
    index = f"# A lab\n\n{directive}\n\n```{{toctree}}\nnone\n```\n"
    assert build(tmp_path, index) != 0
    assert message in capsys.readouterr().err
