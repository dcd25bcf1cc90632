"""Which repository a book was built from, and where its buttons lead."""

import subprocess

import clone
import pytest

SHA = "0123456789012345678901234567890123456789"
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "Org/repo",
    "GITHUB_SHA": SHA,
    "GITHUB_REF_NAME": "main",
    "GITHUB_BASE_REF": "",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_URL": "https://gitlab.com/group/part/repo",
    "CI_COMMIT_SHA": SHA,
    "CI_COMMIT_BRANCH": "topic",
    "CI_DEFAULT_BRANCH": "main",
}
PATH = "chapters/01_definition.ipynb"


def git(folder, *arguments):
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    run = subprocess.run(
        ["git", *author, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return run.stdout.strip()


@pytest.fixture
def book(tmp_path):
    """Return a git repository with one commit and no remote."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message=First")
    return tmp_path


def push(book, branch="main"):
    """Let the clone know that `origin` has its commit, on a branch."""
    git(book, "update-ref", f"refs/remotes/origin/{branch}", "HEAD")


@pytest.mark.parametrize(
    ("remote", "page"),
    [
        ("https://github.com/org/repo", "https://github.com/org/repo"),
        ("https://github.com/org/repo.git", "https://github.com/org/repo"),
        ("https://github.com/org/repo/", "https://github.com/org/repo"),
        ("https://me:secret@github.com/o/r.git", "https://github.com/o/r"),
        ("https://token@gitlab.com/a/b/c.git", "https://gitlab.com/a/b/c"),
        ("git@github.com:org/repo.git", "https://github.com/org/repo"),
        ("github.com:org/repo", "https://github.com/org/repo"),
        ("ssh://git@github.com/org/repo.git", "https://github.com/org/repo"),
        ("ssh://git@ssh.github.com:443/o/r.git", "https://github.com/o/r"),
        ("ssh://git@git.example.org:22/o/r", "https://git.example.org/o/r"),
        ("http://git.example.org:80/o/r", "http://git.example.org:80/o/r"),
    ],
)
def test_page_of_a_remote(remote, page):
    assert clone.page(remote) == page


@pytest.mark.parametrize(
    "remote",
    [
        "",
        "/srv/git/book.git",
        "../book",
        "file:///srv/git/book.git",
        "C:/git/book",
        "http://localhost:3000/org/repo",
        "http://127.0.0.1:3000/org/repo",
        "http://me:secret@192.168.1.5/org/repo",
        "alias:org/repo.git",
        'https://github.com/org/"><script>',
    ],
)
def test_remote_without_a_public_page(remote):
    assert clone.page(remote) is None


def test_github_clone(book):
    git(book, "remote", "add", "origin", "git@github.com:Org/repo.git")
    push(book)
    found = clone.clone({}, book)
    head = git(book, "rev-parse", "HEAD")
    url = "https://github.com/Org/repo"
    assert found == clone.Clone(url, "github", head, "main")
    assert found.binder(PATH) == (
        f"https://mybinder.org/v2/gh/Org/repo/{head}?urlpath=lab/tree/{PATH}"
    )
    assert found.edit(PATH) == f"{url}/edit/main/{PATH}"
    assert found.commit_page == f"{url}/commit/{head}"
    assert found.archive == f"{url}/archive/{head}.zip"
    assert found.in_colab(PATH) is None


def test_fork_opens_the_fork(book):
    git(book, "remote", "add", "upstream", "https://github.com/Org/repo")
    git(book, "remote", "add", "origin", "https://github.com/me/my-book.git")
    push(book)
    found = clone.clone({}, book)
    for url in found.binder(PATH), found.edit(PATH), found.archive:
        assert "/me/my-book/" in url
        assert "Org" not in url


def test_colab_opens_the_branch_that_the_clone_knows(book):
    git(book, "remote", "add", "origin", "https://github.com/Org/repo")
    push(book)
    push(book, "colab")
    assert clone.clone({}, book).in_colab(PATH) == (
        "https://colab.research.google.com/github/Org/repo/blob/colab/" + PATH
    )


def test_commit_that_was_not_pushed_is_not_linked(book):
    git(book, "remote", "add", "origin", "https://github.com/Org/repo")
    push(book)
    git(book, "commit", "--quiet", "--allow-empty", "--message=Second")
    found = clone.clone({}, book)
    assert found.edit(PATH) == f"https://github.com/Org/repo/edit/main/{PATH}"
    assert (found.commit_page, found.archive) == (None, None)
    assert found.binder(PATH) is None


def test_branch_of_ones_own_suggests_edits_to_the_default_branch(book):
    git(book, "remote", "add", "origin", "https://github.com/Org/repo")
    push(book)
    head = "refs/remotes/origin/HEAD"
    git(book, "symbolic-ref", head, "refs/remotes/origin/main")
    git(book, "switch", "--quiet", "--create", "topic")
    found = clone.clone({}, book)
    assert found.branch == "main"
    assert found.commit == git(book, "rev-parse", "HEAD")


def test_never_pushed_clone_links_the_repository_alone(book):
    git(book, "remote", "add", "origin", "https://github.com/Org/repo")
    url = "https://github.com/Org/repo"
    assert clone.clone({}, book) == clone.Clone(url, "github", None, None)


def test_clone_of_gitlab_quotes_the_name_for_binder(book):
    git(book, "remote", "add", "origin", "git@gitlab.com:group/part/repo.git")
    push(book)
    found = clone.clone({}, book)
    head, url = found.commit, "https://gitlab.com/group/part/repo"
    assert found.binder(PATH) == (
        "https://mybinder.org/v2/gl/group%2Fpart%2Frepo/"
        f"{head}?urlpath=lab/tree/{PATH}"
    )
    assert found.edit(PATH) == f"{url}/-/edit/main/{PATH}"
    assert found.commit_page == f"{url}/-/commit/{head}"
    assert found.archive == f"{url}/-/archive/{head}/repo-{head}.zip"
    assert found.in_colab(PATH) is None


def test_unknown_host_has_its_page_and_binder_alone(book):
    git(book, "remote", "add", "origin", "https://codeberg.org/org/repo.git")
    push(book)
    push(book, "colab")
    found = clone.clone({}, book)
    assert found.url == "https://codeberg.org/org/repo"
    assert found.binder(PATH) == (
        "https://mybinder.org/v2/git/https%3A%2F%2Fcodeberg.org%2Forg%2Frepo/"
        f"{found.commit}?urlpath=lab/tree/{PATH}"
    )
    others = found.edit(PATH), found.commit_page, found.archive
    assert others == (None, None, None)
    assert found.in_colab(PATH) is None


@pytest.mark.parametrize("remote", [None, "/srv/git/book.git"])
def test_no_public_remote_no_clone(book, remote):
    if remote:
        git(book, "remote", "add", "origin", remote)
    assert clone.clone({}, book) is None


def test_folder_inside_another_repository_is_no_clone(book):
    git(book, "remote", "add", "origin", "https://github.com/Org/repo")
    push(book)
    (book / "book").mkdir()
    assert clone.clone({}, book / "book") is None


def test_ci_of_github_needs_no_git(tmp_path):
    url = "https://github.com/Org/repo"
    wanted = clone.Clone(url, "github", SHA, "main")
    assert clone.clone(GITHUB, tmp_path) == wanted


def test_ci_of_github_tells_where_the_notebooks_for_colab_will_be(tmp_path):
    found = clone.clone({**GITHUB, "BOOK_COLAB": "colab"}, tmp_path)
    assert "/Org/repo/blob/colab/chapters/" in found.in_colab(PATH)
    found = clone.clone({**GITHUB, "BOOK_COLAB": ""}, tmp_path)
    assert found.in_colab(PATH) is None


def test_pull_request_suggests_edits_where_it_will_be_merged(tmp_path):
    pull = {"GITHUB_REF_NAME": "7/merge", "GITHUB_BASE_REF": "main"}
    assert clone.clone({**GITHUB, **pull}, tmp_path).branch == "main"


def test_codespace_is_no_ci(book):
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY")
    environ = {name: GITHUB[name] for name in names}
    assert clone.clone(environ, book) is None
    assert clone.address(environ) is None


def test_ci_of_gitlab_needs_no_git(tmp_path):
    url = "https://gitlab.com/group/part/repo"
    wanted = clone.Clone(url, "gitlab", SHA, "topic")
    assert clone.clone(GITLAB, tmp_path) == wanted
    tag = {**GITLAB, "CI_COMMIT_BRANCH": ""}
    assert clone.clone(tag, tmp_path).branch == "main"


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, None),
        (GITHUB, "https://org.github.io/repo/"),
        (
            {**GITHUB, "GITHUB_REPOSITORY": "Org/Org.github.io"},
            "https://org.github.io/",
        ),
        ({**GITHUB, "GITHUB_SERVER_URL": "https://git.example.org"}, None),
        ({**GITHUB, "BOOK_URL": ""}, "https://org.github.io/repo/"),
        (
            {**GITHUB, "BOOK_URL": "https://example.org/book"},
            "https://example.org/book/",
        ),
        ({**GITLAB, "CI_PAGES_URL": "https://a.io/b"}, "https://a.io/b/"),
    ],
)
def test_address_of_the_published_book(environ, address):
    assert clone.address(environ) == address


def test_address_must_be_whole():
    with pytest.raises(ValueError, match="such as https://example.org/book/"):
        clone.address({"BOOK_URL": "example.org/book"})
