"""A browser to look at the pages with, and a server to send them.

::

    python -m tools.browser

sees to it that there is one: Playwright's own, else the system's Chromium.
"""

import contextlib
import http.server
import os
import shutil
import subprocess
import sys
import threading

from playwright.sync_api import Error, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextlib.contextmanager
def serving(handler):
    """Serve on loopback, on a free port; yield the address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/"
        httpd.shutdown()


@contextlib.contextmanager
def chromium():
    """Start a Chromium, on PATH or Playwright's own; yield None without."""
    with sync_playwright() as playwright:
        browser = None
        for path in (*filter(None, map(shutil.which, BROWSERS)), None):
            with contextlib.suppress(Error):
                browser = playwright.chromium.launch(
                    executable_path=path,
                    args=["--no-sandbox", "--disable-gpu"],
                )
                break
        yield browser
        if browser:
            browser.close()


def found():
    """Return whether a Chromium starts."""
    try:
        with chromium() as browser:
            return browser is not None
    except Exception:
        # Playwright itself does not: a library is missing.
        return False


def succeeds(*command):
    """Run a command without input; return whether it is there and succeeds."""
    try:
        return not subprocess.run(command, stdin=subprocess.DEVNULL).returncode
    except FileNotFoundError:
        return False


def install():
    """Get a Chromium where none starts; exit where that is impossible.

    A download that gets no answer ends in half a minute.
    """
    if found():
        return
    os.environ["PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT"] = "5000"
    playwright = (sys.executable, "-m", "playwright")
    own = succeeds(*playwright, "install", "--only-shell", "chromium")
    if own and found():
        return
    root = () if os.geteuid() == 0 else ("sudo", "-n")
    if own:
        # It was fetched and does not start: it lacks libraries.
        succeeds(*root, *playwright, "install-deps", "chromium")
    elif succeeds(*root, "apt-get", "update"):
        # Playwright's program for any browser is linked to libatomic.
        packages = ("--no-install-recommends", "chromium", "libatomic1")
        succeeds(*root, "apt-get", "install", "--yes", *packages)
    if not found():
        sys.exit(
            "The tests want a browser, and neither Playwright's own nor the"
            " package chromium could be installed: install Chromium or Google"
            " Chrome, then run this again."
        )


if __name__ == "__main__":
    install()
