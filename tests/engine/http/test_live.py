"""Answers of a server that somebody waits for: heard as they come, given up at once, refused when it is full."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from streaming_server import Out, StreamingServer

from rung.engine.backend import ContextTooLong, Request
from rung.engine.backends.openai_http import OpenAIHTTP
from rung.engine.bases.resolve import open_backend
from rung.engine.caller import Caller, Full, Gone, Late, Piece, Sampling
from rung.engine.http.sending import Patience
from rung.errors import BrokenEnvironment, UserError
from rung.parts import ChoiceConstraint, SchemaConstraint

QUESTION = ({"role": "user", "content": "hi"},)
OBJECT = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


@pytest.fixture(scope="module")
def server() -> Iterator[StreamingServer]:
    made = StreamingServer(lambda body, out: out.said("hello"))
    yield made
    made.close()


@pytest.fixture
def backend(server: StreamingServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIHTTP]:
    for name in ("RUNG_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    server.bodies.clear(), server.paths.clear(), server.ports.clear()
    made = open_backend(f"{server.address}#tiny", home)
    assert isinstance(made, OpenAIHTTP)
    made.patience = Patience(timeout_s=5.0)
    yield made
    made.close()


class Ear:
    """Hears pieces."""

    def __init__(self, **caller: Any) -> None:
        self.pieces: list[Piece] = []
        self.first = threading.Event()
        self.caller = Caller(hear=self._hear, **caller)

    def _hear(self, piece: Piece) -> None:
        self.pieces.append(piece)
        self.first.set()

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    def ask(self, backend: OpenAIHTTP, **fields: Any) -> Any:
        return backend.answer([Request(messages=QUESTION, caller=self.caller, **fields)])[0]


def test_pieces_are_heard_as_they_come_and_are_the_answer(server: StreamingServer, backend: OpenAIHTTP) -> None:
    ear, heard = Ear(sampling=Sampling(max_tokens=9)), threading.Event()

    def play(body: dict[str, Any], out: Out) -> None:
        out.said("Hé", finish=None)
        assert ear.first.wait(5), "the first piece waits for the second"
        heard.set()
        out.said("l", "lo \U0001f600")

    server.play = play
    said = ear.ask(backend, max_tokens=500)
    assert heard.is_set() and said.text == ear.text == "Héllo \U0001f600"
    assert (said.finish_reason, said.prompt_tokens, said.completion_tokens) == ("stop", 7, 2) and said.latency_s > 0
    sent = server.bodies[0]
    assert sent["stream"] is True and sent["stream_options"] == {"include_usage": True} and sent["max_tokens"] == 9


def test_a_line_is_used_again(server: StreamingServer, backend: OpenAIHTTP) -> None:
    server.play = lambda body, out: out.said("a", "b")
    for _ in range(4):
        Ear().ask(backend)
        time.sleep(0.02)
    assert len(server.ports) == 1


def test_how_it_is_drawn(server: StreamingServer, backend: OpenAIHTTP) -> None:
    server.play = lambda body, out: out.said("a")
    Ear(sampling=Sampling(temperature=0.7, top_p=0.9, seed=5, stop=("x", "y"), top_logprobs=3)).ask(backend)
    told = {name: server.bodies[0].get(name) for name in ("temperature", "top_p", "seed", "stop", "logprobs", "top_logprobs")}
    assert told == {"temperature": 0.7, "top_p": 0.9, "seed": 5, "stop": ["x", "y"], "logprobs": True, "top_logprobs": 3}
    Ear(sampling=Sampling(top_p=0.3, seed=5)).ask(backend, temperature=1.0)
    assert server.bodies[1]["temperature"] == 0.0 and "top_p" not in server.bodies[1] and server.bodies[1]["seed"] == 0


@pytest.mark.parametrize(
    ("pieces", "stops", "text"),
    [
        (["one ST", "OP two"], ("STOP",), "one "),  # in two pieces
        (["one S", "T", "ep"], ("STOP",), "one STep"),  # what began like one and was none
        (["aab", "c"], ("abc", "bc"), "a"),  # of two the first
        (["abc"], ("abc",), ""),
        (["x", "\n", "\ny"], ("\n\n",), "x"),
    ],
)
def test_an_answer_ends_before_a_stop_that_the_server_did_not_heed(
    server: StreamingServer, backend: OpenAIHTTP, pieces: list[str], stops: tuple[str, ...], text: str
) -> None:
    left: list[bool] = []

    def play(body: dict[str, Any], out: Out) -> None:
        out.said(*pieces, finish=None)
        if any(stop in "".join(pieces) for stop in stops):
            left.append(out.is_left(5))
        else:
            out.said()

    server.play = play
    ear = Ear(sampling=Sampling(stop=stops))
    said = ear.ask(backend)
    assert said.text == ear.text == text and said.finish_reason == "stop" and left in ([], [True])


def test_halves_of_characters_are_heard_as_one(server: StreamingServer, backend: OpenAIHTTP) -> None:
    def play(body: dict[str, Any], out: Out) -> None:
        out.said("a\ud83d", "\ude00b", "\ud83d")

    server.play = play
    ear = Ear()
    said = ear.ask(backend)
    assert said.text == ear.text == "a\U0001f600b�"
    assert all(piece.text.encode("utf-8") for piece in ear.pieces if piece.text)


def test_log_probabilities_come_with_their_pieces(server: StreamingServer, backend: OpenAIHTTP) -> None:
    def play(body: dict[str, Any], out: Out) -> None:
        for text in ("A", "B"):
            entry = {"token": text, "logprob": -0.5, "bytes": list(text.encode())}
            entry["top_logprobs"] = [dict(entry), {"token": "Z", "logprob": -2.0, "bytes": None}]
            out.event({"choices": [{"index": 0, "delta": {"content": text}, "logprobs": {"content": [entry]}}]})
        out.said()

    server.play = play
    ear = Ear(sampling=Sampling(top_logprobs=2))
    ear.ask(backend)
    tokens = [token for piece in ear.pieces for token in piece.tokens]
    assert [(token.text, token.data, token.logprob) for token in tokens] == [("A", b"A", -0.5), ("B", b"B", -0.5)]
    assert tokens[0].top == (("A", b"A", -0.5), ("Z", b"Z", -2.0))


def test_who_leaves_is_no_longer_computed_for(server: StreamingServer, backend: OpenAIHTTP) -> None:
    left: list[bool] = []

    def play(body: dict[str, Any], out: Out) -> None:
        out.said("a", finish=None)
        left.append(out.is_left(5))

    server.play = play
    ear = Ear()
    threading.Thread(target=lambda: ear.first.wait(5) and ear.caller.gone.set()).start()
    with pytest.raises(Gone):
        ear.ask(backend)
    assert _soon(lambda: left == [True]) and ear.text == "a"


def test_who_leaves_before_anything_came(server: StreamingServer, backend: OpenAIHTTP) -> None:
    left: list[bool] = []
    ear = Ear()
    server.play = lambda body, out: (ear.caller.gone.set(), left.append(out.is_left(5)))
    with pytest.raises(Gone):
        ear.ask(backend)
    assert _soon(lambda: left == [True])


def test_a_deadline(server: StreamingServer, backend: OpenAIHTTP) -> None:
    left: list[bool] = []

    def play(body: dict[str, Any], out: Out) -> None:
        out.said("a", finish=None)
        left.append(out.is_left(5))

    server.play = play
    with pytest.raises(Late):
        Ear(deadline=time.monotonic() + 0.8).ask(backend)
    assert _soon(lambda: left == [True])
    with pytest.raises(Late):
        Ear(deadline=time.monotonic() - 1).ask(backend)
    assert len(server.bodies) == 1, "what is late already is not asked"


def test_what_a_hearer_raises_ends_the_answer(server: StreamingServer, backend: OpenAIHTTP) -> None:
    left: list[bool] = []

    def play(body: dict[str, Any], out: Out) -> None:
        out.said("a", finish=None)
        left.append(out.is_left(5))

    def refuse(_piece: Piece) -> None:
        raise ValueError("enough")

    server.play = play
    with pytest.raises(ValueError, match="enough"):
        backend.answer([Request(messages=QUESTION, caller=Caller(hear=refuse))])
    assert _soon(lambda: left == [True])


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [(429, {"Retry-After": "7"}, 7.0), (429, {}, 1.0), (503, {"retry-after-ms": "1500"}, 1.5), (529, {}, 1.0)],
)
def test_a_server_that_is_full(
    server: StreamingServer, backend: OpenAIHTTP, status: int, headers: dict[str, str], wait: float
) -> None:
    server.play = lambda body, out: out.reply(status, {"error": {"message": "busy"}}, headers)
    with pytest.raises(Full) as full:
        Ear().ask(backend)
    assert full.value.retry_after_s == pytest.approx(wait)
    if headers:
        with pytest.raises(Full) as again:
            Ear().ask(backend)
        assert 0 < again.value.retry_after_s <= wait and len(server.bodies) == 1, "who asked to be left alone is"


def test_what_passes_is_tried_again_while_nothing_was_heard(server: StreamingServer, backend: OpenAIHTTP) -> None:
    def play(body: dict[str, Any], out: Out) -> None:
        match len(server.bodies):
            case 1:
                out.reply(502, {"error": "bad gateway"})
            case 2:
                out.begin(), out.cut()
            case _:
                out.said("there")

    server.play = play
    ear = Ear()
    assert ear.ask(backend).text == ear.text == "there" and len(server.bodies) == 3


@pytest.mark.parametrize(
    "play",
    [
        lambda body, out: (out.said("half", finish=None), out.cut()),
        lambda body, out: out.said("half", finish=None),  # closed in order, and not at the answer's end
        lambda body, out: (out.said("half", finish=None), out.event({"error": {"message": "the engine died", "code": 500}})),
        lambda body, out: (out.said("half", finish=None), out.raw(b"data: {not json\n\n")),
        lambda body, out: (out.said("half", finish=None), out.raw(b"data: \xff\xfe\n\n")),
    ],
)
def test_half_an_answer_is_none(server: StreamingServer, backend: OpenAIHTTP, play: Callable[[Any, Out], None]) -> None:
    server.play = play
    ear = Ear()
    with pytest.raises(BrokenEnvironment, match="broke off its answer"):
        ear.ask(backend)
    assert ear.text == "half" and len(server.bodies) == 1, "what was heard is not asked again: it would be heard twice"


def test_lasting_refusals(server: StreamingServer, backend: OpenAIHTTP) -> None:
    long = {"error": {"message": "maximum context length is 8 tokens", "code": "context_length_exceeded"}}
    server.play = lambda body, out: out.reply(400, long)
    with pytest.raises(ContextTooLong):
        Ear().ask(backend)
    server.play = lambda body, out: out.reply(401, {"error": {"message": "no such key"}})
    with pytest.raises(UserError, match="refuses the key"):
        Ear().ask(backend)
    server.play = lambda body, out: out.reply(302, {}, {"Location": "http://elsewhere/v1"})
    with pytest.raises(UserError, match="sends on to"):
        Ear().ask(backend)


def test_what_a_server_does_not_know_is_left_out(server: StreamingServer, backend: OpenAIHTTP) -> None:
    def play(body: dict[str, Any], out: Out) -> None:
        for name, mark in (("stream_options", "stream_options"), ("stop", "'stop'")):
            if name in body:
                return out.reply(400, {"error": {"message": f"Unsupported parameter: {mark} is not supported with this model."}})
        out.said("fine.", usage=False)

    server.play = play
    assert Ear(sampling=Sampling(stop=(".",))).ask(backend).text == "fine"
    assert len(server.bodies) == 3
    Ear().ask(backend)
    assert len(server.bodies) == 4


def test_a_server_that_streams_nothing(server: StreamingServer, backend: OpenAIHTTP) -> None:
    reply = {"choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}
    server.play = lambda body, out: out.reply(200, reply)
    ear = Ear()
    assert ear.ask(backend).text == ear.text == "whole"


def test_forms_and_calls_are_heard_whole(server: StreamingServer, backend: OpenAIHTTP) -> None:
    server.play = lambda body, out: out.said('{"answer"', ': "blue"}')
    ear = Ear()
    assert ear.ask(backend, constraint=ChoiceConstraint(choices=("red", "blue"))).text == ear.text == "blue"
    assert len(ear.pieces) == 1
    server.play = lambda body, out: out.said('{"a"', ":1}")
    ear = Ear()
    assert ear.ask(backend, constraint=SchemaConstraint(schema=OBJECT)).text == ear.text == '{"a":1}' and len(ear.pieces) == 2

    def calls(body: dict[str, Any], out: Out) -> None:
        for part in (
            {"index": 0, "id": "c1", "function": {"name": "go", "arguments": '{"to"'}},
            {"index": 0, "function": {"arguments": ':"Rome"}'}},
        ):
            out.event({"choices": [{"index": 0, "delta": {"tool_calls": [part]}}]})
        out.said(finish="tool_calls")

    server.play = calls
    ear = Ear()
    tool = {"name": "go", "parameters": {"type": "object"}}
    assert ear.ask(backend, tools=(tool,)).text == ear.text == '{"name": "go", "arguments": {"to": "Rome"}}'


def test_many_at_once_each_hears_its_own(server: StreamingServer, backend: OpenAIHTTP) -> None:
    def play(body: dict[str, Any], out: Out) -> None:
        name = body["messages"][0]["content"]
        out.said(*[f"{name}." for _ in range(20)])

    server.play = play

    def one(number: int) -> bool:
        ear = Ear()
        said = backend.answer([Request(messages=({"role": "user", "content": f"q{number}"},), caller=ear.caller)])[0]
        return said.text == ear.text == f"q{number}." * 20

    with ThreadPoolExecutor(max_workers=48) as pool:
        assert all(pool.map(one, range(96)))


def test_no_more_at_once_than_there_is_room_for(server: StreamingServer, backend: OpenAIHTTP) -> None:
    free = threading.Event()
    server.play = lambda body, out: (free.wait(5), out.said("a"))
    backend._live_lines().most = 2
    with ThreadPoolExecutor(max_workers=2) as pool:
        waiting = [pool.submit(Ear().ask, backend) for _ in range(2)]
        assert _soon(lambda: len(server.bodies) == 2)
        with pytest.raises(Full):
            Ear().ask(backend)
        free.set()
        assert [one.result().text for one in waiting] == ["a", "a"]


def test_nobody_there(home: Path) -> None:
    backend = open_backend("http://127.0.0.1:9/v1#tiny", home)
    with pytest.raises(BrokenEnvironment, match="does not answer"):
        Ear().ask(backend)  # type: ignore[arg-type]


def _soon(is_so: Callable[[], bool]) -> bool:
    until = time.monotonic() + 5
    while not is_so() and time.monotonic() < until:
        time.sleep(0.01)
    return is_so()
