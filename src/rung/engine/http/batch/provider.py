"""A server's interface of batches: a file up, a batch made of it, looks at how it stands, files down."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rung.engine.http.completion import json_object
from rung.engine.http.error_text import read_error
from rung.engine.http.line import Line, Response
from rung.engine.http.rate import asked_to_wait
from rung.engine.http.refusals import Asked, refused_for
from rung.engine.http.sending import is_passing
from rung.errors import BrokenEnvironment, UserError

_ABSENT = {404, 405, 501}
# How other servers call the same.
_ENDED = {"completed": "completed", "success": "completed", "succeeded": "completed", "complete": "completed"}
_ENDED |= {"failed": "failed", "error": "failed", "expired": "expired", "timeout_exceeded": "expired", "timeout": "expired"}
_ENDED |= {"cancelled": "cancelled", "canceled": "cancelled"}
NO_BATCHES = "Take `server: {batch: true}` out of the task: its questions are then asked one by one, at the full price."


@dataclass(frozen=True, kw_only=True)
class State:
    """How a batch stands.

    ended         completed, failed, expired or cancelled; "" while it goes on. `said` is the server's own word for it
    done, total   questions
    files         what it left: the output, then the errors
    problems      codes and words of what was wrong with the whole
    """

    ended: str = ""
    said: str = ""
    done: int = 0
    total: int = 0
    files: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_full(self) -> bool:
        """Whether it was not taken for what already waits at the server."""
        words = " ".join(self.problems).casefold()
        return self.ended == "failed" and ("token_limit_exceeded" in words or "enqueued" in words or "too many" in words)


@dataclass(kw_only=True)
class Provider:
    """Calls of one server.

    away_s  how long one that does not answer is waited for, between waits that grow to `longest_s`; `look_away_s` the same for
            looks at a batch, which goes on meanwhile
    """

    line: Line
    asked: Asked
    away_s: float = 180.0
    look_away_s: float = 3600.0
    first_s: float = 1.0
    longest_s: float = 60.0

    @property
    def url(self) -> str:
        """What a line of the file says that it is for."""
        return "/chat/completions" if self.asked.address.is_azure else "/v1/chat/completions"

    def upload(self, name: str, data: bytes) -> str:
        """The id of the file. Raises UserError where there is no such interface."""
        file = {"file": (f"{name}.jsonl", data, "application/jsonl")}
        return self._id(self._called("POST", "/files", files=file, data={"purpose": "batch"}), "the file")

    def create(self, key: str, file: str) -> str:
        """The id of the batch. One that was made and whose making was not heard of is found by its key, and not made twice."""
        body = {
            "input_file_id": file,
            "endpoint": self.url,
            "completion_window": "24h",
            "metadata": {"rung": key},
        }
        return self._id(self._called("POST", "/batches", before_again=lambda: self.find(key, file), json=body), "the batch")

    def find(self, key: str, file: str) -> Mapping[str, Any] | None:
        """The batch of that key, or of that file, among the server's own list; None where it is not there or shows no list."""
        listed = json_object(self._called("GET", "/batches", absent_is_fine=True).text) or {}
        data = listed.get("data")
        for batch in data if isinstance(data, list) else ():
            if isinstance(batch, Mapping) and (_own(batch) == key or (file and batch.get("input_file_id") == file)):
                return batch
        return None

    def find_file(self, name: str) -> str:
        """The id of a file that was uploaded under a name; "" where it is not in the server's own list."""
        listed = json_object(self._called("GET", "/files", absent_is_fine=True).text) or {}
        data = listed.get("data")
        files = [file for file in data if isinstance(file, Mapping)] if isinstance(data, list) else []
        return next((str(file["id"]) for file in files if file.get("filename") == f"{name}.jsonl" and file.get("id")), "")

    def look(self, batch: str) -> State:
        """How it stands. One that the server does not know any more has ended with nothing."""
        response = self._called("GET", f"/batches/{batch}", absent_is_fine=True, away_s=self.look_away_s)
        if response.status_code in _ABSENT:
            return State(ended="cancelled", said="the server does not know it any more")
        return read_state(json_object(response.text) or {})

    def fetch(self, file: str) -> str:
        """A file's text; "" where it is not there."""
        response = self._called("GET", f"/files/{file}/content", absent_is_fine=True)
        return response.text if response.status_code == 200 else ""

    def forget(self, *files: str) -> None:
        """Deletes files that were made for a batch. What cannot be deleted stays: servers do so themselves in time."""
        import httpx

        for file in filter(None, files):
            try:
                self.line.call("DELETE", f"/files/{file}")
            except (httpx.HTTPError, UserError, BrokenEnvironment):
                continue

    def is_there(self) -> bool:
        """Whether the server has batches."""
        return self._called("GET", "/batches", absent_is_fine=True).status_code not in _ABSENT

    def _id(self, response: Response, what: str) -> str:
        content = json_object(response.text) or {}
        if response.status_code >= 300 or not isinstance(content.get("id"), str):
            said = read_error(response.text).words
            problem = f"the server does not take {what} (HTTP {response.status_code}): {said}"
            raise UserError(problem, where=self._where, hint=NO_BATCHES)
        return str(content["id"])

    @property
    def _where(self) -> str:
        return str(self.asked.address)

    def _called(
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
                raise BrokenEnvironment(
                    f"the server does not answer ({problem})",
                    where=self._where,
                    hint="Batches that were handed in go on there: run the same command again.",
                )
            time.sleep(wait)
            if before_again is not None and (found := before_again()) is not None:
                return Response(status_code=200, text=json.dumps(dict(found)), headers={})

    def _checked(self, response: Response, end: str, absent_is_fine: bool) -> Response:
        status = response.status_code
        if status < 300 or (absent_is_fine and status in _ABSENT):
            return response
        if status in _ABSENT:
            said = read_error(response.text).words
            raise UserError(f"the server has no batches (HTTP {status} at {end}: {said})", where=self._where, hint=NO_BATCHES)
        if status in (401, 402, 403, 407, 429):
            raise refused_for(status, response.text, self.asked)
        return response


def read_state(batch: Mapping[str, Any]) -> State:
    """A batch's JSON, read."""
    said = str(batch.get("status") or "")
    ended = _ENDED.get(said.casefold(), "")
    counts = batch.get("request_counts")
    counts = counts if isinstance(counts, Mapping) else {}
    errors = batch.get("errors")
    every = errors.get("data") if isinstance(errors, Mapping) else errors
    problems = [
        ": ".join(str(one[name]) for name in ("code", "message") if one.get(name))
        for one in (every if isinstance(every, list) else ())
        if isinstance(one, Mapping)
    ]
    return State(
        ended=ended,
        said=said,
        done=_count(counts.get("completed")) + _count(counts.get("failed")),
        total=_count(counts.get("total")),
        files=tuple(str(batch[name]) for name in ("output_file_id", "error_file_id") if batch.get(name)),
        problems=tuple(problems),
    )


def _own(batch: Mapping[str, Any]) -> str:
    metadata = batch.get("metadata")
    return str(metadata.get("rung") or "") if isinstance(metadata, Mapping) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
