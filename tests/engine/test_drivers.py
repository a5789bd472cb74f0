"""One contract for whatever answers a question that somebody waits for: the same behaviours of every driver.

What one of them does otherwise stands in EXCEPTIONS by its name, and in docs/engines.md.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from played_vllm import BASE, PlayedVllm
from recorded import filled
from streaming_server import Out, StreamingServer

from rung.engine.backend import ADAPTER_FILES, AdapterUse, ContextTooLong, Request
from rung.engine.bases.resolve import open_backend, resolve
from rung.engine.caller import Caller, Gone, Late, Piece, Sampling
from rung.errors import RungError, UserError
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.registry.store import BlobStore
from rung.types import CUT_OFF, Answer

DRIVERS = ("local", "http", "vllm", "scripted")
# (driver, behaviour): what it does otherwise, as docs/engines.md says it.
EXCEPTIONS = {
    ("http", "adapters"): "refuses them",
    ("http", "stacks"): "refuses them",
    ("http", "context"): "goes by the server's refusal",
    ("vllm", "stacks"): "refuses them",
    ("scripted", "pieces"): "says its answer in one piece",
    ("scripted", "logprobs"): "tells none",
    ("scripted", "leaving"): "lets its function end first",
    ("scripted", "limit"): "hands the limit to its function",
    ("scripted", "context"): "has none",
}
SCHEMA = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"], "additionalProperties": False}
SCRIPT = """
import json
def answer(request):
    held = request["constraint"]
    if held and "choices" in held:
        return held["choices"][0]
    if held:
        return json.dumps({"a": True})
    who = "+".join(f"{use['digest'][:6]}*{use['weight']}" for use in request["adapters"]) or "base"
    return f"{who} says to {request['messages'][-1]['content']}: " + "so " * 20
"""


@dataclass(kw_only=True)
class Driver:
    """A backend under test. `uses` are two adapters of its base, `slow` makes its next answers slow where it can."""

    name: str
    backend: Any
    uses: tuple[AdapterUse, ...]
    slow: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None
    ears: list[Any] = field(default_factory=list)

    def ask(self, text: str = "hi", *uses: AdapterUse, caller: Caller | None = None, **fields: Any) -> tuple[Answer, list[Piece]]:
        pieces: list[Piece] = []
        asked = replace(caller or Caller(), hear=lambda piece: (caller.hear(piece) if caller else None, pieces.append(piece))[1])
        request = Request(messages=({"role": "user", "content": text},), adapters=uses, caller=asked, max_tokens=24)
        return self.backend.answer([replace(request, **fields)])[0], pieces


def _played(body: dict[str, Any], out: Out) -> None:
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    text = json.dumps(filled(schema)) if schema else f"base says to {body['messages'][-1]['content']}: " + "so " * 20
    pieces = [text[at : at + 4] for at in range(0, len(text), 4)]
    limit = body["max_tokens"]
    finish = "length" if len(pieces) > limit else "stop"
    usage = {"prompt_tokens": 7, "completion_tokens": min(limit, len(pieces))}
    if not body.get("stream"):
        message = {"content": "".join(pieces[:limit])}
        return out.reply(200, {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage})
    for piece in pieces[:limit]:
        entry = {"token": piece, "logprob": -0.1, "bytes": list(piece.encode())}
        others = [entry, *({**entry, "token": f"x{n}", "logprob": -1.0 - n} for n in range(5))][: body.get("top_logprobs", 0)]
        told = {"logprobs": {"content": [{**entry, "top_logprobs": others}]}} if body.get("logprobs") else {}
        out.event({"choices": [{"index": 0, "delta": {"content": piece}, **told}]})
    out.event({"choices": [], "usage": usage})
    out.said(finish=finish, usage=False)


def _files(folder: Path) -> tuple[AdapterUse, ...]:
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
        for file in ADAPTER_FILES:
            (folder / name / file).write_text(f"{name} {file}")
    return tuple(AdapterUse.of(folder / name) for name in ("one", "two"))


def _local(tiny: Path, place: Path, stack: ExitStack) -> Driver:
    from tiny_adapter import make_tiny_adapter

    from rung.engine import live

    blobs = BlobStore(place / "blobs", writable=True)
    digests = [blobs.put_tree(make_tiny_adapter(tiny, place / f"a{rank}", rank=rank)) for rank in (2, 3)]
    runtime = live.open_live_runtime(place, blobs)
    stack.callback(runtime.close)
    backend = runtime.backend_for(resolve(str(tiny), place).pinned)
    return Driver(name="local", backend=backend, uses=tuple(AdapterUse(folder=blobs.local(one), digest=one) for one in digests))


def _vllm(tiny: Path, place: Path, stack: ExitStack) -> Driver:
    from rung.engine.http.refusals import Asked
    from rung.engine.http.vllm.driver import Vllm, VllmSettings
    from rung.sources.address import ServerAddress

    server = PlayedVllm(context=256)
    stack.callback(server.close)
    asked = Asked(address=ServerAddress.read(server.address), model=BASE)
    return Driver(name="vllm", backend=Vllm(resolve(str(tiny), place), VllmSettings(asked=asked)), uses=_files(place / "adapters"))


def _http(tiny: Path, place: Path, stack: ExitStack) -> Driver:
    server = StreamingServer(_played)
    stack.callback(server.close)
    return Driver(name="http", backend=open_backend(f"{server.address}#tiny", place), uses=_files(place / "adapters"))


def _scripted(tiny: Path, place: Path, stack: ExitStack) -> Driver:
    (place / "model.py").write_text(SCRIPT)
    return Driver(
        name="scripted", backend=open_backend(f"scripted:{place}/model.py#answer", place), uses=_files(place / "adapters")
    )


@pytest.fixture(scope="module", params=DRIVERS)
def driver(request: pytest.FixtureRequest, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patched:
        for name in ("RUNG_API_KEY", "OPENAI_API_KEY"):
            patched.delenv(name, raising=False)
        make = {"local": _local, "http": _http, "vllm": _vllm, "scripted": _scripted}[request.param]
        yield make(tiny_base, tmp_path_factory.mktemp(request.param), stack)


def without(behaviour: str, driver: Driver) -> bool:
    return (driver.name, behaviour) in EXCEPTIONS


def test_pieces_are_the_answer(driver: Driver) -> None:
    said, pieces = driver.ask()
    assert said.text and "".join(piece.text for piece in pieces) == said.text
    assert len(pieces) > 1 or without("pieces", driver)
    assert all(piece.text.encode("utf-8") for piece in pieces if piece.text), "whole characters"


def test_the_same_with_and_without_somebody_who_waits(driver: Driver) -> None:
    request = Request(messages=({"role": "user", "content": "hi"},), max_tokens=24)
    assert driver.backend.answer([request])[0].text == driver.ask()[0].text


def test_limit(driver: Driver) -> None:
    said, _ = driver.ask(caller=Caller(sampling=Sampling(max_tokens=3)))
    if not without("limit", driver):
        assert said.finish_reason == CUT_OFF and said.completion_tokens == 3


def test_a_stop_is_no_part_of_the_answer(driver: Driver) -> None:
    text = driver.ask()[0].text
    middle = len(text) // 2
    stop = text[middle : middle + 3]
    said, pieces = driver.ask(caller=Caller(sampling=Sampling(stop=(stop, "never said"))))
    assert said.text == text[: text.index(stop)] == "".join(piece.text for piece in pieces) and said.finish_reason == "stop"


def test_who_is_gone_or_late_is_not_answered(driver: Driver) -> None:
    caller = Caller()
    caller.gone.set()
    with pytest.raises(Gone):
        driver.ask(caller=caller)
    with pytest.raises(Late):
        driver.ask(caller=Caller(deadline=time.monotonic() - 1))
    assert driver.ask()[0].text, "others are answered"


def test_leaving_on_the_way(driver: Driver) -> None:
    gone, heard = threading.Event(), []

    def hear(piece: Piece) -> None:
        heard.append(piece)
        gone.set()

    if without("leaving", driver):
        return
    with pytest.raises(Gone):
        driver.ask("slow", caller=Caller(hear=hear, gone=gone), max_tokens=200)
    assert driver.ask()[0].text


def test_many_at_once(driver: Driver) -> None:
    alone = {text: driver.ask(text)[0].text for text in ("a", "b", "c")}
    with ThreadPoolExecutor(max_workers=12) as pool:
        asked = [text for text in alone for _ in range(8)]
        assert [said.text for said, _ in pool.map(driver.ask, asked)] == [alone[text] for text in asked]


def test_choices_and_schemas_hold(driver: Driver) -> None:
    said, pieces = driver.ask(constraint=ChoiceConstraint(choices=("red", "blue")))
    assert said.text in ("red", "blue") and "".join(piece.text for piece in pieces) == said.text
    said, pieces = driver.ask(constraint=SchemaConstraint(schema=SCHEMA))
    assert isinstance(json.loads(said.text)["a"], bool) and "".join(piece.text for piece in pieces) == said.text


def test_logprobs(driver: Driver) -> None:
    said, pieces = driver.ask(caller=Caller(sampling=Sampling(top_logprobs=3, max_tokens=4)))
    tokens = [token for piece in pieces for token in piece.tokens]
    if without("logprobs", driver):
        assert not tokens
        return
    assert b"".join(token.data for token in tokens).decode("utf-8", "replace").startswith(said.text)
    for token in tokens:
        told = [logprob for _, _, logprob in token.top]
        assert token.logprob <= 0 and len(token.top) == 3 and told == sorted(told, reverse=True)


def test_adapters(driver: Driver) -> None:
    if without("adapters", driver):
        with pytest.raises(UserError, match="cannot be adapted"):
            driver.ask("hi", driver.uses[0])
        return
    base, one, two = (driver.ask("hi", *uses)[0].text for uses in ((), driver.uses[:1], driver.uses[1:]))
    assert len({base, one, two}) == 3
    assert driver.ask("hi", driver.uses[0])[0].text == one and driver.ask()[0].text == base


def test_stacks(driver: Driver) -> None:
    whole, half = driver.uses[0], replace(driver.uses[1], weight=0.5)
    for uses in ((whole, half), (half,)):
        if without("stacks", driver):
            with pytest.raises(UserError):
                driver.ask("hi", *uses)
        else:
            assert driver.ask("hi", *uses)[0].text


def test_an_adapter_that_vanished_is_never_the_base(driver: Driver, tmp_path: Path) -> None:
    gone = AdapterUse(folder=tmp_path / "none", digest="f" * 64)
    if driver.name != "scripted":
        with pytest.raises((RungError, OSError)):
            driver.ask("hi", gone)


def test_context(driver: Driver) -> None:
    if not without("context", driver):
        with pytest.raises(ContextTooLong):
            driver.ask("word " * 5000)


def test_exceptions_are_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "engines.md").read_text("utf-8")
    told = {(row[0], row[1]): row[2] for row in re.findall(r"^\| `(\w+)` \| (\w+) \| (.+?) \|$", page, re.MULTILINE)}
    assert told == EXCEPTIONS
    behaviours = {name.removeprefix("test_") for name in globals() if name.startswith("test_")} | {"pieces", "leaving"}
    assert {behaviour for _, behaviour in EXCEPTIONS} <= behaviours
