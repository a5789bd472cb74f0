"""Patience: a server that restarts is waited for, a dead one is not; what an answer took is what its own attempt took."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from recorded import Recorded, error, said
from stand_in import Server, completion

from rung.engine.answer import answer
from rung.engine.backend import ContextTooLong, Request
from rung.engine.backends.openai_http import OpenAIHTTP
from rung.engine.bases.resolve import open_backend
from rung.engine.http.finding import ServerFinding
from rung.engine.http.sending import Patience
from rung.engine.runtime import Runtime
from rung.errors import BrokenEnvironment, UserError
from rung.types import Candidate, Example

QUICK = Patience(attempts=4, first_wait_s=0.02, timeout_s=2.0, away_s=5.0)


@pytest.fixture(autouse=True)
def without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNG_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    made = Server()
    yield made
    stop(made)


def stop(server: Server) -> None:
    server.http.shutdown()
    server.http.server_close()


def opened(address: str, home: Path, patience: Patience = QUICK) -> OpenAIHTTP:
    made = open_backend(f"{address}#smol", home)
    assert isinstance(made, OpenAIHTTP)
    made.patience = patience
    return made


def ask(text: str = "hi") -> Request:
    return Request(messages=({"role": "user", "content": text},), max_tokens=4)


def test_an_answers_time_is_its_own_attempts(server: Server, home: Path) -> None:
    server.script = [error("busy", 503), (429, {}, {"Retry-After": "0.4"}, 0), (200, completion(), {}, 0)]
    [came] = opened(server.address, home).answer([ask()])
    assert server.times[-1] - server.times[0] > 0.35 and came.latency_s is not None and came.latency_s < 0.3


def test_a_server_that_restarts_is_waited_for(server: Server, home: Path) -> None:
    """It is away for longer than its attempts would last."""
    backend = opened(server.address, home, Patience(attempts=2, first_wait_s=0.02, timeout_s=2.0, away_s=20.0))
    backend.answer([ask()])
    port = server.http.server_port
    stop(server)
    again: list[Server] = []

    def restart() -> None:
        time.sleep(0.8)
        again.append(Server(port))

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        assert [one.text for one in backend.answer([ask("a"), ask("b")])] == ["hello", "hello"]
    finally:
        thread.join()
        stop(again[0])


def test_one_that_does_not_come_back_ends_it(server: Server, home: Path) -> None:
    backend = opened(server.address, home, Patience(attempts=2, first_wait_s=0.02, timeout_s=2.0, away_s=0.3))
    backend.answer([ask()])
    stop(server)
    with pytest.raises(BrokenEnvironment, match="does not answer"):
        backend.answer([ask()])
    server.http.server_close = server.http.shutdown = lambda: None


def test_one_that_reads_its_model_is_waited_for(server: Server, home: Path) -> None:
    server.script = [*[error("Loading model", 503)] * 6, (200, completion(), {}, 0)]
    backend = opened(server.address, home, Patience(attempts=2, first_wait_s=0.01, away_s=10.0))
    assert backend.answer([ask()])[0].text == "hello"


def test_a_question_that_was_cut_in_silence_is_too_long(server: Server, home: Path) -> None:
    def cuts(body: dict) -> tuple:
        reply = completion("hello")
        reply["usage"] = {"prompt_tokens": min(2050, len(body["messages"][0]["content"]) // 4), "completion_tokens": 2}
        return 200, reply, {}, 0.0

    server.script = [cuts]
    backend = opened(server.address, home)
    backend.know(ServerFinding(software="Ollama", context=4096))
    assert backend.answer([ask("word " * 1000)])[0].text == "hello"
    with pytest.raises(ContextTooLong, match=r"cut the question to its context of 4,096 tokens: it read 2,050 tokens"):
        backend.answer([ask("word " * 8000)])


def test_a_chunk_that_fails_keeps_what_came(server: Server, home: Path) -> None:
    """The next time only what is missing is asked: nothing is paid for twice."""
    server.script = [(200, completion("fine"), {}, 0)] * 5 + [error("Incorrect API key", 401)]
    kept: dict = {}
    cache = SimpleNamespace(load=lambda _, names: {n: kept[n] for n in names if n in kept}, store=lambda _, told: kept.update(told))
    rows = [Example(id=text, messages=({"role": "user", "content": text},)) for text in "abcdefgh"]
    backend = opened(server.address, home)
    backend.hold_to(1)
    runtime = Runtime(backend_for=lambda _: backend, blobs=None, cache=cache)  # type: ignore[arg-type]
    made = Candidate(rung="r1_prompt", base=backend.reference)
    with pytest.raises(UserError, match="refuses the key"):
        answer(made, rows, runtime)
    assert len(kept) == 5
    server.script = [(200, completion("fine"), {}, 0)]
    server.bodies.clear()
    answer(made, rows, runtime)
    assert len(server.bodies) == 3


def test_a_dead_one_is_not_waited_for(home: Path) -> None:
    began = time.monotonic()
    with pytest.raises(BrokenEnvironment, match="does not answer"):
        opened("http://127.0.0.1:9/v1", home, Patience()).answer([ask() for _ in range(5)])
    assert time.monotonic() - began < 10


def test_refused_tools_are_put_in_words_from_then_on(server: Server, home: Path) -> None:
    tool = {"name": "go", "parameters": {"type": "object", "properties": {}}}
    refusals = [
        error('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        error("tools param requires --jinja flag", 500),
        error("registry.ollama.ai/library/smol:latest does not support tools"),
        error("No endpoints found that support tool use.", 404),
        (422, {"detail": "Unexpected fields in the request: {'tools'}"}, {}, 0),
    ]
    for refusal in refusals:
        server.bodies.clear()
        server.script = [lambda body, refusal=refusal: refusal if "tools" in body else said(body, "{}")]
        backend = opened(server.address, home)
        asked = Request(messages=({"role": "user", "content": "hi"},), tools=(tool,))
        assert [one.text for one in backend.answer([asked])] == ["{}"], refusal
        assert len(server.bodies) == 2 and '"name":"go"' in server.bodies[1]["messages"][0]["content"]
        backend.answer([asked])
        assert len(server.bodies) == 3


def test_a_tool_that_is_wrong_is_the_users(server: Server, home: Path) -> None:
    server.script = [error("Invalid 'tools[0].function.name': string does not match the pattern")]
    with pytest.raises(UserError, match=r"function\.name"):
        opened(server.address, home).answer([Request(messages=({"role": "user", "content": "hi"},), tools=({"name": "a b"},))])


def test_what_came_before_a_failure_is_told(home: Path) -> None:
    """An answer that was paid for is kept, whatever becomes of the others: the refusal comes while others are under way."""

    def one_is_refused(body: dict) -> tuple:
        if body["messages"][-1]["content"] == "bad":
            return error("Incorrect API key", 401)
        return (200, completion("fine"), {}, 0.15)

    server = Recorded(one_is_refused).start()
    kept: dict[int, str] = {}
    try:
        backend = opened(server.address, home)
        with pytest.raises(UserError, match="refuses the key"):
            backend.answer_each(
                [ask("a"), ask("b"), ask("bad"), ask("c")],
                lambda came: kept.update({place: one.text for place, one in came.items()}),
            )
    finally:
        stop(server)
    answered = [body["messages"][-1]["content"] for body in server.bodies if body["messages"][-1]["content"] != "bad"]
    assert kept == {"abXc".index(name): "fine" for name in answered}
