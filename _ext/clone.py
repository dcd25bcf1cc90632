"""Which repository the book is built from, and what to link in it.

Plain functions; publishing.py hands what they find to Sphinx.
"""

import re
import subprocess
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

# No address of one machine or network: a public host's name has a dot, and
# letters at its end.
HOST = r"(?:[^/]*@)?(?P<host>[\w.-]+\.[a-z]{2,})"
REMOTES = (
    rf"(?P<scheme>https?|ssh|git)://{HOST}(?P<port>:\d+)?/(?P<path>[\w./~+-]+)",
    rf"{HOST}:(?P<path>[\w./~+-]+)",
)

# %pip and not !pip: it installs for the kernel that runs. Into a folder of its
# own, which comes first, so that a reader's utils.py is not taken for the book's
# package, and nothing that the reader has changes.
BOOTSTRAP = """\
# Where the book's package is missing, as in Colab, this cell fetches it into a
# folder beside the notebook.
import importlib
import sys

sys.path.insert(0, "relu-book-{commit}")
try:
    import utils.activations
except Exception:  # none, or what a utils.py beside the notebook raises
    %pip install --quiet --no-deps --target relu-book-{commit} {archive}
    sys.modules.pop("utils", None)
    importlib.invalidate_caches()"""


@dataclass(frozen=True)
class Clone:
    """The repository that the book is built from.

    Attributes
    ----------
    url : str
        Its page, such as "https://github.com/ORG/REPO".
    kind : str
        "github" or "gitlab", whose addresses it has, or "" for others.
    commit : str or None
        The built commit in full, or None if the repository lacks it.
    branch : str or None
        Where to suggest an edit: the built branch or the default one.
    colab : str or None
        The branch that holds the notebooks for Colab.
    """

    url: str
    kind: str
    commit: str | None
    branch: str | None
    colab: str | None = None

    @property
    def archive(self):
        """Return the address of the built commit as one ZIP, or None."""
        if not self.commit:
            return None
        name = f"{self.url.rpartition('/')[2]}-{self.commit}"
        return {
            "github": f"{self.url}/archive/{self.commit}.zip",
            "gitlab": f"{self.url}/-/archive/{self.commit}/{name}.zip",
        }.get(self.kind)

    @property
    def commit_page(self):
        """Return the address of the built commit's page, or None."""
        return self.commit and self._page("commit", self.commit)

    def edit(self, path):
        """Return the address where a file can be edited, or None."""
        return self.branch and self._page("edit", f"{self.branch}/{path}")

    def _page(self, view, rest):
        rest = f"{view}/{quote(rest)}"
        return {
            "github": f"{self.url}/{rest}",
            "gitlab": f"{self.url}/-/{rest}",
        }.get(self.kind)

    def binder(self, path):
        """Return the address that opens a notebook on Binder, or None."""
        if not self.commit:
            return None
        host, name = urlsplit(self.url).netloc, urlsplit(self.url).path[1:]
        # Binder wants the slashes in names of other hosts than GitHub quoted.
        repository = {
            "github.com": f"gh/{name}",
            "gitlab.com": f"gl/{quote(name, safe='')}",
        }.get(host, f"git/{quote(self.url, safe='')}")
        return (
            f"https://mybinder.org/v2/{repository}/{self.commit}"
            f"?urlpath=lab/tree/{quote(path)}"
        )

    def in_colab(self, path):
        """Return the address that opens a notebook in Colab, or None."""
        start = "https://github.com/"
        if not self.colab or not self.url.startswith(start):
            return None
        return (
            "https://colab.research.google.com/github/"
            f"{self.url.removeprefix(start)}/blob/{self.colab}/{quote(path)}"
        )


def clone(environ, folder):
    """Return the `Clone` that `folder` is, or None if it has no web page.

    A commit counts only if the repository is known to have it, since a link
    to any other is dead: in CI it has, elsewhere if a branch of `origin` does.

    Parameters
    ----------
    environ : mapping
        The environment variables; those of GitHub's and GitLab's CI count.
    folder : pathlib.Path
        The top of the book.
    """
    if environ.get("GITHUB_ACTIONS") == "true":
        url = f"{environ['GITHUB_SERVER_URL']}/{environ['GITHUB_REPOSITORY']}"
        return Clone(
            url,
            _kind(urlsplit(url).hostname),
            environ["GITHUB_SHA"],
            # In a pull request, the branch that it asks to change.
            environ.get("GITHUB_BASE_REF") or environ["GITHUB_REF_NAME"],
            # The workflow says so where it is about to publish them.
            environ.get("BOOK_COLAB") or None,
        )
    if environ.get("GITLAB_CI") == "true":
        return Clone(
            environ["CI_PROJECT_URL"],
            "gitlab",
            environ["CI_COMMIT_SHA"],
            environ.get("CI_COMMIT_BRANCH") or environ["CI_DEFAULT_BRANCH"],
        )
    # A book inside another repository has other paths than ours.
    if not (folder / ".git").exists():
        return None
    url = page(_git(folder, "remote", "get-url", "origin"))
    if url is None:
        return None
    refs = ("for-each-ref", "--format=%(refname:lstrip=3)")
    origin = _git(folder, *refs, "refs/remotes/origin").split()
    reached = _git(folder, *refs, "--contains=HEAD", "refs/remotes/origin")
    built = _git(folder, "symbolic-ref", "--short", "HEAD")
    default = _git(folder, "symbolic-ref", "refs/remotes/origin/HEAD")
    default = default.removeprefix("refs/remotes/origin/")
    return Clone(
        url,
        _kind(urlsplit(url).hostname),
        _git(folder, "rev-parse", "HEAD") if reached else None,
        built if built in origin else default or None,
        "colab" if "colab" in origin else None,
    )


def page(remote):
    """Return the web page of a git remote, without credentials, or None."""
    for pattern in REMOTES:
        if match := re.fullmatch(pattern, remote):
            break
    else:
        return None
    found = {"scheme": "ssh", "port": "", **match.groupdict("")}
    # Hosts for git over SSH on the port of HTTPS.
    host = re.sub(r"^(?:alt)?ssh\.(?=git(?:hub|lab)\.com$)", "", found["host"])
    path = found["path"].strip("/").removesuffix(".git")
    if found["scheme"] in {"http", "https"}:
        return f"{found['scheme']}://{host}{found['port']}/{path}"
    return f"https://{host}/{path}"


def address(environ):
    """Return the address of the published book, with a slash, or None."""
    url = environ.get("BOOK_URL") or environ.get("CI_PAGES_URL")
    if url and not re.match(r"https?://[^/]", url):
        raise ValueError(
            "BOOK_URL must be the address of the published book, such as "
            f"https://example.org/book/, got {url!r}"
        )
    on_github = environ.get("GITHUB_ACTIONS") == "true" and (
        environ["GITHUB_SERVER_URL"] == "https://github.com"
    )
    if not url and on_github:
        owner, name = environ["GITHUB_REPOSITORY"].split("/")
        host = f"{owner.lower()}.github.io"
        url = f"https://{host}/{'' if name.lower() == host else name}"
    return f"{url.rstrip('/')}/" if url else None


def _kind(host):
    """Tell by a host's name what runs there: also gitlab.example.org."""
    first = host.split(".")[0]
    return first if first in {"github", "gitlab"} else ""


def _git(folder, *arguments):
    """Return what a git command prints, or "" if it fails."""
    try:
        run = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True
        )
    except FileNotFoundError:
        return ""
    return "" if run.returncode else run.stdout.strip()
