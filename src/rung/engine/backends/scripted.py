"""A function of yours that answers in the place of a model: for tests, and for systems that are asked in their own way.

`scripted:file.py#function` calls `function(request)` with a plain dict (messages, tools, constraint, max_tokens, temperature,
top_p, seed, adapters: a list of {folder, digest, weight}; shared: how many of the messages stand before every question, where any
do) and takes the answer's text, or a dict of rung.types.Answer's fields.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rung.engine.backend import Request
from rung.engine.bases.resolve import Base
from rung.engine.http.live.hearing import Hearing
from rung.engine.http.live.listening import refuse_left
from rung.engine.http.sampling import drawn
from rung.errors import UserError, did_you_mean
from rung.json_form import as_json
from rung.types import Answer
from rung.user_code import load_function

# How often who waits for the function looks whether anybody still waits for them.
_LOOK_S = 0.05
# A script says whole texts, and no tokens.
_FIELDS = {field.name for field in dataclasses.fields(Answer)} - {"tokens"}


def open(base: Base, *, prices: Mapping[str, float] | None = None) -> Scripted:
    """The function, ready to answer. Raises UserError where the file cannot be run or has no such function."""
    file, name = base.reference.name, base.reference.member
    return Scripted(
        reference=base.pinned,
        where=file,
        function=load_function(Path(file).expanduser(), name, hint="Write scripted:file.py#function."),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scripted:
    """A Backend that calls a function, one request after the other."""

    reference: str
    where: str
    function: Callable[[dict[str, Any]], Any]
    template: str = ""
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False, compare=False)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Raises UserError where the function fails, or returns something that is no answer; Gone and Late where somebody waits.

        It is called from one thread at a time. What it says is heard as a whole.
        """
        return [self._one(request) if request.caller is None else self._waited_for(drawn(request)) for request in requests]

    def _waited_for(self, request: Request) -> Answer:
        assert request.caller is not None
        hearing = Hearing(caller=request.caller, through=False)
        while not self._lock.acquire(timeout=_LOOK_S):
            refuse_left(request.caller)
        try:
            refuse_left(request.caller)
            said = self._one(dataclasses.replace(request, caller=None))
        finally:
            self._lock.release()
        refuse_left(request.caller)
        return hearing.end(said)

    def _one(self, request: Request) -> Answer:
        adapters = [{**dataclasses.asdict(use), "folder": str(use.folder)} for use in request.adapters]
        began = time.perf_counter()
        try:
            said = self.function({**as_json(request), "messages": list(request.messages), "adapters": adapters})
        except Exception as error:
            raise UserError(f"the scripted model failed: {type(error).__name__}: {error}", where=self.where) from error
        fields = {"text": said} if isinstance(said, str) else said
        if not isinstance(fields, Mapping) or not isinstance(fields.get("text"), str):
            raise UserError(
                f"the scripted model returned {type(said).__name__}", where=self.where, hint="Return text, or a dict with text."
            )
        for key in fields:
            if key not in _FIELDS:
                raise UserError(
                    f"the scripted model returned an unknown '{key}'", where=self.where, hint=did_you_mean(key, _FIELDS)
                )
        return Answer(**{"latency_s": time.perf_counter() - began, **fields})
