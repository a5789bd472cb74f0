"""A climb, a plan and an evaluation on a server: checked first, and then asked as was found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from recorded import PROSE, SERVERS, Recorded, error, said
from stand_in import Server, completion
from toy import write_toy

from rung.cli.app import run
from rung.climb.record import Record
from rung.registry.home import open_home
from rung.task.load import load_task

RUNGS = {"r0_linear": {"skip": True}, "r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibration_rows": 20}}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("RUNG_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    made = SERVERS["vllm"].start()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def task_file(server: Server, tmp_path: Path, home: Path) -> Path:
    return write_toy(tmp_path, f"{server.address}#smol", rungs=RUNGS, limits={"in_flight": 6})


Told = Callable[..., tuple[int, str, str]]


@pytest.fixture
def rung(capsys: pytest.CaptureFixture[str]) -> Told:
    """A command: its exit code, and what it said on both outputs."""

    def _rung(*words: object) -> tuple[int, str, str]:
        code = run([str(word) for word in words])
        return code, *capsys.readouterr()

    return _rung


def test_a_climb_begins_with_the_check_and_keeps_what_it_found(server: Server, task_file: Path, rung: Told) -> None:
    _, told, said = rung("climb", task_file, "--json")
    assert "Checking the server" in said and "refuses tools: they are put in words" in said
    found = json.loads(told)["lock"]["server"]
    assert (found["software"], found["choice"], found["tools"], found["context"]) == ("vLLM", "structured_outputs", "refused", 2048)
    with open_home() as opened:
        (begun,) = opened.climbs.all()
        locked = Record(opened, begun.climb).lock.server
    assert locked is not None and locked.choice == "structured_outputs"
    forced = [body for body in server.bodies[found["requests"] :] if "structured_outputs" in body]
    assert forced and all("response_format" not in body and body["top_logprobs"] == 20 for body in forced)
    asked = len(server.bodies)
    rung("climb", task_file, "--json")
    assert len(server.bodies) == asked, "a finished climb asks nothing, and checks nothing"


def test_a_plan_shows_it(server: Server, task_file: Path, rung: Told) -> None:
    code, told, _ = rung("plan", task_file)
    assert code == 0 and "by its own structured_outputs" in told and "2,048 tokens" in told
    code, told, _ = rung("plan", task_file, "--json")
    assert json.loads(told)["server"]["schema"] == "held"


def test_what_is_wrong_ends_it_at_once_with_the_files_line(server: Server, task_file: Path, tmp_path: Path, rung: Told) -> None:
    for answer, words in (
        (error("Incorrect API key provided: sk-1", 401), "refuses the key"),
        (error("The model `smol` does not exist.", 404), "knows no such address or model"),
    ):
        server.script, server.bodies[:] = [answer], []
        code, _, said = rung("climb", task_file)
        assert code == 2 and words in said and "task.yaml:2" in said and len(server.bodies) == 1
        with open_home() as opened:
            assert not opened.climbs.all(), "no climb was begun"
    (tmp_path / "dead").mkdir()
    dead = write_toy(tmp_path / "dead", "http://127.0.0.1:9/v1#smol", rungs=RUNGS)
    code, _, said = rung("climb", dead)
    assert code == 2 and "Start the server" in said


def test_no_calibration_rows_where_no_log_probabilities_come(tmp_path: Path, home: Path, rung: Told) -> None:
    """A server that holds to schemas and tells no log-probabilities: the rung asks no train rows, the diagnosis the first four."""
    made = Recorded(SERVERS["ollama"].answer).start()
    try:
        task_file = write_toy(tmp_path, f"{made.address}#smol", rungs=RUNGS)
        _, told, said = rung("climb", task_file, "--json")
    finally:
        made.http.shutdown()
        made.http.server_close()
    assert json.loads(told)["lock"]["server"]["top_logprobs"] == 0
    assert "choices are not calibrated" in said and "answers 20 train rows" not in said


def test_in_flight_is_a_number_and_no_part_of_the_lock(server: Server, tmp_path: Path, home: Path, rung: Told) -> None:
    digests = set()
    for number in (None, 1, 64):
        path = write_toy(tmp_path, f"{server.address}#smol", limits={"in_flight": number} if number else {})
        digests.add(load_task(path, home).digest)
    assert len(digests) == 1
    for wrong in (0, 257, "many"):
        code, _, said = rung("plan", write_toy(tmp_path, f"{server.address}#smol", limits={"in_flight": wrong}))
        assert code == 2 and "in_flight" in said and "task.yaml:" in said and not server.bodies


def test_a_server_that_answers_nothing_ends_the_climb_early(tmp_path: Path, home: Path, rung: Told) -> None:
    """Its check goes through; then every answer is withheld. The first round of the trials is enough to tell."""

    def withheld(body: dict) -> tuple:
        if len(body["messages"]) == 1:
            return said(body, PROSE)
        reply = completion("")
        reply["choices"][0]["finish_reason"] = "content_filter"
        return 200, reply, {}, 0.0

    made = Recorded(withheld).start()
    try:
        code, _, told = rung("climb", write_toy(tmp_path, f"{made.address}#smol", rungs=RUNGS))
    finally:
        made.http.shutdown()
        made.http.server_close()
    assert code == 2 and "questions was answered" in told and "withheld by a filter" in told, told
    assert len(made.bodies) < 160
