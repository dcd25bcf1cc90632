"""How nbval names and compares the cells of a notebook."""


def pytest_collectstart(collector):
    """Name each item by its cell's id; compare only what is stored."""
    if type(collector).__name__ != "IPyNbFile":
        return
    # `make execute` stores a table's text and not its HTML, so the HTML of a
    # fresh run has nothing to be compared with.
    collector.skip_compare += ("text/html", "text/latex", "text/markdown")
    collect = collector.collect

    def by_id():
        for item in collect():
            yield type(item).from_parent(
                collector,
                name=item.cell.id,
                cell_num=item.cell_num,
                cell=item.cell,
                options=item.options,
            )

    collector.collect = by_id
