"""Where things lie in the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
SOLUTIONS = CHAPTERS / "solutions"
EXERCISES = CHAPTERS / "exercises"
HTML = ROOT / "_build" / "html"
