"""What went wrong -> what its client is told. No path, no trace and no other's data ever goes out: those are logged."""

from __future__ import annotations

import logging
import re

from rung.engine.backend import ContextTooLong, Unaskable
from rung.engine.caller import Full, Gone, Late
from rung.errors import BrokenEnvironment, RungError
from rung.serve.types import Ending, Outcome, Refused

log = logging.getLogger("rung.serve")

# A client that has left gets nothing; the journal writes what proxies write.
LEFT = 499
# What is quoted of a question behind its figures may be a document's words.
_QUOTED = re.compile(r": ['\"].*", re.DOTALL)
_PATH = re.compile(r"(?<![\w.:/])(?:~|\.{0,2})/[^\s'\",;:]+")
AGAIN_S = 5.0
_LOGGED = "The server's operator finds the cause in its log."
_ENDINGS: dict[type[Exception], Ending] = {Gone: "gone", Late: "late", Refused: "refused"}


def refusal(error: BaseException, id: str = "") -> Refused:
    """An error as its client is told. What is not the client's is logged under the answer's id."""
    if isinstance(error, Refused):
        if error.status >= 500:
            error.message = without_paths(error.message)
        return error
    if isinstance(error, ContextTooLong):
        problem = f"This model's context length is exceeded: {_QUOTED.sub('', error.problem)}."
        return Refused(400, problem, param="messages", code="context_length_exceeded")
    if isinstance(error, Unaskable):
        problem = without_paths(error.problem)
        return Refused(400, f"{problem[:1].upper()}{problem[1:]}.", param=error.param or None, code=error.code or None)
    if isinstance(error, Full):
        return _server(503, "The server is overloaded: too many questions wait already.", "overloaded", error.retry_after_s)
    if isinstance(error, RungError):
        return _of_server(error, id)
    log.error("%s: %s", id, type(error).__name__, exc_info=error)
    return _server(500, "The server failed on this question; it is logged under the answer's id.", "internal")


def _of_server(error: RungError, id: str) -> Refused:
    if isinstance(error, Late):
        return _server(408, "The answer did not come within the time for it.", "timeout")
    if isinstance(error, Gone):
        return Refused(LEFT, "The client has left.", code="client_gone")
    log.error("%s: %s", id, error.message)
    if isinstance(error, BrokenEnvironment):
        return _server(503, f"This model cannot answer now. {_LOGGED}", "unavailable", AGAIN_S)
    return _server(503, f"This model cannot answer: what it is made of does not hold here. {_LOGGED}", "unavailable")


def _server(status: int, message: str, code: str, retry_after_s: float | None = None) -> Refused:
    return Refused(status, message, type="server_error", code=code, retry_after_s=retry_after_s)


def outcome_of(error: BaseException, refused: Refused, *, latency_s: float) -> Outcome:
    """What the journal is told of a question that an error ended."""
    ending: Ending = next((word for kind, word in _ENDINGS.items() if isinstance(error, kind)), "failed")
    return Outcome(ending=ending, status=refused.status, reason=refused.message, latency_s=latency_s)


def without_paths(text: str) -> str:
    """A message without places of this machine."""
    return _PATH.sub("...", text)
