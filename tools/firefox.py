"""Firefox, the system's own, by Mozilla's protocol Marionette.

Playwright drives a patched Firefox only. Marionette is what every Firefox
speaks; a command has the name and the parameters of WebDriver.
"""

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

FIREFOXES = ("firefox-esr", "firefox")

# WebDriver's signs for keys, by the names that pages know them by.
KEYS = {
    "PageUp": "\ue00e",
    "PageDown": "\ue00f",
    "End": "\ue010",
    "Home": "\ue011",
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
    "Tab": "\ue004",
    "Enter": "\ue007",
    "Shift": "\ue008",
    "Control": "\ue009",
    "Escape": "\ue00c",
    "Space": " ",
}
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

# Nobody is asked, and nothing slides while it is looked at.
PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "security.fileuri.strict_origin_policy": True,
    "toolkit.telemetry.server": "",
    "ui.prefersReducedMotion": 1,
}

# What went wrong on this page: what its scripts and its policy say, warnings
# too, what it wrote into the console as an error, and what did not come. That
# a font which may come late did so is no fault.
ERRORS = """
const page = window.windowGlobalChild.innerWindowId;
const said = Services.console.getMessageArray().filter(
  m => m instanceof Ci.nsIScriptError && m.innerWindowID === page)
  .map(m => m.errorMessage)
  .filter(text => !text.includes("font-display timeout"));
const written = Cc["@mozilla.org/consoleAPI-storage;1"]
  .getService(Ci.nsIConsoleAPIStorage).getEvents()
  .filter(e => e.innerID === page && e.level === "error")
  .map(e => String(e.arguments));
const missing = performance.getEntriesByType("resource")
  .filter(e => e.responseStatus >= 400).map(e => e.name);
return [...said, ...written, ...missing];"""
FORGET = """return new Promise(done => Services.clearData.deleteData(
  Ci.nsIClearDataService.CLEAR_DOM_STORAGES, done))"""
# A window cannot be as narrow as a phone; what it shows can.
RESIZE = """
const {style} = gBrowser.selectedBrowser;
for (const side of ["min-width", "max-width"])
  style.setProperty(side, arguments[0] + "px");"""
PREFER = """
for (const [name, value] of Object.entries(arguments[0]))
  if (typeof value === "boolean") Services.prefs.setBoolPref(name, value);
  else Services.prefs.setIntPref(name, value);"""


class FirefoxError(Exception):
    """What Firefox answers to a command that failed."""


class Firefox:
    """A Firefox with one page, of 1280 by 900 pixels."""

    def __init__(self, connection):
        self._socket = connection
        self._file = connection.makefile("rb")
        self._count = 0
        self._receive()
        self.command("WebDriver:NewSession")
        self.command("WebDriver:SetWindowRect", width=1400, height=1000)
        self.resize(1280)

    def _receive(self):
        """Return the next message: its length, a colon, and JSON."""
        length = b""
        while (sign := self._file.read(1)) != b":":
            if not sign:
                raise FirefoxError("Firefox has gone")
            length += sign
        return json.loads(self._file.read(int(length)))

    def command(self, name, **parameters):
        """Give a command of WebDriver; return what it answers."""
        self._count += 1
        text = json.dumps([0, self._count, name, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(text), text))
        _, _, error, answer = self._receive()
        if error:
            raise FirefoxError(f"{error['error']}: {error['message']}")
        return answer["value"] if "value" in answer else answer

    def chrome(self, script, *args):
        """Run a script in the browser itself; return what it returns."""
        self.command("Marionette:SetContext", value="chrome")
        try:
            return self.run(script, *args)
        finally:
            self.command("Marionette:SetContext", value="content")

    def prefer(self, preferences):
        """Set preferences, given by their names."""
        self.chrome(PREFER, preferences)

    def resize(self, width):
        """Give the page another width, in CSS pixels; wait until it has it."""
        self.chrome(RESIZE, width)
        self.until("return innerWidth === arguments[0]", width)

    def open(self, url):
        """Open a page."""
        self.command("WebDriver:Navigate", url=url)

    def reload(self):
        """Load the page anew."""
        self.command("WebDriver:Refresh")

    def errors(self):
        """Return what went wrong since the page was opened."""
        return self.run(ERRORS, sandbox="system")

    def forget(self):
        """Empty what pages have stored."""
        self.chrome(FORGET)

    def run(self, script, *args, **options):
        """Run the body of a function in the page; return what it returns."""
        return self.command(
            "WebDriver:ExecuteScript", script=script, args=args, **options
        )

    def call(self, function, *args):
        """Call a function in the page, which may be asynchronous."""
        return self.run(f"return ({function})(...arguments)", *args)

    def until(self, script, *args, patience=10):
        """Wait until a script returns something true; return that."""
        end = time.monotonic() + patience
        while not (found := self.run(script, *args)):
            if time.monotonic() > end:
                raise TimeoutError(f"not after {patience} s: {script}")
            time.sleep(0.05)
        return found

    def find_all(self, selector, within=None):
        """Return all elements that fit; there has to be one."""
        inside = {"element": within[ELEMENT]} if within else {}
        found = self.command(
            "WebDriver:FindElements",
            using="css selector",
            value=selector,
            **inside,
        )
        if not found:
            raise LookupError(f"the page has no {selector}")
        return found

    def find(self, selector, within=None):
        """Return the first element that fits."""
        return self.find_all(selector, within)[0]

    def text(self, element):
        """Return the text of an element as a reader sees it."""
        return self.command("WebDriver:GetElementText", id=element[ELEMENT])

    def visible(self, element):
        """Return whether an element is displayed."""
        return self.command(
            "WebDriver:IsElementDisplayed", id=element[ELEMENT]
        )

    def click(self, element):
        """Scroll to an element and click in its middle."""
        self.command("WebDriver:ElementClick", id=element[ELEMENT])

    def drag(self, element, right, down):
        """Press the pointer on an element, move it, and release it."""
        moves = [
            {
                "type": "pointerMove",
                "origin": element if step == 0 else "pointer",
                "x": right // 4 if step else 0,
                "y": down // 4 if step else 0,
            }
            for step in range(5)
        ]
        moves.insert(1, {"type": "pointerDown", "button": 0})
        moves.append({"type": "pointerUp", "button": 0})
        self._perform(type="pointer", actions=moves)

    def press(self, *keys):
        """Press and release keys, by name or by sign; Shift+ holds Shift."""
        actions = []
        for key in keys:
            *held, last = key.split("+") if len(key) > 1 else [key]
            signs = [KEYS.get(one, one) for one in (*held, last)]
            actions += [{"type": "keyDown", "value": s} for s in signs]
            actions += [{"type": "keyUp", "value": s} for s in signs[::-1]]
        self._perform(type="key", actions=actions)

    def _perform(self, **source):
        self.command(
            "WebDriver:PerformActions", actions=[{"id": "0", **source}]
        )
        self.command("WebDriver:ReleaseActions")

    def pdf(self):
        """Return the page as a PDF: the printed sheets."""
        text = self.command("WebDriver:Print", background=False)
        return base64.b64decode(text)

    def screenshot(self):
        """Return a PNG of what shows."""
        text = self.command("WebDriver:TakeScreenshot", full=False)
        return base64.b64decode(text)


def free_port():
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def firefox(patience=60):
    """Start a Firefox with a profile of its own; yield None without."""
    path = next(filter(None, map(shutil.which, FIREFOXES)), None)
    if path is None:
        yield None
        return
    port = free_port()
    preferences = {**PREFERENCES, "marionette.port": port}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        Path(profile, "user.js").write_text(
            "".join(
                f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
                for name, value in preferences.items()
            )
        )
        process = subprocess.Popen(
            [
                path,
                "--headless",
                "--marionette",
                "--remote-allow-system-access",
                "--no-remote",
                "--profile",
                profile,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with _connect(port, process, patience) as connection:
                yield Firefox(connection)
        finally:
            process.terminate()
            process.wait()


def _connect(port, process, patience):
    """Return a connection to a Firefox that has just been started."""
    end = time.monotonic() + patience
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=300)
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.2)
