"""Candidates of a base on this machine, answered by a vLLM server that has the same base loaded."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from rung.engine.backend import AdapterUse, ContextTooLong, Keep, Request, Say, price_usd, quiet
from rung.engine.bases.folder import digest_folder
from rung.engine.bases.resolve import Base
from rung.engine.caller import Caller, Sampling
from rung.engine.http.completion import json_object
from rung.engine.http.line import Line
from rung.engine.http.listing import Listing, read_listing
from rung.engine.http.live.asking import Live, Other, Put
from rung.engine.http.live.hearing import Hearing
from rung.engine.http.refusals import Asked, NoAnswer, refused_for
from rung.engine.http.sampling import drawn
from rung.engine.http.sending import Patience, Reply, time_limits
from rung.engine.http.vllm.adapters import HeldAdapters
from rung.engine.http.vllm.prompts import Prompts, read
from rung.errors import BrokenEnvironment, RungError, UserError
from rung.types import Answer

# Questions of an evaluation that are under way at once.
_SIDE_BY_SIDE = 32


@dataclass(frozen=True, kw_only=True)
class VllmSettings:
    """Which server, and what of it.

    most      adapters that it may hold at once (its --max-cpu-loras)
    secret    from which each tenant's salt is made; another gateway's, where two are to share what the server keeps
    """

    asked: Asked
    most: int = 64
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    patience: Patience = field(default_factory=Patience)


class Vllm:
    """A Backend. It is asked for the tokens that the base's own folder renders, so that no other template has a part in it."""

    def __init__(self, base: Base, settings: VllmSettings, *, prices: Mapping[str, float] | None = None) -> None:
        if base.folder is None:
            raise UserError("the base is not on this machine: its prompts cannot be rendered", where=base.reference.bare)
        self.reference, self.template = base.pinned, base.template_digest
        self._base, self._settings, self._prices = base, settings, prices or {}
        self._prompts = Prompts(base.folder)
        self._live = Live(asked=settings.asked, timeout=time_limits(settings.patience))
        self._lock = threading.Lock()
        self._checked: Listing | None = None

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """As a Backend. Raises UserError for adapters that are stacked; Gone, Late and Full where somebody waits."""
        return self.answer_each(requests, lambda _answers: None)

    def answer_each(self, requests: Sequence[Request], keep: Keep, say: Say = quiet) -> list[Answer]:
        """The same; `keep` hears answers as they come. Those that somebody waits for are asked one after the other."""
        self._check()
        if len(requests) and requests[0].caller is not None:
            return [self._kept(place, requests[place], keep) for place in range(len(requests))]
        answers: dict[int, Answer] = {}
        problems: dict[int, str] = {}

        def one(place: int) -> None:
            try:
                answers[place] = self._kept(place, requests[place], keep)
            except ContextTooLong as error:
                problems[place] = error.problem

        with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE) as pool:
            list(pool.map(one, range(len(requests))))
        if problems:
            raise ContextTooLong(problems, answers, where=self._where)
        return [answers[place] for place in range(len(requests))]

    @property
    def context_tokens(self) -> int | None:
        """How many tokens the server reads at most, the answer included."""
        return self._check().context

    def engine(self) -> str:
        """What computes, for fingerprints: the server's name and version; its name alone where it does not say which."""
        import httpx

        try:
            told = json_object(self._line.get("/version", root=True).text) or {}
        except (httpx.HTTPError, RungError):
            told = {}
        return f"vllm {told.get('version', '')}".strip()

    def close(self) -> None:
        """Nobody is asked any more."""
        self._live.close()
        self._line.__exit__()

    def _kept(self, place: int, request: Request, keep: Keep) -> Answer:
        said = self._one(request if request.caller is None else drawn(request))
        keep({place: said})
        return said

    def _one(self, request: Request) -> Answer:
        caller = request.caller or Caller(sampling=Sampling(temperature=request.temperature))
        ids = self._prompts.ids(request)
        hearing = Hearing(caller=caller, through=True)
        try:
            with self._adapters.used(request.adapters) as name:
                reply = self._sent(request, ids, name, hearing)
            if reply.status == 404 and request.adapters:
                self._adapters.forget(request.adapters[0])
                with self._adapters.used(request.adapters) as name:
                    reply = self._sent(request, ids, name, hearing)
        except Other as other:
            problem = f"'{other}' answered in the place of '{name}': nothing of it was passed on"
            raise BrokenEnvironment(problem, where=self._where, hint="Ask the server itself, with no router before it.") from None
        if reply.status != 200:
            raise self._refused(reply)
        said = read(reply, request)
        return hearing.end(replace(said, cost_usd=price_usd(self._prices, said)))

    def _sent(self, request: Request, ids: list[int], name: str, hearing: Hearing) -> Reply:
        context = self._check().context
        if context is not None and len(ids) >= context:
            problem = f"the prompt has {len(ids):,} tokens and the server reads at most {context:,}, its answer included"
            raise ContextTooLong({0: problem}, where=self._where)
        room = None if context is None else context - len(ids)
        salt = self._salt(hearing.caller.tenant, request.adapters)
        body = self._prompts.body(request, ids, model=name, salt=salt, room=room)
        return self._live.ask(Put(body=body, end="/completions", model=name), hearing)

    def _salt(self, tenant: str, adapters: Sequence[AdapterUse]) -> str:
        """What is kept of a tenant's prompts is told apart from all others', and by the weights that it was computed with."""
        of = "\n".join((tenant, self._base.digest, *(use.digest for use in adapters)))
        return hmac.new(self._settings.secret, of.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def _refused(self, reply: Reply) -> Exception:
        error = refused_for(reply.status, reply.text, self._settings.asked)
        return error.error if isinstance(error, NoAnswer) else error

    def _check(self) -> Listing:
        """What the server says of itself, looked at once. Raises UserError where another base than this one is loaded there."""
        with self._lock:
            if self._checked is None:
                listing = read_listing(self._line, self._settings.asked.model)
                _refuse_other(listing, self._base, self._where)
                self._checked = listing
            return self._checked

    @cached_property
    def _line(self) -> Line:
        return Line(self._settings.asked, time_limits(self._settings.patience))

    @cached_property
    def _adapters(self) -> HeldAdapters:
        asked = self._settings.asked
        return HeldAdapters(line=self._line, where=self._where, model=asked.model, most=self._settings.most)

    @property
    def _where(self) -> str:
        return str(self._settings.asked.address)


def _refuse_other(listing: Listing, base: Base, where: str) -> None:
    model = listing.model
    if not listing.models:
        raise BrokenEnvironment("the server shows no list of models", where=where, hint="Start it, or mend its address.")
    if not listing.has(model):
        raise UserError(f"the server has no model '{model}'", where=where, hint=f"It has: {', '.join(listing.models[:10])}.")
    if listing.software != "vLLM":
        problem = f"what answers there is {listing.software or 'no vLLM'}: adapters are loaded into vLLM only"
        raise UserError(problem, where=where, hint="Name another server as the task's base: https://host/v1#model.")
    loaded = Path(listing.identity.file)
    if loaded.is_absolute() and loaded.is_dir() and digest_folder(loaded) != base.digest:
        raise UserError(f"the server has another model loaded: {loaded} is not {base.reference.bare}", where=where)
