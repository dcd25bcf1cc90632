"""Experiments that take minutes: run once, recorded, and read by chapters.

`experiment` marks a function as one; its numbers lie in `chapters/records`.
"""

import ast
import functools
import hashlib
import importlib.util
import io
import json
import platform
import time
import tokenize
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import arguments, timing

FOLDER = Path(__file__).parents[1] / "chapters" / "records"
PACKAGES = "numpy", "scipy", "scikit-learn", "torch", "mnist1d"


class Record(NamedTuple):
    """What an experiment found; `record["name"]` is an array of `values`.

    Parameters
    ----------
    values : dict of str to ndarray
        What the experiment returned, the seeds along the first axis, to six
        digits.
    seeds : tuple of int
        The S seeds.
    code : str
        The digest of the code that was run; see `code_of`.
    made_with : dict of str to str
        The versions of Python and of the packages, and the machine.
    seconds : float
        What it took there.
    """

    values: dict
    seeds: tuple
    code: str
    made_with: dict
    seconds: float

    def __getitem__(self, name):
        """Return the values of this name, (S, ...)."""
        return arguments.choice("name", name, self.values)

    def at_best(self, name):
        """Return what all seeds have at the rate with the highest mean.

        Parameters
        ----------
        name : str
            The name of values (S, R), such as accuracies at R learning rates,
            or (S,), at one.

        Returns
        -------
        ndarray
            Their column with the highest mean, (S,).

        Raises
        ------
        ValueError
            If there is no such name, or its values have more axes.
        """
        return self._column(name, np.argmax)

    def at_fastest(self, name):
        """Return what all seeds have at the rate with the lowest mean.

        Parameters
        ----------
        name : str
            The name of values (S, R), such as epochs to a goal at R learning
            rates, or (S,), at one.

        Returns
        -------
        ndarray
            Their column with the lowest mean, (S,).

        Raises
        ------
        ValueError
            If there is no such name, or its values have more axes.
        """
        return self._column(name, np.argmin)

    def _column(self, name, choose):
        values = self[name]
        if values.ndim > 2:
            raise ValueError(
                f"{name!r} must have a column for each rate, (S, R), got the "
                f'shape {values.shape}; take record["{name}"]'
            )
        columns = values.reshape(len(values), -1)
        return columns[:, choose(columns.mean(axis=0))]


class Experiment:
    """A function of seeds whose numbers are recorded.

    Call it with a few seeds to run it: ``experiment(range(2))``; `record`
    reads what all of its seeds gave.

    Parameters
    ----------
    function : callable
        Maps a tuple of seeds to arrays by name, each with the seeds along its
        first axis. What a seed gives does not depend on the others.
    seeds : int
        How many seeds the record has: 0, 1, and so on.
    tolerance : float
        How far a seed's numbers may lie from the record's when it is run
        again. Training at a harsh rate is chaotic: there another processor
        ends elsewhere.
    """

    def __init__(self, function, seeds, tolerance):
        functools.update_wrapper(self, function)
        self.function = function
        self.seeds = tuple(range(arguments.whole("seeds", seeds, 2)))
        self.tolerance = tolerance

    def __repr__(self):
        """Return the name, and how many seeds are recorded."""
        return f"Experiment({self.name}, {len(self.seeds)} seeds)"

    @property
    def name(self):
        """The module's name and the function's, such as "dying.silenced"."""
        return f"{self.__module__.rpartition('.')[2]}.{self.__name__}"

    @property
    def path(self):
        """Where the record lies."""
        return FOLDER / f"{self.name}.json"

    def __call__(self, seeds):
        """Run the experiment.

        Parameters
        ----------
        seeds : iterable of int
            Such as ``range(2)``.

        Returns
        -------
        dict of str to ndarray
            What it found, the seeds along each array's first axis.

        Raises
        ------
        ValueError
            If the function returns an array of another length.
        """
        seeds = arguments.several("seeds", seeds, arguments.whole)
        values = {
            name: np.asarray(value, dtype=float)
            for name, value in self.function(seeds).items()
        }
        for name, value in values.items():
            if value.shape[:1] != (len(seeds),):
                raise ValueError(
                    f"{self.name} must return {len(seeds)} values along the "
                    f"first axis, one for each seed; {name!r} has the shape "
                    f"{value.shape}"
                )
        return values

    def record(self):
        """Read what was recorded.

        Returns
        -------
        Record
            Its arrays by name, as in ``record["relu"]``.

        Raises
        ------
        FileNotFoundError
            If the experiment was not recorded yet.
        """
        if not self.path.exists():
            raise FileNotFoundError(
                f"{self.name} has no record yet; make it with "
                f"`python -m tools.record {self.name}`"
            )
        stored = json.loads(self.path.read_text())
        values = {n: np.array(v) for n, v in stored.pop("values").items()}
        seeds = tuple(stored.pop("seeds"))
        return Record(values, seeds, **stored)

    def is_current(self):
        """Return whether there is a record, of all seeds, by this code."""
        if not self.path.exists():
            return False
        record = self.record()
        return (record.code, record.seeds) == (
            code_of(self.__module__),
            self.seeds,
        )

    def run(self):
        """Run the experiment with all seeds, and store what it found."""
        start = time.perf_counter()
        values = self(self.seeds)
        made_with = {"python": platform.python_version()}
        made_with |= {name: metadata.version(name) for name in PACKAGES}
        made_with["machine"] = timing.machine()
        took = time.perf_counter() - start
        arrays = _lines(
            {name: _rounded(value).tolist() for name, value in values.items()}
        )
        stored = _lines(
            {
                "seeds": self.seeds,
                "code": code_of(self.__module__),
                "made_with": made_with,
                "seconds": round(took, 1),
            }
        )
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(
            f'{{{stored},\n"values": {{{arrays}}}}}\n', encoding="utf-8"
        )


def experiment(seeds, tolerance=1e-4):
    """Mark a function as an experiment that is recorded.

    Parameters
    ----------
    seeds, tolerance : int, float
        See `Experiment`.

    Returns
    -------
    callable
        The decorator, which makes an `Experiment` of the function.

    Examples
    --------
    >>> @experiment(seeds=60)
    ... def doubled(seeds):
    ...     return {"twice": [2 * seed for seed in seeds]}
    >>> doubled(range(3))["twice"]
    array([0., 2., 4.])
    """
    return lambda function: Experiment(function, seeds, tolerance)


def code_of(module):
    """Return a digest of a module's code and of all that it imports of utils.

    Docstrings, comments, blanks and line breaks do not count, nor does this
    module, which stores numbers and makes none.

    Parameters
    ----------
    module : str
        Its name, such as "utils.experiments.dying".

    Returns
    -------
    str
        Sixteen hexadecimal digits.

    Examples
    --------
    >>> len(code_of("utils.statistics"))
    16
    """
    sources, left = {}, [module]
    while left:
        name = left.pop()
        spec = importlib.util.find_spec(name)
        known = name in sources or name == __name__
        if not known and spec and name.startswith("utils"):
            sources[name] = Path(spec.origin).read_text()
            left += _imported(name, ast.parse(sources[name]))
    digest = hashlib.sha256()
    for _, source in sorted(sources.items()):
        digest.update(_bare(source).encode())
    return digest.hexdigest()[:16]


def _imported(name, tree):
    """Yield the names of the modules of utils that a module imports."""
    is_package = importlib.util.find_spec(name).submodule_search_locations
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("utils"):
                    yield alias.name
        if isinstance(node, ast.ImportFrom):
            origin = importlib.util.resolve_name(
                "." * node.level + (node.module or ""), package
            )
            if origin.startswith("utils"):
                yield origin
                for alias in node.names:
                    part = f"{origin}.{alias.name}"
                    if _is_module(part):
                        yield part


def _is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        # What stands before the last dot is a module, and no package.
        return False


def _bare(source):
    """Return the code without docstrings, comments, blanks and breaks.

    How deep a statement stands is kept, as a number: it says to which loop it
    belongs.
    """
    lines, depths = source.splitlines(), {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            # Of several statements in a line the outermost comes first.
            depths.setdefault(node.lineno - 1, node.col_offset)
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            for row in range(body[0].lineno - 1, body[0].end_lineno):
                lines[row] = ""
    for row, depth in depths.items():
        if lines[row].strip():
            lines[row] = f"{depth}{lines[row]}"
    return "".join("".join(lines).split())


# What is stored of a number: six digits.
_rounded = np.vectorize(lambda value: float(f"{value:.6g}"), otypes=[float])


def _lines(values):
    """Return the inside of a JSON object, a line for each name."""
    return "\n" + ",\n".join(
        f"{json.dumps(name)}: {json.dumps(value)}"
        for name, value in values.items()
    )
