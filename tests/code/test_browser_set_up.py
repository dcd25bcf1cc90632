"""How `make test` comes by a browser."""

import os
import sys

import pytest

from tools import browser

OWN = "playwright install --only-shell chromium"
LIBRARIES = "playwright install-deps chromium"
UPDATE = "apt-get update"
PACKAGE = "apt-get install --yes --no-install-recommends chromium libatomic1"


def test_browser_that_does_not_start_is_none(tmp_path, monkeypatch):
    for name in browser.BROWSERS:
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert not browser.found()


def test_command_that_fails_or_is_missing_does_not_succeed():
    assert browser.succeeds("true")
    assert not browser.succeeds("false")
    assert not browser.succeeds("no-such-command")


@pytest.fixture
def install(monkeypatch):
    """Return a function that installs, and returns the commands it ran.

    Of them, those that are listed succeed; a browser starts after the last.
    """

    def install(*good, user=0):
        ran = []

        def succeeds(*command):
            ran.append(" ".join(command).replace(f"{sys.executable} -m ", ""))
            return ran[-1] in good

        monkeypatch.setattr(browser, "succeeds", succeeds)
        monkeypatch.setattr(browser, "found", lambda: ran[-1:] == [*good[-1:]])
        monkeypatch.setattr(os, "geteuid", lambda: user)
        browser.install()
        return ran

    return install


def test_where_a_browser_starts_nothing_is_installed(install):
    assert install() == []


def test_playwrights_own_comes_first(install):
    assert install(OWN) == [OWN]


def test_playwrights_own_gets_the_libraries_that_it_lacks(install):
    assert install(OWN, LIBRARIES) == [OWN, LIBRARIES]


def test_where_the_download_is_refused_the_package_comes(install):
    assert install(UPDATE, PACKAGE) == [OWN, UPDATE, PACKAGE]


def test_who_is_not_root_asks_sudo_which_asks_nothing_back(install):
    root = [f"sudo -n {command}" for command in (UPDATE, PACKAGE)]
    assert install(*root, user=1000) == [OWN, *root]


@pytest.mark.parametrize("good", [OWN, UPDATE])
def test_where_nothing_helps_one_line_says_what_to_do(install, good):
    with pytest.raises(SystemExit) as error:
        install(good, "no such command")
    assert "install Chromium or Google Chrome" in error.value.code
    assert "\n" not in error.value.code
