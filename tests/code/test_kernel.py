"""Whether a person or a program runs a cell, in a real kernel."""

import nbformat
from nbclient import NotebookClient

from utils import kernel

CELL = "from utils import kernel\nprint(kernel.person_watches())"


def test_only_a_person_in_a_notebook_watches():
    cells = [nbformat.v4.new_code_cell(CELL) for _ in range(2)]
    client = NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=60)
    with client.setup_kernel():
        client.execute_cell(cells[0], 0)
        # As JupyterLab does.
        client.kc.allow_stdin = True
        client.execute_cell(cells[1], 1)
    assert [cell.outputs[0].text for cell in cells] == ["False\n", "True\n"]
    assert kernel.person_watches() is False
