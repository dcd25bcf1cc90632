"""What students are handed: the exercise, made from its solution.

The source is the notebook in chapters/solutions, as nbgrader wants it.
"""

import copy

from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)
from traitlets.config import Config

CONFIG = Config(
    {
        "ClearSolutions": {
            "code_stub": {"python": "# Your code here."},
            "text_stub": "*Your answer here.*",
        },
    }
)
HAND_OUT = (
    LockCells,
    ClearSolutions,
    ClearOutput,
    CheckCellMetadata,
    ClearHiddenTests,
    ComputeChecksums,
)


def exercise(solution):
    """Return the notebook that students get: `solution` without solutions.

    nbgrader's own preprocessors remove solutions, hidden tests and outputs.
    What hides the solutions on their page goes too, and the title changes.
    """
    nb, resources = copy.deepcopy(solution), {}
    for preprocessor in HAND_OUT:
        nb, resources = preprocessor(config=CONFIG).preprocess(nb, resources)
    title = nb.cells[0]
    title.source = title.source.replace("# Solutions", "# Exercises", 1)
    for cell in nb.cells:
        cell.metadata.pop("tags", None)
        cell.metadata.pop("mystnb", None)
    return nb
