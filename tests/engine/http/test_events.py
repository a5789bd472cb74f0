"""Streams as servers write them: what each says is heard, whole, and a stream that ends without saying so is no answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rung.engine.backend import Request
from rung.engine.caller import Caller, Piece, Sampling
from rung.engine.http.completion import has_message, read_completion
from rung.engine.http.live.events import Events, Garbled
from rung.engine.http.live.gathering import Gathered
from rung.engine.http.live.hearing import Hearing
from rung.types import Answer


def chunk(text: Any, *, index: int = 0, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": {"content": text, **delta}, "finish_reason": finish}]}


def line(event: Any) -> str:
    return f"data: {json.dumps(event)}"


def part(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


def older(text: str) -> str:
    return line({"choices": [{"index": 0, "text": text, "finish_reason": "stop"}]})


A, B, END = line(chunk("a")), line(chunk("b")), line(chunk(None, finish="stop"))
STREAMS = {
    "as OpenAI": f"{A}\n\n{B}\n\n{END}\n\ndata: [DONE]\n\n",
    "lines of Windows": f"{A}\r\n\r\n{B}\r\n\r\n{END}\r\n\r\ndata: [DONE]\r\n\r\n",
    "comments that keep the line": f": waiting\n\n: waiting\n\n{A}\n\n: still\n\n{B}\n\n{END}\n\n",
    "no space": f"{A}\n\n{B}\n\n{END}\n\n".replace("data: ", "data:"),
    "no empty lines": f"{A}\n{B}\n{END}\ndata: [DONE]\n",
    "nothing behind the last": f"{A}\n\n{B}\n\n{END}",
    "names of events": f"event: message\nid: 1\nretry: 5\n{A}\n\nevent: message\n{B}\n\n{END}\n\n",
    "an object over lines": 'data: {"choices": [{"index": 0,\ndata: "delta": {"content": "ab"}, "finish_reason": "stop"}]}\n\n',
    "no choices beside the usage": f"{A}\n\n{line({'choices': [], 'usage': {'prompt_tokens': 1}})}\n\n{B}\n\n{END}\n\n",
    "a role first": f"{line(chunk('', role='assistant'))}\n\n{A}\n\n{B}\n\n{END}\n\n",
    "an end that is said with each": f"{line(chunk('a', finish='stop'))}\n\n{line(chunk('b', finish='stop'))}\n\ndata: [DONE]\n\n",
    "counted from one": f"{line(chunk('a', index=1))}\n\n{line(chunk('b', index=1, finish='stop'))}\n\n",
    "texts as parts": f"{line(chunk(part('a')))}\n\n{line(chunk(part('b')))}\n\n{END}\n\n",
    "a thought before": f"{line(chunk(None, reasoning_content='hm'))}\n\n{A}\n\n{B}\n\n{END}\n\n",
    "of an older interface": f"{older('a')}\n\n{older('b')}\n\n",
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_what_a_stream_says(name: str, size: int) -> None:
    data, events, gathered, pieces = STREAMS[name].encode(), Events(), Gathered(), list[Piece]()
    hearing = Hearing(caller=Caller(hear=pieces.append), through=True)
    told = [event for at in range(0, len(data), size) for event in events.read(data[at : at + size])]
    for event in [*told, *events.end()]:
        hearing.take(*gathered.take(event))
    assert has_message(gathered.content) and (gathered.ended or events.done)
    said = hearing.end(read_completion(gathered.content, Request(messages=()), 0.1).answer)
    assert said.text == "ab" == "".join(piece.text for piece in pieces)


@pytest.mark.parametrize(
    "data", [b"data: {half\n\n", b"data: [1]\n\n", b"data: \xff\n\n", b"data: 7\n\n", b"data: " + b"x" * (9 << 20)]
)
def test_what_is_no_stream(data: bytes) -> None:
    events = Events()
    with pytest.raises(Garbled):
        list(events.read(data))
        list(events.end())


def test_calls_without_numbers_and_in_pieces() -> None:
    gathered = Gathered()
    for id, name in (("1", "f"), ("2", "g")):
        calls = [{"id": id, "function": {"name": name, "arguments": "{}"}}]
        gathered.take({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]})
    [choice] = gathered.content["choices"]
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["f", "g"]


@pytest.mark.parametrize("cut", range(1, 6))
@pytest.mark.parametrize(("text", "stops", "left"), [("abcab", ("ca",), "ab"), ("aaab", ("aab",), "a"), ("abab", ("abc",), "abab")])
def test_stops_wherever_the_pieces_part(text: str, stops: tuple[str, ...], left: str, cut: int) -> None:
    pieces = list[Piece]()
    hearing = Hearing(caller=Caller(hear=pieces.append, sampling=Sampling(stop=stops)), through=True)
    for at in range(0, len(text), cut):
        hearing.take(text[at : at + cut])
    assert hearing.end(Answer(text=text)).text == left == "".join(piece.text for piece in pieces)
