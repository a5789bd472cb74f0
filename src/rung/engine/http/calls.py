"""Calls beside the questions: files, batches, tunings. Who made something and did not hear of it looks before making it again."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rung.engine.http.completion import json_object
from rung.engine.http.error_text import read_error
from rung.engine.http.line import Line, Response
from rung.engine.http.rate import asked_to_wait
from rung.engine.http.refusals import Asked, refused_for
from rung.engine.http.sending import is_passing
from rung.errors import BrokenEnvironment, UserError

ABSENT = {404, 405, 501}
# Pages of a list that are looked through, and what is asked for on each; servers give fewer.
MOST_PAGES, PAGE = 2000, 100


@dataclass(kw_only=True)
class Calls:
    """Calls of one server.

    away_s  how long one that does not answer is waited for, between waits that grow to `longest_s`; `look_away_s` the same for
            looks at what goes on there meanwhile
    what    is asked for, in words; `without` says what to do where the server has none, `goes_on` what becomes of what was begun
    """

    line: Line
    asked: Asked
    away_s: float = 180.0
    look_away_s: float = 3600.0
    first_s: float = 1.0
    longest_s: float = 60.0
    what: str = "batches"
    without: str = ""
    goes_on: str = ""

    @property
    def where(self) -> str:
        return str(self.asked.address)

    def listed(self, end: str, asked: Mapping[str, str] | None = None) -> Iterator[Mapping[str, Any]]:
        """The entries of a list, over all its pages; nothing where it is not there."""
        after, seen = "", set[str]()
        for _ in range(MOST_PAGES):
            wanted = {**(asked or {}), "limit": str(PAGE), **({"after": after} if after else {})}
            page = json_object(self.called("GET", end, absent_is_fine=True, params=wanted).text) or {}
            data = page.get("data")
            entries = [entry for entry in data if isinstance(entry, Mapping)] if isinstance(data, list) else []
            yield from entries
            after = str(entries[-1].get("id") or "") if entries else ""
            if not page.get("has_more") or not after or after in seen:
                return
            seen.add(after)

    def id_in(self, response: Response, what: str) -> str:
        """The id in a reply that made something. Raises UserError for another reply."""
        content = json_object(response.text) or {}
        if response.status_code >= 300 or not isinstance(content.get("id"), str):
            said = read_error(response.text).words
            problem = f"the server does not take {what} (HTTP {response.status_code}): {said}"
            raise UserError(problem, where=self.where, hint=self.without)
        return str(content["id"])

    def forget(self, *files: str) -> None:
        """Deletes files that were made for it. What cannot be deleted stays: servers do so themselves in time."""
        import httpx

        for file in filter(None, files):
            try:
                self.line.call("DELETE", f"/files/{file}")
            except (httpx.HTTPError, UserError, BrokenEnvironment):
                continue

    def called(
        self,
        method: str,
        end: str,
        *,
        absent_is_fine: bool = False,
        before_again: Callable[[], Mapping[str, Any] | None] | None = None,
        away_s: float | None = None,
        **sent: Any,
    ) -> Response:
        """The reply once it is no passing fault. Raises UserError, BrokenEnvironment."""
        import httpx

        began, tries = time.monotonic(), 0
        while True:
            waited = None
            try:
                response = self.line.call(method, end, **sent)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}".rstrip(": ")
            else:
                if not is_passing(response.status_code) or "insufficient_quota" in response.text:
                    return self._checked(response, end, absent_is_fine)
                problem = f"HTTP {response.status_code}: {read_error(response.text).words}"
                waited = asked_to_wait(response.headers, response.text)
            tries += 1
            wait = min(self.first_s * 2 ** (tries - 1), self.longest_s) * random.uniform(0.5, 1.0) if waited is None else waited
            if time.monotonic() - began + wait > (self.away_s if away_s is None else away_s):
                raise BrokenEnvironment(f"the server does not answer ({problem})", where=self.where, hint=self.goes_on)
            time.sleep(wait)
            if before_again is not None and (found := before_again()) is not None:
                return Response(status_code=200, text=json.dumps(dict(found)), headers={})

    def _checked(self, response: Response, end: str, absent_is_fine: bool) -> Response:
        status = response.status_code
        if status < 300 or (absent_is_fine and status in ABSENT):
            return response
        if status in ABSENT:
            said = read_error(response.text).words
            raise UserError(f"the server has no {self.what} (HTTP {status} at {end}: {said})", where=self.where, hint=self.without)
        if status in (401, 402, 403, 407, 429):
            raise refused_for(status, response.text, self.asked)
        return response
