"""A provider's interface of fine-tuning, and what it says of a job, in one set of words whatever it calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rung.engine.http.calls import ABSENT, Calls
from rung.engine.http.completion import json_object
from rung.engine.http.error_text import read_error
from rung.errors import UserError

Standing = Literal["validating", "queued", "running", "finalizing", "paused", "succeeded", "failed", "cancelled", "unknown"]
# How providers call the same.
_WORDS: dict[Standing, str] = {
    "validating": "validating_files validating validation pending uploaded created notRunning",
    "queued": "queued waiting",
    "running": "running in_progress training cancel_requested",
    "finalizing": "compressing uploading finalizing deploying postprocessing",
    "paused": "paused",
    "succeeded": "succeeded success completed",
    "failed": "failed error",
    "cancelled": "cancelled canceled",
}
STANDING: Mapping[str, Standing] = {word.casefold(): standing for standing, words in _WORDS.items() for word in words.split()}
RUN_DIGEST = "run_digest"
NO_TUNING = "Leave the rung out (rungs: {...: {skip: true}}), or name a server that has OpenAI's /fine_tuning/jobs."


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as the provider tells it.

    said     its own word for how it stands
    model    what came of it, "" before it has succeeded; `tokens` those that it trained on, None where it does not say
    code, problem, param  of a failure
    """

    id: str
    standing: Standing
    said: str = ""
    model: str = ""
    tokens: int | None = None
    code: str = ""
    problem: str = ""
    param: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing comes any more."""
        return self.standing in ("succeeded", "failed", "cancelled")


class FileGone(UserError):
    """The provider does not have the file any more."""


@dataclass(kw_only=True)
class Tuner(Calls):
    """Calls of one provider's fine-tuning."""

    what: str = "fine-tuning"
    without: str = NO_TUNING
    goes_on: str = "A job that was made goes on there: run the same command again."

    def upload(self, name: str, data: bytes) -> str:
        """The id of the file; one that was taken and not heard of is found by its name."""
        file = {"file": (f"{name}.jsonl", data, "application/jsonl")}
        response = self.called("POST", "/files", before_again=lambda: self._file(name), files=file, data={"purpose": "fine-tune"})
        return self.id_in(response, "the file")

    def create(self, body: Mapping[str, Any], run_digest: str) -> str:
        """The id of the job. One that was made and whose making was not heard of is found, and not made twice.

        Raises FileGone where the training file is not there any more.
        """
        sent = {**body, "metadata": {**body.get("metadata", {}), RUN_DIGEST: run_digest}}
        key = {"Idempotency-Key": run_digest}
        response = self.called("POST", "/fine_tuning/jobs", before_again=lambda: self.find(run_digest), json=sent, headers=key)
        if response.status_code in (400, 404, 410, 422) and _names_the_file(response.text):
            raise FileGone(f"the file is gone: {read_error(response.text).words}", where=self.where)
        return self.id_in(response, "the job")

    def find(self, run_digest: str) -> Mapping[str, Any] | None:
        """The job of a run that has not failed or been cancelled, among the provider's own list; None where there is none."""
        for entry in self.listed("/fine_tuning/jobs", {f"metadata[{RUN_DIGEST}]": run_digest}):
            metadata = entry.get("metadata")
            own = isinstance(metadata, Mapping) and metadata.get(RUN_DIGEST) == run_digest
            if own and read_job(entry).standing not in ("failed", "cancelled"):
                return entry
        return None

    def look(self, job: str) -> Job:
        """How it stands. One that the provider does not know any more was cancelled, for all that can be said."""
        response = self.called("GET", f"/fine_tuning/jobs/{job}", absent_is_fine=True, away_s=self.look_away_s)
        if response.status_code in ABSENT:
            return Job(id=job, standing="cancelled", said="the provider does not know it any more")
        content = json_object(response.text)
        if response.status_code >= 300 or content is None:
            return Job(id=job, standing="unknown", said=f"HTTP {response.status_code}")
        return read_job(content)

    def _file(self, name: str) -> Mapping[str, Any] | None:
        return next((file for file in self.listed("/files") if file.get("filename") == f"{name}.jsonl" and file.get("id")), None)


def read_job(content: Mapping[str, Any]) -> Job:
    """A job's JSON, read. A word that is not known says nothing: neither that it goes on, nor that it has ended."""
    said = str(content.get("status") or "")
    error = content.get("error")
    fault = error if isinstance(error, Mapping) else {"message": error} if isinstance(error, str) else {}
    model, tokens = content.get("fine_tuned_model"), content.get("trained_tokens")
    standing = STANDING.get(said.casefold(), "unknown")
    if standing == "succeeded" and not (isinstance(model, str) and model):
        standing, said = "finalizing", f"{said}, and names no model yet"
    return Job(
        id=str(content.get("id") or ""),
        standing=standing,
        said=said,
        model=model if isinstance(model, str) else "",
        tokens=tokens if isinstance(tokens, int) and not isinstance(tokens, bool) else None,
        code=str(fault.get("code") or ""),
        problem=str(fault.get("message") or ""),
        param=str(fault.get("param") or ""),
    )


def _names_the_file(text: str) -> bool:
    """Whether a refusal is about the training file's not being there."""
    content = json_object(text) or {}
    error = content.get("error")
    told = error if isinstance(error, Mapping) else {}
    words = f"{told.get('code') or ''} {told.get('message') or ''}".casefold()
    about = str(told.get("param") or "") == "training_file" or "file" in words
    return about and any(word in words for word in ("not found", "not_found", "expired", "does not exist", "deleted", "not one of"))
