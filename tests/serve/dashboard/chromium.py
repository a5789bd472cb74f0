"""Debian's Chromium by its DevTools protocol: what a page shows, what keys do in it, what it complains of.

A message is JSON over a web socket: a command with an id, answered by one that bears it; in between come events.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 20.0
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}


def program() -> str | None:
    """Where a browser is; None where there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Browser:
    """A browser without windows; `tab` opens a page in a profile of its own."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._number = socket, 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str = "", **params: Any) -> Any:
        """Sends a command, and waits for what comes of it."""
        self._number += 1
        told = {"id": self._number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        self._socket.send(json.dumps(told))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            if "method" in message:
                self.events.append(message)

    def tab(self, width: int = 1280, height: int = 900) -> Tab:
        """An empty page, with cookies of its own."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.call(f"{domain}.enable")
        tab.size(width, height)
        return tab


class Tab:
    """One page."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, **params: Any) -> Any:
        return self._browser.call(method, self._session, **params)

    def size(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def dark(self, is_dark: bool) -> None:
        features = [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def scripts(self, run: bool) -> None:
        self.call("Emulation.setScriptExecutionDisabled", value=not run)

    def go(self, address: str) -> None:
        """Opens an address, and waits until it is there."""
        self.js("window.isLeft = true")
        self.call("Page.navigate", url=address)
        self.until("!window.isLeft && document.readyState === 'complete'")

    def js(self, code: str) -> Any:
        """What an expression comes to."""
        found = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"].get("exception", {}).get("description", str(found)))
        return found["result"].get("value")

    def until(self, code: str) -> None:
        """Waits until an expression holds."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                if self.js(f"Boolean({code})"):
                    return
            except RuntimeError:  # the page is being left
                pass
            if time.monotonic() > end:
                raise AssertionError(f"it never came to {code}: {self.text()[:2000]}")
            time.sleep(0.02)

    def text(self) -> str:
        """What the page says."""
        return str(self.js("document.body.innerText"))

    def press(self, key: str, *, shift: bool = False) -> None:
        """One key, down and up."""
        code: dict[str, Any] = {"key": key, "code": {" ": "Space"}.get(key, key), "windowsVirtualKeyCode": KEYS[key]}
        letter = {"Enter": "\r", " ": " "}.get(key)
        code |= {"modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", **code, **({"text": letter} if letter else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **code)

    def write(self, text: str) -> None:
        """Text at the cursor."""
        self.call("Input.insertText", text=text)

    def tab_to(self, selector: str, most: int = 80) -> int:
        """Presses Tab until what is selected has the focus; how often."""
        for count in range(most):
            if self.js(f"document.activeElement.matches({json.dumps(selector)})"):
                return count
            self.press("Tab")
        raise AssertionError(f"Tab never came to {selector}")

    def shot(self, path: Path, *, whole: bool = True) -> None:
        """A picture of the page."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=whole, format="png")
        path.write_bytes(base64.b64decode(found["data"]))

    def complaints(self) -> list[str]:
        """What the browser found wrong so far: errors of scripts and of loading, and all that the policy has stopped."""
        mine = [event for event in self._browser.events if event.get("sessionId") == self._session]
        return [said for event in mine if (said := _complaint(event["method"], event["params"]))]

    def cookies(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("Network.getCookies")["cookies"]
        return found


def _complaint(method: str, params: dict[str, Any]) -> str:
    if method == "Runtime.exceptionThrown":
        return str(params["exceptionDetails"])
    if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
        return str(params["args"])
    if method == "Log.entryAdded" and params["entry"]["level"] == "error":
        return f"{params['entry']['source']}: {params['entry']['text']} {params['entry'].get('url', '')}"
    return ""


@contextmanager
def browser(more: Sequence[str] = (), *, sleep: Callable[[float], None] = time.sleep) -> Iterator[Browser]:
    """A browser of the tests' own, with an empty profile."""
    from websockets.sync.client import connect

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        told = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0"]
        told += ["--no-first-run", "--disable-extensions", "--disable-background-networking", "--hide-scrollbars", *more]
        line = [program() or PROGRAMS[0], *told, f"--user-data-dir={profile}"]
        running = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = Path(profile) / "DevToolsActivePort"
            end = time.monotonic() + 60
            while not (port.exists() and len(port.read_text().split()) == 2):
                if running.poll() is not None or time.monotonic() > end:
                    raise RuntimeError("the browser did not start")
                sleep(0.05)
            number, path = port.read_text().split()
            with connect(f"ws://127.0.0.1:{number}{path}", max_size=None, compression=None) as socket:
                yield Browser(socket)
        finally:
            running.terminate()
            running.wait(20)
