"""A server whose model becomes another under the same name: what it says of itself is kept, and told where it says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stand_in import Server, completion
from toy import write_toy

from rung.cli.app import run
from rung.engine.http import check
from rung.engine.http.identity import ServerIdentity, of_answer, of_listing
from rung.registry.home import open_home

RUNGS = {
    "r0_linear": {"skip": True},
    "r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False},
}
GOOD = ("great", "love", "thank you", "works", "five stars")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("RUNG_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def answers(server: Server, **said: str) -> None:
    """Answers right, and says this of itself."""

    def reply(body: dict[str, Any]) -> tuple[Any, ...]:
        text = str(body["messages"][-1]["content"])
        return 200, completion("positive" if any(word in text for word in GOOD) else "negative") | said, {}, 0

    server.script = [reply]


def listed(server: Server, **entry: object) -> None:
    server.pages["/v1/models"] = 200, {"data": [{"id": "smol", **entry}]}


def test_what_is_said_is_read_and_what_changes_by_itself_is_not() -> None:
    assert of_answer({"model": "gpt-2026-05-13", "system_fingerprint": "fp_1", "created": 7}) == ServerIdentity(
        served_as="gpt-2026-05-13", fingerprint="fp_1"
    )
    assert of_answer({"model": None, "system_fingerprint": 7}) == ServerIdentity()
    one = of_listing({"root": "org/model", "created": 1, "permission": [{"id": "x"}], "pricing": {"prompt": "1"}}, {}, [], "m")
    assert one == of_listing({"root": "org/model", "created": 2, "permission": [], "pricing": {"prompt": "2"}}, {}, [], "m")
    tags = [{"name": "other", "digest": "b"}, {"name": "m:latest", "digest": "a"}]
    ollama = of_listing({}, {}, tags, "m")
    assert (ollama.weights, of_listing({}, {}, [None, {"name": "x"}], "m").weights) == ("a", "")
    llama = of_listing({"meta": {"n_params": 135, "size": "large"}}, {"model_path": "/m.gguf", "chat_template": "{{x}}"}, [], "m")
    assert (llama.file, llama.sizes) == ("/m.gguf", "n_params 135") and llama.template


def test_what_one_of_them_does_not_say_is_not_held_against_it() -> None:
    said = ServerIdentity(served_as="a", fingerprint="f")
    assert ServerIdentity().other_than(said) == said.other_than(ServerIdentity()) == said.other_than(said) == ()
    assert ServerIdentity(served_as="b", fingerprint="f").other_than(said) == ("it calls itself b, not a",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda server: answers(server, model="smol-2", system_fingerprint="fp_1"), "it calls itself smol-2, not smol-1"),
        (lambda server: answers(server, model="smol-1", system_fingerprint="fp_2"), "its system_fingerprint is fp_2, not fp_1"),
        (lambda server: listed(server, root="org/other"), "it answers from org/other, not from org/smol"),
    ],
)
def test_an_answer_of_another_model_is_told(
    server: Server,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Server], None],
    words: str,
) -> None:
    answers(server, model="smol-1", system_fingerprint="fp_1")
    listed(server, root="org/smol")
    task = write_toy(tmp_path, f"{server.address}#smol", rungs=RUNGS, noise=0.0, at_least=0.8)  # type: ignore[arg-type]
    assert run(["climb", str(task)]) == 0
    capsys.readouterr()
    assert run(["answer", "toy", "The box is great"]) == 0
    assert capsys.readouterr().err == "", "nothing has changed, and nothing is said"
    change(server)
    assert run(["answer", "toy", "The box is great"]) == 0
    said = capsys.readouterr()
    assert said.out == "positive\n"
    assert f"What answers at {server.address}#smol says that it is not what it was when it made toy@1: {words}" in said.err
    assert f"rung campaign {server.address}#NAME" in said.err
    # Without a question only the list of models tells.
    assert run(["eval", str(task), "--candidate", "toy"]) in (0, 1)
    assert ("says that it is not what it was" in capsys.readouterr().err) == ("answers from" in words)


def test_a_check_tells_what_the_last_one_found_otherwise(
    server: Server, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(server, model="smol-1")
    task = write_toy(tmp_path, f"{server.address}#smol", rungs=RUNGS, noise=0.0, at_least=0.8)  # type: ignore[arg-type]
    assert run(["plan", str(task)]) == 0
    assert "was last checked" not in capsys.readouterr().err
    answers(server, model="smol-2")
    assert run(["plan", str(task)]) == 0
    assert "when it was last checked: it calls itself smol-2, not smol-1" in capsys.readouterr().err


def test_a_server_that_is_gone_says_nothing(server: Server, home: Path) -> None:
    address = server.address
    server.http.shutdown()
    server.http.server_close()
    assert check.look(check.Server(address=address, model="smol")) == ServerIdentity()
    with open_home() as opened:
        assert opened.campaigns.all() == []
