"""A browser window like people's: no developer tools listen to its requests. Listening makes each request half a
millisecond longer, mostly after the last byte has come.
"""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

from playwright.sync_api import Browser

LOOK_MS = 50  # between looks whether something is done; looking takes processor time, too


class UnwatchedWindow:
    """A window at an address. Playwright listens to the requests of all windows that it opens, so the browser itself
    opens this one. Its language is the browser's own.
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self._waiting = browser.new_page()
        self._session = browser.new_browser_cdp_session()
        self._replies: dict[int, dict[str, Any]] = {}
        self._target = self._session.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session.on("Target.receivedMessageFromTarget", self._keep)
        attached = self._session.send("Target.attachToTarget", {"targetId": self._target, "flatten": False})
        self._attached = attached["sessionId"]
        self._asked = 0
        self._ask("Page.navigate", url=url)

    def __enter__(self) -> UnwatchedWindow:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._session.send("Target.closeTarget", {"targetId": self._target})
        self._session.detach()
        self._waiting.context.close()

    def evaluate(self, function: str, *arguments: object) -> Any:
        """What a function of the page returns or promises for these arguments. Raises SystemExit if it fails."""
        call = f"({function})({', '.join(map(json.dumps, arguments))})"
        found = self._ask("Runtime.evaluate", expression=call, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise SystemExit(f"The page failed: {found['exceptionDetails']}")
        return found["result"].get("value")

    def wait_for(self, selector: str) -> None:
        """Wait until there is an element."""
        while not self.evaluate("(selector) => document.querySelector(selector) !== null", selector):
            self.wait(LOOK_MS)

    def wait(self, time_ms: float) -> None:
        self._waiting.wait_for_timeout(time_ms)

    def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        self._asked += 1
        message = json.dumps({"id": self._asked, "method": method, "params": parameters})
        self._session.send("Target.sendMessageToTarget", {"sessionId": self._attached, "message": message})
        while self._asked not in self._replies:
            self.wait(LOOK_MS)
        reply = self._replies.pop(self._asked)
        if "error" in reply:
            raise SystemExit(f"The browser does not {method}: {reply['error']}")
        result: dict[str, Any] = reply["result"]
        return result

    def _keep(self, event: dict[str, str]) -> None:
        message = json.loads(event["message"])
        if "id" in message:
            self._replies[message["id"]] = message
