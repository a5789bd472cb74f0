"""No field of a request makes the server ask another: an address in it is refused, or a text like any other."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from attacked import Attacked


class Trap:
    """A server that nobody should ask."""

    def __init__(self) -> None:
        self._line = socket.create_server(("127.0.0.1", 0))
        self.port, self.asked = self._line.getsockname()[1], list[bytes]()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                line, _ = self._line.accept()
            except OSError:
                return
            with line:
                self.asked.append(line.recv(1000))

    def close(self) -> None:
        self._line.close()


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    made = Trap()
    yield made
    made.close()


def bodies(url: str) -> list[dict[str, object]]:
    def asked(content: object, **fields: object) -> dict[str, object]:
        return {"model": "echo", "messages": [{"role": "user", "content": content}], **fields}

    schema = {"type": "object", "properties": {"a": {"$ref": url}}, "required": ["a"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    remote = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$schema": url, "$id": url, "$ref": url}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    return [
        asked([{"type": "image_url", "image_url": {"url": url}}]),
        asked([{"type": "image_url", "image_url": url}]),
        asked([{"type": "input_image", "image_url": url}]),
        asked([{"type": "input_audio", "input_audio": {"data": url, "format": "wav"}}]),
        asked([{"type": "audio_url", "audio_url": {"url": url}}]),
        asked([{"type": "video_url", "video_url": {"url": url}}]),
        asked([{"type": "file", "file": {"file_data": url, "file_url": url}}]),
        asked([{"type": "text", "text": "hi", "url": url}]),
        asked("hi", response_format=form),
        asked("hi", response_format=remote),
        asked("hi", tools=[tool]),
        asked("hi", tools=[{"type": "mcp", "server_url": url, "server_label": "x"}]),
        asked("hi", tools=[{"type": "web_search"}]),
        asked("hi", web_search_options={"search_context_size": "low"}),
        asked("hi", audio={"voice": url}),
        asked("hi", lora_path=url),
        asked("hi", adapters=[{"id": url}]),
        asked("hi", base_url=url),
        asked("hi", metadata={"callback": url}),
        asked("hi", webhook=url),
    ]


@pytest.mark.parametrize("scheme", ["http://127.0.0.1:{port}/x", "file:///etc/passwd"])
def test_no_field_is_fetched(attacked: Attacked, trap: Trap, scheme: str) -> None:
    url = scheme.format(port=trap.port)
    for body in bodies(url):
        came = attacked.wire.post(body)
        assert came.status in (200, 400, 403, 404), (body, came)
        if came.status == 200:  # a word of the client's own that changes nothing, and a schema that refers to itself by its name
            assert {"metadata", "response_format"} & set(body) or "url" in str(body["messages"]), body
        assert b"root:" not in came.body
    assert trap.asked == []


def test_what_asks_for_something_that_is_not_read_is_refused_by_name(attacked: Attacked) -> None:
    for body in bodies("http://127.0.0.1:1/x")[:7]:
        came = attacked.wire.post(body)
        assert came.status == 400 and str(came.error["param"]).startswith("messages[0].content"), came


def test_an_address_in_a_text_is_a_text(attacked: Attacked, trap: Trap) -> None:
    assert attacked.wire.chat("echo", f"see http://127.0.0.1:{trap.port}/x").status == 200 and trap.asked == []
