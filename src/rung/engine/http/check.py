"""The check of a server: a dozen tiny questions, asked side by side, that tell what it does with what it is sent.

That a field is taken says nothing: servers and proxies drop what they do not know. So each question is one whose answer shows it:
nobody who is asked about the weather says `amber` or `cobalt` unless held to it, and tools that reach a model take tokens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rung.engine.backend import Asked as Form
from rung.engine.backend import price_usd
from rung.engine.http.batch.provider import NO_BATCHES, Provider
from rung.engine.http.body import OWN_CHOICE, response_format
from rung.engine.http.completion import json_object
from rung.engine.http.finding import Held, ServerFinding
from rung.engine.http.identity import UNKNOWN, ServerIdentity, of_answer
from rung.engine.http.line import Line
from rung.engine.http.listing import Listing, read_listing
from rung.engine.http.refusals import Asked, NoAnswer, refused_for
from rung.engine.http.sending import Contact, Patience, Reply, post
from rung.engine.http.spending import Purse
from rung.engine.http.unknown import unknown_field
from rung.errors import BrokenEnvironment, RungError, UserError, did_you_mean
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.sources.address import ServerAddress
from rung.types import Answer

_QUESTION = "What is the weather in Rome?"
_RANDOM = "Write a random word and a random number."
_CHOICES = ("amber", "cobalt")
_TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city, now.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
# Side by side, beside those by which the first one finds its form.
MOST_QUESTIONS = 12
_MANY, _FEW = 20, 5
# Tokens for an answer; for one of a model that thinks first; how long one may take, and the making of a connection.
_SHORT, _FORM, _THOUGHT = 12, 48, 1024
_TIMEOUT_S, _CONNECT_S, _LOOK_S = 60.0, 5.0, 5.0
_START = "Start the server, or mend the address in `base:`; a proxy between may be in the way (NO_PROXY leaves it out)."
_PATIENCE = Patience(attempts=3, first_wait_s=0.4, longest_wait_s=5.0)


@dataclass(frozen=True, kw_only=True)
class Server:
    """Whom to check, and what its answers are paid from."""

    address: str
    model: str
    purse: Purse = field(default_factory=Purse)

    @property
    def asked(self) -> Asked:
        """As messages name it."""
        return Asked(address=ServerAddress.read(self.address), model=self.model)


def check(
    server: Server, form: Form | None = None, *, batches: bool = False, answered: Callable[[], None] = lambda: None
) -> ServerFinding:
    """What a server does. It costs some 12 answers of a few tokens.

    form      what answers will be held to: tried as well, for servers hold some schemas and not others
    batches   whether questions will be handed in as batches
    answered  is called once the first question is answered: somebody is there, who takes the key and knows the model

    Raises UserError where nobody is there, the key is refused, the model is not known or nothing is answered, or where there are no
    batches and there must be; BudgetSpent.
    """
    import httpx

    began = time.monotonic()
    with Line(server.asked, httpx.Timeout(_TIMEOUT_S, connect=_CONNECT_S, pool=None)) as line:
        asking = _Asking(line=line, server=server)
        with ThreadPoolExecutor(max_workers=MOST_QUESTIONS) as pool:
            listed = pool.submit(read_listing, line, server.model)
            first = asking.first(listed.result)
            answered()
            finding = _probed(asking, first, form, pool)
            if batches:
                _look_for_batches(line, server)
                finding["batches"] = True
        return ServerFinding(
            **finding,
            **listed.result().facts(),
            identity=listed.result().identity.with_answer(first.identity),
            without=tuple(sorted(asking.refused)),
            checked=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            seconds=round(time.monotonic() - began, 2),
            requests=asking.requests,
        )


def _look_for_batches(line: Line, server: Server) -> None:
    if not Provider(line=line, asked=server.asked, away_s=_PATIENCE.longest_wait_s).is_there():
        raise UserError("the server has no batches: there is nothing under /batches", where=server.address, hint=NO_BATCHES)


def look(server: Server) -> ServerIdentity:
    """What a server says of its model without being asked a question; nothing where nobody is there."""
    import httpx

    try:
        with Line(server.asked, httpx.Timeout(_LOOK_S)) as line:
            return read_listing(line, server.model).identity
    except RungError:
        return UNKNOWN


def is_there(server: Server) -> None:
    """One look at a server that was checked before, without a question. Raises UserError where nobody is there."""
    import httpx

    with Line(server.asked, httpx.Timeout(_LOOK_S)) as line:
        try:
            line.get("/models")
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            problem = f"nobody is there ({type(error).__name__}: {error})"
            raise UserError(problem, where=server.address, hint=_START) from None
        except httpx.HTTPError:
            return


def _probed(asking: _Asking, first: _Said, form: Form | None, pool: ThreadPoolExecutor) -> dict[str, Any]:
    """The findings of the questions that are asked side by side."""
    room = _THOUGHT if first.thinks else _FORM
    ask = asking.ask
    schema = pool.submit(ask, room, response_format=response_format(ChoiceConstraint(choices=_CHOICES)))
    own = pool.submit(ask, room, response_format=response_format(form)) if isinstance(form, SchemaConstraint) else None
    choices = {name: pool.submit(ask, room, **{name: write(_CHOICES)}) for name, write in OWN_CHOICE.items()}
    logprobs = pool.submit(_alternatives, asking)
    tools = pool.submit(ask, _SHORT, tools=[_TOOL])
    seeds = [pool.submit(ask, _SHORT, _RANDOM, temperature=1.0, seed=7) for _ in range(2)]
    return {
        "schema": _held(schema.result(), lambda text: (json_object(text) or {}).get("answer") in _CHOICES),
        "own_form": _held(own.result(), lambda text: text.lstrip().startswith("{")) if own else "unknown",
        "choice": next((name for name, said in choices.items() if said.result().text.strip() in _CHOICES), ""),
        "top_logprobs": logprobs.result(),
        "tools": _tools(tools.result(), first),
        "counts_tokens": first.prompt_tokens is not None,
        "seeds": _same(*[said.result() for said in seeds]) if not first.thinks and "seed" not in asking.refused else None,
        "thinks": first.thinks,
    }


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What a question of the check brought. `taken` is False where it was refused, None where nothing is known."""

    taken: bool | None
    choice: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)
    identity: ServerIdentity = UNKNOWN

    @property
    def message(self) -> Mapping[str, Any]:
        message = self.choice.get("message")
        return message if isinstance(message, Mapping) else {}

    @property
    def text(self) -> str:
        content = self.message.get("content")
        return content if isinstance(content, str) else ""

    @property
    def prompt_tokens(self) -> int | None:
        count = self.usage.get("prompt_tokens")
        return count if isinstance(count, int) else None

    @property
    def thinks(self) -> bool:
        details = self.usage.get("completion_tokens_details")
        counted = isinstance(details, Mapping) and bool(details.get("reasoning_tokens"))
        apart = any(self.message.get(name) for name in ("reasoning_content", "reasoning"))
        return counted or apart or self.text.lstrip().startswith("<think")


@dataclass(kw_only=True)
class _Asking:
    """Asks one server, and counts."""

    line: Line
    server: Server
    refused: set[str] = field(default_factory=set)
    requests: int = 0
    contact: Contact = field(default_factory=Contact)

    def first(self, listing: Any) -> _Said:
        """The plain question, by which what every question has in common is found. Raises UserError where it is not answered."""
        reply = None
        for _ in range(6):
            body = self._body(_SHORT, _QUESTION, {})
            try:
                reply = self._sent(body)
            except (BrokenEnvironment, NoAnswer) as error:
                raise _silent(error, self.server.address) from None
            if reply.status == 200:
                return _read(reply)
            unknown = unknown_field(body, reply.status, reply.text)
            if unknown is None:
                break
            self.refused.add(unknown)
        assert reply is not None
        raise _refusal(reply, self.server, listing())

    def ask(self, tokens: int, question: str = _QUESTION, **fields: Any) -> _Said:
        """One more question, with these fields beside. What a server has against it is a finding, no error."""
        try:
            reply = self._sent(self._body(tokens, question, fields))
        except (BrokenEnvironment, NoAnswer):
            return _Said(taken=None)
        return _read(reply) if reply.status == 200 else _Said(taken=False)

    def _body(self, tokens: int, question: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        limit = "max_completion_tokens" if "max_tokens" in self.refused else "max_tokens"
        plain: dict[str, Any] = {"temperature": 0.0, "seed": 0, **fields}
        return {
            "model": self.server.model,
            "messages": [{"role": "user", "content": question}],
            limit: tokens,
            **{name: value for name, value in plain.items() if name not in self.refused},
        }

    def _sent(self, body: Mapping[str, Any]) -> Reply:
        purse = self.server.purse
        with purse.paying(body, self.server.address) as bill:
            self.requests += 1
            reply = post(self.line, self.server.address, body, _PATIENCE, self.contact, partial(bill.lost, body))
            if reply.status == 200:
                usage = _read(reply).usage
                asked, said = usage.get("prompt_tokens"), usage.get("completion_tokens")
                bill.pay(price_usd(purse.prices, Answer(text="", prompt_tokens=asked, completion_tokens=said)), body)
        return reply


def _alternatives(asking: _Asking) -> int:
    """How many alternatives to a token come with log-probabilities."""
    for many in (_MANY, _FEW):
        said = asking.ask(4, logprobs=True, top_logprobs=many)
        if said.taken is not False:
            break
    logprobs = said.choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    first = content[0] if isinstance(content, list) and content and isinstance(content[0], Mapping) else {}
    return min(many, len(first.get("top_logprobs") or ()))


def _held(said: _Said, fits: Any) -> Held:
    if said.taken is None:
        return "unknown"
    return "refused" if said.taken is False else "held" if fits(said.text) else "ignored"


def _tools(said: _Said, first: _Said) -> Held:
    """Tools that reach a model are called, or at least read."""
    if said.taken is not True:
        return "refused" if said.taken is False else "unknown"
    if said.message.get("tool_calls") or said.message.get("function_call"):
        return "held"
    if said.prompt_tokens is None or first.prompt_tokens is None:
        return "unknown"
    return "held" if said.prompt_tokens > first.prompt_tokens else "ignored"


def _same(one: _Said, other: _Said) -> bool | None:
    return one.text == other.text if one.text and other.text else None


def _read(reply: Reply) -> _Said:
    choice = next(choice for choice in reply.content["choices"] if isinstance(choice, Mapping))
    usage = reply.content.get("usage")
    return _Said(taken=True, choice=choice, usage=usage if isinstance(usage, Mapping) else {}, identity=of_answer(reply.content))


def _silent(error: BrokenEnvironment | NoAnswer, address: str) -> UserError:
    told = error.error if isinstance(error, NoAnswer) else error
    return UserError(told.problem, where=address, hint=_START)


def _refusal(reply: Reply, server: Server, listing: Listing) -> Exception:
    """Why the plain question was refused: first of all because there is no such model."""
    if reply.status in (400, 404, 422) and listing.models and not listing.has(server.model):
        hint = did_you_mean(server.model, listing.models)
        return UserError(f"the server has no model '{server.model}'", where=server.address, hint=hint)
    refusal = refused_for(reply.status, reply.text, server.asked)
    return refusal.error if isinstance(refusal, NoAnswer) else refusal
