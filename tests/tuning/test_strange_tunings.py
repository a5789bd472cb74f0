"""Files as people write them for fine-tuning: understood as they were meant, or refused by the line, before anything is trained."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rung.data.tuning_lines import LineFault, conversations_of, count
from rung.errors import UserError
from rung.progress import Silent
from rung.registry.files import StoredFile
from rung.registry.home import Home, open_home
from rung.registry.tunings import Hyperparameters, Tuning, TuningAsked, new_id
from rung.rungs import training as of_rungs
from rung.tuning import run as running
from rung.tuning.run import tune
from rung.types import Task

USER = {"role": "user", "content": "What does {} weigh?"}
CALL = {"id": "c1", "type": "function", "function": {"name": "weigh", "arguments": '{"what": "it"}'}}
TOOLS = [{"type": "function", "function": {"name": "weigh", "parameters": {"type": "object", "properties": {"what": {}}}}}]


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def conversation(number: int, *answers: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [said("user", f"What does item {number} weigh?"), *answers]}


def jsonl(rows: Sequence[Any]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def learnt(data: bytes) -> list[list[str]]:
    """The rows of each conversation, by what is to be learnt."""
    return [
        [str(row["messages"][-1].get("content") or "calls") for row in one.rows()] for one in conversations_of(io.BytesIO(data))
    ]


ANSWER = said("assistant", "3 kg")


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"\xef\xbb\xbf" + jsonl([conversation(1, ANSWER)]), [["3 kg"]]),
        (jsonl([conversation(1, ANSWER)]).replace(b"\n", b"\r\n"), [["3 kg"]]),
        (b"\n\n" + jsonl([conversation(1, ANSWER)]).rstrip() + b"\n  \n", [["3 kg"]]),
        (jsonl([conversation(1, said("assistant", "3 kg", weight=1.0))]), [["3 kg"]]),
        (jsonl([conversation(1, said("assistant", "3 kg", weight=None))]), [["3 kg"]]),
        (jsonl([conversation(1, said("assistant", "a", weight=0), said("user", "b"), ANSWER)]), [["3 kg"]]),
        (jsonl([conversation(1, said("assistant", "a"), said("user", "b"), ANSWER)]), [["a", "3 kg"]]),
        (jsonl([conversation(1, said("assistant", "Well."), ANSWER)]), [["3 kg"]]),
        (jsonl([conversation(1, said("assistant", [{"type": "text", "text": "3 "}, {"type": "text", "text": "kg"}]))]), [["3 kg"]]),
        (
            jsonl(
                [
                    conversation(
                        1,
                        said("assistant", [{"type": "text", "text": ""}], tool_calls=[CALL]),
                        said("tool", [{"type": "text", "text": "3"}], tool_call_id="c1"),
                        ANSWER,
                    )
                ]
            ),
            [["calls", "3 kg"]],
        ),
        (
            jsonl(
                [
                    conversation(
                        1,
                        said("assistant", None, function_call={"name": "weigh", "arguments": "{}"}),
                        said("function", "3", name="weigh"),
                        ANSWER,
                    )
                ]
            ),
            [["calls", "3 kg"]],
        ),
        (b'{"prompt": "a ->", "completion": " b"}\n', [["b"]]),
        (
            '{"messages": [{"role": "user", "content": "\\ud83d\\ude00"}, {"role": "assistant", "content": "é"}]}\n'.encode(),
            [["é"]],
        ),
    ],
)
def test_what_is_to_be_learnt_is_found(data: bytes, rows: list[list[str]]) -> None:
    assert learnt(data) == rows


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'[\n  {"messages": []}\n]\n', "Line 1: it is no JSON.*with no list around them"),
        (b'{\n  "messages": []\n}\n', "Line 1: it is no JSON.*no line break in it"),
        ("{“messages”: []}\n".encode(), "Line 1: it is no JSON"),
        (b'{"prompt": "a", "completion": "as" tik "b"}\n', "Line 1: it is no JSON"),
        (b'{"messages": [{"role": "user", "content": "\\ud83d"}]}\n', "Line 1: it holds half of a character"),
        (jsonl([conversation(1, said("assistant", "   "))]), "says and calls nothing"),
        (jsonl([conversation(1, said("assistant", "", tool_calls=[{"id": "x"}]))]), "no function with a name"),
        (jsonl([conversation(1, said("assistant", "x", tool_calls="weigh"))]), "must be a list of calls"),
        (jsonl([{**conversation(1, ANSWER), "tools": {"name": "weigh"}}]), "'tools' must be a list"),
        (jsonl([{"messages": {"role": "user"}}]), "'messages' must be a list"),
        (jsonl([{"conversations": [{"from": "human", "value": "x"}]}]), "it has no 'messages'"),
        (jsonl([conversation(1, said("assistant", 3))]), "is int, and must be a text"),
        ("\ufffe".encode("utf-16"), "Line 1: it is not UTF-8"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_line(data: bytes, why: str) -> None:
    with pytest.raises(LineFault, match=why):
        count(io.BytesIO(data), 1)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with open_home(tmp_path_factory.mktemp("strange") / "home", write=True) as home:
        yield home


def asked(home: Home, base: Path, data: bytes, validation: bytes = b"", **more: Any) -> Tuning:
    """A job on these files."""
    names, digests = [], []
    for part in filter(None, (data, validation)):
        digest = home.blobs.put_bytes(part)
        stored = StoredFile(id="", tenant="anna", filename="x.jsonl", purpose="fine-tune", bytes=len(part), digest=digest)
        names.append(home.files.add(stored).id)
        digests.append(digest)
    wanted = TuningAsked(
        model="base",
        base=str(base),
        training=names[0],
        validation=names[1] if validation else "",
        digests=tuple(digests),
        **more,
    )
    id = new_id()
    tuning = Tuning(id=id, tenant="anna", name=f"ft-strange-{id[-8:]}", asked=wanted)
    home.tunings.add(tuning)
    return tuning


def task_of(home: Home, base: Path, data: bytes, **more: Any) -> tuple[Task, list[str]]:
    tuning = asked(home, base, data, **more)
    task = running._task(home, tuning)
    return task, [event.message for event in home.tunings.events(tuning.id)]


def calls(number: int) -> dict[str, Any]:
    return said("assistant", None, tool_calls=[{**CALL, "function": {"name": "weigh", "arguments": f'{{"what": "{number}"}}'}}])


LONG = "It is a story of {0} men and {0} women who went to the {1} sea, where the {2} wind took them all away from home."
KINDS = {
    "labels": ([conversation(n, said("assistant", ("yes", "no")[n % 2])) for n in range(30)], "choice"),
    "one answer for all": ([conversation(n, said("assistant", "I do not know.")) for n in range(30)], None),
    "numbers": ([conversation(n, said("assistant", str(n * 37 % 91))) for n in range(30)], None),
    "long texts": ([conversation(n, said("assistant", LONG.format(n, n % 7, n % 5))) for n in range(30)], "overlap"),
    "JSON in text": ([conversation(n, said("assistant", json.dumps({"kg": n, "of": "x"}))) for n in range(30)], None),
    "calls": ([{**conversation(n, calls(n)), "tools": TOOLS} for n in range(30)], "tool_call"),
    "calls and texts": (
        [{**conversation(n, calls(n) if n % 2 else said("assistant", f"Which {n}?")), "tools": TOOLS} for n in range(30)],
        "tool_call",
    ),
    "a call, its result, an answer": (
        [
            {**conversation(n, calls(n), said("tool", str(n), tool_call_id="c1"), said("assistant", f"{n} kg")), "tools": TOOLS}
            for n in range(30)
        ],
        "tool_call",
    ),
    "another script": ([conversation(n, said("assistant", f"重さは{n}キログラムで、とても重いです。")) for n in range(30)], None),
    "emoji": ([conversation(n, said("assistant", "😀" * (1 + n % 3))) for n in range(30)], None),
    "the same question twice": ([conversation(n // 2, said("assistant", str(n))) for n in range(60)], None),
    "ten": ([conversation(n, said("assistant", ("yes", "no")[n % 2])) for n in range(10)], None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_check_is_found_for_any_answers(there: Home, tiny_base: Path, kind: str) -> None:
    rows, scorer = KINDS[kind]
    task, _ = task_of(there, tiny_base, jsonl(rows))
    assert scorer in (None, task.quality.scorer)
    assert task.quality.at_least
    assert all(task.split(name) for name in ("train", "dev", "test"))
    for name in ("train", "dev"):
        assert not {row.group for row in task.split(name)} & {row.group for row in task.split("test")}


def test_the_validation_file_is_the_check(there: Home, tiny_base: Path) -> None:
    rows = [conversation(n, said("assistant", ("yes", "no")[n % 2])) for n in range(60)]
    task, _ = task_of(there, tiny_base, jsonl(rows[:40]), validation=jsonl(rows[40:]))
    assert [len(task.split(name)) for name in ("train", "dev", "test")] == [40, 10, 10]
    few, _ = task_of(there, tiny_base, jsonl(rows[:40]), validation=jsonl(rows[40:42]))
    assert [len(few.split(name)) for name in ("train", "dev", "test")] == [36, 4, 2]
    same, told = task_of(there, tiny_base, jsonl(rows[:40]), validation=jsonl(rows[:40]))
    assert len(same.split("train")) == 40
    assert any("train" in message for message in told), "that it was trained on what it is checked by is said"


def test_what_was_not_learnt_is_said(there: Home, tiny_base: Path) -> None:
    rows = [{**conversation(n, {**calls(n), "content": "Let me see."}), "tools": TOOLS, "note": "x"} for n in range(20)]
    _, told = task_of(there, tiny_base, jsonl(rows))
    assert any("note" in message for message in told)
    assert any("20 messages say something and call tools" in message for message in told)


def test_the_hyperparameters_are_the_rungs_own_settings(there: Home, tiny_base: Path) -> None:
    rows = jsonl([conversation(n, said("assistant", ("yes", "no")[n % 2])) for n in range(200)])
    auto, _ = task_of(there, tiny_base, rows)
    trained = [name for name, settings in auto.settings.items() if not settings.get("skip")]
    assert len(trained) == 1
    assert auto.settings[trained[0]] == {"epochs": 3, "batch_rows": 16, "train_rows": 160}
    chosen = Hyperparameters(epochs=4, batch_rows=2, rate_factor=0.5)
    told, _ = task_of(there, tiny_base, rows, hyperparameters=chosen, at_least=0.7, scorer="exact", seed=3)
    assert (told.seed, told.quality.scorer, told.quality.at_least) == (3, "exact", 0.7)
    several = {name: settings for name, settings in told.settings.items() if not settings.get("skip")}
    assert len(several) == 2
    for rung in running.trained_rungs():
        settings = several[rung.name]
        assert (settings["epochs"], settings["batch_rows"]) == (4, 2)
        assert settings["learning_rate"] == pytest.approx(of_rungs.usual_rate(rung) / 2)


def test_a_file_that_was_deleted_before_the_job_began_fails_it(there: Home, tiny_base: Path) -> None:
    tuning = asked(there, tiny_base, jsonl([conversation(n, ANSWER) for n in range(20)]))
    there.files.delete("anna", tuning.asked.training)
    with pytest.raises(UserError, match="was deleted"):
        tune(there, tuning.id, Silent())
    end = there.tunings.get(tuning.id).end
    assert (end.fault.code, end.fault.param) == ("invalid_training_file", "training_file")
    with pytest.raises(UserError, match="no fine-tuning job"):
        tune(there, "ftjob-0", Silent())


def test_what_is_interrupted_goes_on_and_ends_once(there: Home, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = jsonl([conversation(n, said("assistant", ("yes", "no")[n % 2])) for n in range(40)])
    tuning = asked(there, tiny_base, rows, hyperparameters=Hyperparameters(epochs=2, batch_rows=8))
    said_before = there.tunings.say
    steps: list[int] = []

    def interrupting(name: str, message: str, **more: Any) -> None:
        said_before(name, message, **more)
        if "step" in (more.get("data") or {}):
            steps.append(more["data"]["step"])
            if len(steps) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr("rung.tuning.telling.APART_S", 0.0)
    monkeypatch.setattr(there.tunings, "say", interrupting)
    with pytest.raises(KeyboardInterrupt):
        tune(there, tuning.id, Silent())
    assert there.tunings.get(tuning.id).end is None
    tune(there, tuning.id, Silent())
    assert steps == [*range(1, len(steps) + 1)], "no step is trained twice"
    end = there.tunings.get(tuning.id).end
    assert end.model == tuning.name
    assert len(there.names.of(name=tuning.name)) == 1
    started = [event for event in there.tunings.events(tuning.id) if event.message == "Fine-tuning job started"]
    assert len(started) == 1
