"""Where submissions come from: the ZIP or folder of a course system.

Understood are a folder per student, nbgrader's `submitted`, and what Moodle
and Canvas call *download all submissions*. A student may have handed in a ZIP,
in folders of any depth, under names such as `01_definition-Copy1 (1).ipynb`.
"""

import json
import re
import shutil
import time
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from classroom.submissions import LARGEST, MB

DEEPEST = 3  # a ZIP in a ZIP in a ZIP
MOST = 5000  # files of a class

# Anna Lee_4711_assignsubmission_file_, then a folder or the file's name.
MOODLE = re.compile(r"(.+?)_(\d+)_assignsubmission_(\w+?)_?(?:(?<=_)(.+))?")
# leeanna_4711_90210_01_definition.ipynb, leeanna_LATE_4711_90210_...
CANVAS = re.compile(r"([^_]+)_(?:LATE_)?(\d+)_(\d+)_(.+)")
SUFFIX = re.compile(
    r"( ?\((\d+)\)|[-_ ]+copy ?(\d*)|-(\d{1,2})|\.ipynb)$", re.IGNORECASE
)
HIDDEN = re.compile(r"\.|__MACOSX$")


@dataclass
class Submission:
    """A notebook of a student, or what came in its place.

    Attributes
    ----------
    student : str
        As the course system names the student, with the number that it adds.
    notebook : str
        The exercise, such as ``"01_definition"``; else the file's name.
    path : Path or None
        None where there is nothing to grade; `remarks` say why.
    remarks : list of str
    system : str
        ``"moodle"``, ``"canvas"`` or ``""``.
    number : str
        The student's, in that system.
    upload : str
        The path under which it takes feedback back, without an ending.
    """

    student: str
    notebook: str = ""
    path: Path | None = None
    remarks: list = field(default_factory=list)
    system: str = ""
    number: str = ""
    upload: str = ""


@dataclass
class _File:
    """A file that came in: its names from the outermost folder on."""

    parts: tuple
    path: Path
    time: tuple
    problem: str = ""


def submissions(source, known, scratch):
    """Return the submissions in `source`, sorted by student.

    Parameters
    ----------
    source : Path
        A folder or a ZIP.
    known : dict
        Name of each exercise -> its notebook, as handed out.
    scratch : Path
        A folder for what is unpacked; the names in it are our own.

    Returns
    -------
    list of Submission
    """
    if source.is_dir() and (source / "submitted").is_dir():
        source = source / "submitted"
    files = list(_files(source, (), scratch, DEEPEST))
    files, empty = _unwrapped(files, _folders(source), known)
    students = defaultdict(list)
    for file in files:
        students[_student(*file.parts)].append(file)
    found = []
    for (student, system, number), theirs in students.items():
        origin = {"student": student, "system": system, "number": number}
        found += _of_student(origin, theirs, known)
    for name in empty - {file.parts[0] for file in files}:
        student, system, number = _student(name)
        found.append(
            Submission(
                student,
                remarks=["no notebook in this folder"],
                system=system,
                number=number,
            )
        )
    return sorted(found, key=lambda one: (one.student, one.notebook))


def _folders(source):
    return {
        path.name
        for path in (source.iterdir() if source.is_dir() else ())
        if path.is_dir() and not HIDDEN.match(path.name)
    }


def _files(source, parts, scratch, depth):
    """Yield all files below `source`, those in ZIPs included."""
    if source.is_symlink():
        yield _File(parts or (source.name,), source, (), "a link")
    elif source.is_dir():
        for path in sorted(source.iterdir()):
            if not HIDDEN.match(path.name):
                yield from _files(path, (*parts, path.name), scratch, depth)
    elif zipfile.is_zipfile(source):
        if depth == 0:
            yield _File(parts, source, (), f"a ZIP within {DEEPEST} others")
        else:
            yield from _unzipped(source, parts, scratch, depth)
    elif source.is_file():
        yield _File(parts, source, time.localtime(source.stat().st_mtime)[:6])


def _unzipped(source, parts, scratch, depth):
    # A student's ZIP stands for a folder; the class's own has no name.
    with zipfile.ZipFile(source) as archive:
        for info in archive.infolist():
            names = PurePosixPath(info.filename.replace("\\", "/")).parts
            inner = (*parts, *names)
            if info.is_dir() or any(map(HIDDEN.match, names)):
                continue
            path = scratch / f"{len(list(scratch.iterdir()))}"
            problem = _unpack(archive, info, path)
            if not problem and zipfile.is_zipfile(path):
                yield from _files(path, inner, scratch, depth - 1)
            else:
                yield _File(inner, path, info.date_time, problem)


def _unpack(archive, info, path):
    """Write a member of a ZIP to `path`; return what is wrong, or ''."""
    if info.file_size > LARGEST:
        return f"larger than {LARGEST // MB} MB"
    if info.flag_bits & 1:
        return "in a ZIP with a password"
    if len(list(path.parent.iterdir())) > MOST:
        return f"not read: more than {MOST} files came in"
    try:
        # The size in the header may lie; what is read is no longer than that.
        with archive.open(info) as packed, open(path, "wb") as file:
            shutil.copyfileobj(packed, file)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return "in a ZIP that cannot be read"
    return ""


def _unwrapped(files, empty, known):
    """Take away folders around the class; return the files and folders."""
    while files:
        tops = {file.parts[0] for file in files}
        below = {file.parts[1] for file in files if len(file.parts) > 2}
        if (
            len(tops) != 1
            or any(len(file.parts) < 2 for file in files)
            or MOODLE.fullmatch(*tops)
            or not all(
                len(file.parts) > 2 or CANVAS.fullmatch(file.parts[1])
                for file in files
            )
            or any(_exercise(name, known) for name in below)
        ):
            break
        if len(empty) > 1:
            break
        empty = set()
        for file in files:
            file.parts = file.parts[1:]
    return files, empty


def _student(*parts):
    """Return a student's name, system and number in it."""
    for part in parts:
        if found := MOODLE.fullmatch(part):
            return f"{found[1]}_{found[2]}", "moodle", found[2]
    if len(parts) == 1 and (found := CANVAS.fullmatch(parts[0])):
        return f"{found[1]}_{found[2]}", "canvas", found[2]
    return parts[0], "", ""


def _of_student(origin, files, known):
    """Return a submission for each exercise of a student, the newest one."""
    versions, others = defaultdict(list), []
    for file in files:
        name = _name(file, known)
        if name in known and not file.problem:
            versions[name].append(file)
        else:
            others.append(file)
    found = []
    for name, all_ in versions.items():
        *older, newest = sorted(all_, key=_age)
        remarks = (
            [
                f"{len(all_)} versions, the newest counts: "
                f"{_shown(newest)}, not {', '.join(map(_shown, older))}"
            ]
            if older
            else []
        )
        found.append(
            Submission(
                **origin,
                notebook=name,
                path=newest.path,
                remarks=remarks,
                upload=_upload(newest),
            )
        )
    for file in others:
        if file.problem or _is_notebook(file):
            found.append(
                Submission(
                    **origin,
                    notebook=_stem(file.parts[-1]),
                    remarks=[
                        file.problem
                        or "none of the book's exercises, such as "
                        "01_definition"
                    ],
                )
            )
    if not found:
        names = ", ".join(sorted({file.parts[-1] for file in others})[:5])
        alone = len(files) == 1 and len(files[0].parts) == 1
        told = "not a notebook" if alone else f"no notebook, but {names}"
        found.append(Submission(**origin, remarks=[told]))
    return found


def _shown(file):
    return "/".join(file.parts[1:] or file.parts)


def _age(file):
    """Order versions: by time, else by the number that a browser adds."""
    digits = re.findall(r"\d+", "".join(_split(file.parts[-1])[1:]))
    time = tuple(file.time)
    attachment = CANVAS.fullmatch(file.parts[-1])
    return (
        int(attachment[3]) if attachment else 0,
        time,
        len(_split(file.parts[-1])[1:]),
        [int(digit) for digit in digits],
        file.parts,
    )


def _upload(file):
    """Return where the course system looks for feedback on `file`."""
    kept = []
    for part in file.parts:
        kept.append(part)
        if MOODLE.fullmatch(part):
            break
    return "/".join(kept)


def _name(file, known):
    """Return the exercise that `file` holds, or the stem of its name."""
    name = file.parts[-1]
    if found := CANVAS.fullmatch(name):
        name = found[4]
    elif (found := MOODLE.fullmatch(name)) and found[4]:
        name = found[4]
    stem = _stem(name)
    if not _is_notebook(file):
        return stem
    return _exercise(stem, known) or _by_content(file.path, known) or stem


def _is_notebook(file):
    return ".ipynb" in file.parts[-1].lower()


def _split(name):
    """Return a name without what copying added, and what that was."""
    added = []
    stem = re.sub(r"\.(txt|json)$", "", name, flags=re.IGNORECASE)
    while found := SUFFIX.search(stem):
        added.insert(0, found[0])
        stem = stem[: found.start()]
    return [stem, *(one for one in added if one.lower() != ".ipynb")]


def _stem(name):
    return _split(name)[0]


def _exercise(stem, known):
    """Return the one exercise whose name is in `stem`, or None."""
    found = [name for name in known if name.lower() in stem.lower()]
    return found[0] if len(found) == 1 else None


def _by_content(path, known):
    """Return the exercise whose questions a notebook holds, or None."""
    if path.stat().st_size > LARGEST:
        return None
    try:
        cells = json.loads(path.read_bytes())["cells"]
        texts = "\n".join(
            "".join(cell["source"])
            for cell in cells
            if cell.get("cell_type") == "markdown"
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    score = {
        name: sum(
            cell.source.splitlines()[0] in texts
            for cell in nb.cells
            if cell.source.startswith("## ")
        )
        for name, nb in known.items()
    }
    best = max(score, key=score.get, default=None)
    return best if best and score[best] >= 2 else None
