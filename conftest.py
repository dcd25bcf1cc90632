"""How nbval names and compares the cells of a notebook."""

from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile


def pytest_addoption(parser):
    """Add the option to compare with the run that the built book shows."""
    parser.addoption(
        "--recorded",
        type=Path,
        metavar="FOLDER",
        help="for nbval: the outputs of the book's last build, in place of a "
        "kernel; its folder, such as _build/recorded",
    )


class Cell(IPyNbCell):
    """Name each item by its cell's id."""

    def runtest(self):
        """Compare the cell; say first which it is, for a record's sake."""
        self.parent.kernel.at = self.cell.id
        super().runtest()


def pytest_collectstart(collector):
    """Name each item by its cell's id; compare only what is stored."""
    if not isinstance(collector, IPyNbFile):
        return
    # `make execute` stores a table's text and not its HTML, so the HTML of a
    # fresh run has nothing to be compared with. So it is with figures as SVG.
    collector.skip_compare += (
        "image/svg+xml",
        "text/html",
        "text/latex",
        "text/markdown",
    )
    collect = collector.collect

    def by_id():
        for item in collect():
            yield Cell.from_parent(
                collector,
                name=item.cell.id,
                cell_num=item.cell_num,
                cell=item.cell,
                options=item.options,
            )

    collector.collect = by_id
    if collector.config.option.recorded:
        collector.setup = lambda: take_record(collector)


def take_record(collector):
    """Give nbval the record in place of a kernel."""
    # Only here: it wants what pytest puts on the path after this file.
    from tools.recorded import Recorded, RecordError, load

    option, path = collector.config.option, collector.path
    place = path.relative_to(collector.config.rootpath)
    record = option.recorded / place.with_suffix(".json")
    kernel = option.nbval_kernel_name or "python3"
    try:
        collector.kernel = Recorded(load(path, record, kernel))
    except RecordError as error:
        pytest.fail(str(error))
    collector.setup_sanitize_files()
