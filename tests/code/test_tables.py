"""Tables as text and as HTML."""

from xml.etree import ElementTree

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient

from utils.tables import Table


def page_of(table):
    return ElementTree.fromstring(table._repr_html_()).find("table")


def words(node):
    return " ".join("".join(node.itertext()).split())


def test_text_is_aligned_and_ends_without_spaces():
    table = Table(
        ["", "accuracy", "rate", "s.e.", ""],
        [
            ("sigmoid", "97.1 ± 0.6", 4.0, None, "*"),
            "three layers",
            ("tanh", "9.1 ± 13.6", np.float64(0.5), torch.tensor(1.234), ""),
            ("relu", "below 30 %", 10, -1.2345, ""),
        ],
        ["", "", "g", "+.2f", "<"],
    )
    assert (
        str(table)
        == repr(table)
        == (
            "            accuracy  rate   s.e.\n"
            "sigmoid  97.1 ±  0.6     4         *\n"
            "three layers\n"
            "  tanh    9.1 ± 13.6   0.5  +1.23\n"
            "  relu    below 30 %    10  -1.23"
        )
    )


def test_pictures_have_a_column_in_the_page_alone():
    rows = [("relu", 0.5), "others", ("tanh", 1.0)]
    plain = Table(["function", "slope"], rows)
    drawn = Table(["function", "slope"], rows, pictures=["<b>1</b>", "<i/>"])
    assert repr(drawn) == repr(plain)
    lines = [[cell.tag for cell in row] for row in page_of(drawn).iter("tr")]
    row = ["th", "td", "td"]
    assert lines == [["th", "th", "th"], row, ["th"], row]
    assert page_of(drawn).find(".//tbody/tr/td/b").text == "1"
    (heading,) = page_of(drawn).findall(".//th[@scope='rowgroup']")
    assert heading.get("colspan") == "3"
    with pytest.raises(ValueError, match="each of the 2 rows, got 1"):
        Table(["function", "slope"], rows, pictures=["<b/>"])


def test_columns_are_aligned_as_their_forms_say():
    table = Table(
        ["rate", "used in", "n"],
        [(0.25, "cells", 3), (10, "ResNet", 12)],
        [">g", "<", "<"],
    )
    assert repr(table) == (
        "rate  used in  n\n0.25  cells    3\n  10  ResNet   12"
    )


def test_without_forms_numbers_are_as_python_prints_them():
    assert repr(Table(["a", "b"], [(1, 0.5), (True, np.int64(20))])) == (
        "a       b\n1     0.5\nTrue   20"
    )


def test_a_heading_longer_than_a_column_moves_nothing():
    short, long = (
        repr(Table(["a", "b"], [heading, (1, 2)])).splitlines()
        for heading in ("x", 30 * "x")
    )
    assert short[0] == long[0] and short[2] == long[2] == "  1  2"


def test_caption_stands_above_the_text():
    assert repr(Table(["a"], [[1]], caption="Rates")) == "Rates\na\n1"


def test_a_folded_table_shows_its_caption_and_reads_the_same_as_text():
    flat, folded = (
        Table(["a"], [[1]], caption="a < b", folded=folded)
        for folded in (False, True)
    )
    assert repr(folded) == repr(flat)
    html = folded._repr_html_()
    assert html.startswith("<details>\n<summary>a &lt; b</summary>\n<div")
    assert html.endswith("</div>\n</details>")
    # What opens the table is not said again in it.
    assert "<caption>" not in html and "<caption>" in flat._repr_html_()


def test_a_table_without_a_caption_cannot_be_folded():
    with pytest.raises(ValueError, match="folded needs a caption"):
        Table(["a"], [[1]], folded=True)


def test_page_names_rows_columns_and_groups():
    page = page_of(
        Table(
            ["", "gap", "s.e."],
            [("a", 1, 2), "spirals", ("b", 3, None)],
            ["", "+.1f", ".1f"],
            caption="Gaps",
        )
    )
    assert page.find("caption").text == "Gaps"
    corner, *titles = page.find("thead/tr")
    # A title without words would be read out as one.
    assert corner.tag == "td"
    assert [(t.tag, t.get("scope"), t.text) for t in titles] == [
        ("th", "col", "gap"),
        ("th", "col", "s.e."),
    ]
    first, second = page.findall("tbody")
    assert [(c.tag, c.get("scope"), c.text) for c in first[0]] == [
        ("th", "row", "a"),
        ("td", None, "+1.0"),
        ("td", None, "2.0"),
    ]
    (heading,) = second[0]
    assert heading.attrib["scope"] == "rowgroup"
    assert heading.attrib["colspan"] == "3" and heading.text == "spirals"
    assert [words(cell) for cell in second[1]] == ["b", "+3.0", ""]


def test_page_aligns_as_the_text_does():
    page = page_of(Table(["a", "b", "c"], [(1, 2, 3)], ["", "", "<"]))
    for row in page.iter("tr"):
        assert [cell.get("style").split(";")[0] for cell in row] == [
            "text-align: left",
            "text-align: right",
            "text-align: left",
        ]


def test_page_breaks_no_number():
    page = page_of(Table(["a", "b"], [("tanh", 5e-10)]))
    title, number = page.find("tbody/tr")
    assert "nowrap" in number.get("style") and number.text == "5e-10"
    assert "nowrap" not in title.get("style")


def test_page_keeps_what_aligns_spreads():
    page = page_of(Table(["a", "b"], [(1, "9 ± 1"), (2, "9 ± 100")]))
    short, long = (row[1].text for row in page.findall("tbody/tr"))
    assert len(short) == len(long)
    assert " " not in short and words(page.find("tbody/tr")[1]) == "9 ± 1"


def test_page_escapes_what_the_author_wrote():
    html = Table(["<i>"], [["a & b"], "<script>"], caption='"<b>"')
    page = page_of(html)
    assert words(page.find("thead")) == "<i>"
    assert [words(body) for body in page.findall("tbody")] == [
        "a & b",
        "<script>",
    ]


def test_page_lets_a_wide_table_scroll():
    # The book's script gives this container to the keyboard.
    outside = ElementTree.fromstring(Table(["a"], [[1]])._repr_html_())
    assert outside.get("class") == "pst-scrollable-table-container"


def test_rows_may_come_one_by_one():
    table = Table(["n", "square"], ((n, n * n) for n in range(3)))
    assert (
        repr(table)
        == repr(table)
        == "n  square\n0       0\n1       1\n2       4"
    )
    assert table._repr_html_() == table._repr_html_()


def test_a_last_expression_and_print_show_the_same_text():
    cells = [
        nbformat.v4.new_code_cell(f"from utils.tables import Table\n{last}")
        for last in ("Table(['a'], [[1]])", "print(Table(['a'], [[1]]))")
    ]
    book = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(book, timeout=60).execute()
    shown, printed = (cell.outputs[0] for cell in cells)
    assert shown.data["text/plain"] + "\n" == printed.text == "a\n1\n"
    assert "<table" in shown.data["text/html"]


@pytest.mark.parametrize(
    ("rows", "forms", "message"),
    [
        ([(1, 2), (1, 2, 3)], None, r"a row must have 2 columns, .*\['a', 'b"),
        ([(1,)], None, r"got 1: \[1\]"),
        ([(1, 2)], [".1f"], "forms must have 2 columns"),
    ],
)
def test_rows_and_forms_that_do_not_fit_are_named(rows, forms, message):
    with pytest.raises(ValueError, match=message):
        Table(["a", "b"], rows, forms)


def test_a_minus_is_a_minus_in_the_page_and_a_hyphen_stays_one():
    table = Table(["x", "y"], [("always-on", -0.25), ("f(2)-1", "1e-07")])
    page = table._repr_html_()
    assert "−0.25" in page and "-0.25" in repr(table)
    assert "always-on" in page and "1e-07" in page and "f(2)-1" in page


def test_a_cell_that_is_neither_number_nor_text_is_shown():
    with pytest.raises(ValueError, match=r"got \[1, 2\] and '.1f'"):
        Table(["a", "b"], [("x", [1, 2])], ["", ".1f"])
