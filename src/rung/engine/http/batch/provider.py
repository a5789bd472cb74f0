"""A server's interface of batches: a file up, a batch made of it, looks at how it stands, files down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rung.engine.http.calls import ABSENT, Calls
from rung.engine.http.completion import json_object

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
class Provider(Calls):
    """Calls of one server's batches."""

    what: str = "batches"
    without: str = NO_BATCHES
    goes_on: str = "Batches that were handed in go on there: run the same command again."

    @property
    def url(self) -> str:
        """What a line of the file says that it is for."""
        return "/chat/completions" if self.asked.address.is_azure else "/v1/chat/completions"

    def upload(self, name: str, data: bytes) -> str:
        """The id of the file. Raises UserError where there is no such interface."""
        file = {"file": (f"{name}.jsonl", data, "application/jsonl")}
        return self.id_in(self.called("POST", "/files", files=file, data={"purpose": "batch"}), "the file")

    def create(self, key: str, file: str) -> str:
        """The id of the batch. One that was made and whose making was not heard of is found by its key, and not made twice."""
        body = {
            "input_file_id": file,
            "endpoint": self.url,
            "completion_window": "24h",
            "metadata": {"rung": key},
        }
        return self.id_in(self.called("POST", "/batches", before_again=lambda: self.find(key, file), json=body), "the batch")

    def find(self, key: str, file: str) -> Mapping[str, Any] | None:
        """The batch of that key, or of that file, among the server's own list; None where it is not there or shows no list."""
        listed = json_object(self.called("GET", "/batches", absent_is_fine=True).text) or {}
        data = listed.get("data")
        for batch in data if isinstance(data, list) else ():
            if isinstance(batch, Mapping) and (_own(batch) == key or (file and batch.get("input_file_id") == file)):
                return batch
        return None

    def find_file(self, name: str) -> str:
        """The id of a file that was uploaded under a name; "" where it is not in the server's own list."""
        listed = json_object(self.called("GET", "/files", absent_is_fine=True).text) or {}
        data = listed.get("data")
        files = [file for file in data if isinstance(file, Mapping)] if isinstance(data, list) else []
        return next((str(file["id"]) for file in files if file.get("filename") == f"{name}.jsonl" and file.get("id")), "")

    def look(self, batch: str) -> State:
        """How it stands. One that the server does not know any more has ended with nothing."""
        response = self.called("GET", f"/batches/{batch}", absent_is_fine=True, away_s=self.look_away_s)
        if response.status_code in ABSENT:
            return State(ended="cancelled", said="the server does not know it any more")
        return read_state(json_object(response.text) or {})

    def fetch(self, file: str) -> str:
        """A file's text; "" where it is not there."""
        response = self.called("GET", f"/files/{file}/content", absent_is_fine=True)
        return response.text if response.status_code == 200 else ""

    def is_there(self) -> bool:
        """Whether the server has batches."""
        return self.called("GET", "/batches", absent_is_fine=True).status_code not in ABSENT


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
