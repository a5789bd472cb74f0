"""Questions handed in as batches: in any order, paid once at half the price, missing where nothing came."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from batch_server import BatchServer
from stand_in import completion

from rung.engine.backend import Budget, ContextTooLong, Request
from rung.engine.backends.openai_http import OpenAIHTTP
from rung.engine.bases.resolve import open_backend
from rung.engine.http.batch.batches import Pace
from rung.engine.http.batch.lines import Result, line_of, name_of, parts, read_results
from rung.engine.http.batch.provider import read_state
from rung.engine.http.batch.rounds import LEAST
from rung.engine.http.sending import Patience
from rung.engine.http.spending import BudgetSpent
from rung.errors import BrokenEnvironment, UserError
from rung.types import Answer

PRICES = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
COST = 60e-6
ROWS = 20


@pytest.fixture(autouse=True)
def without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNG_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[BatchServer]:
    made = BatchServer()
    made.answer = lambda body: (200, completion(said(body)))
    yield made
    made.close()


def said(body: dict) -> str:
    return str(body["messages"][-1]["content"]).split()[0]


def opened(server: BatchServer, home: Path, budget: Budget | None = None) -> OpenAIHTTP:
    made = open_backend(f"{server.address}#smol", home, prices=PRICES, budget=budget)
    assert isinstance(made, OpenAIHTTP)
    made.by_batch(home / "batches")
    made.pace = Pace(first_s=0.005, longest_s=0.01, file_looks=3)
    made.patience = Patience(attempts=2, first_wait_s=0.01, timeout_s=2.0)
    return made


def ask(text: str, tokens: int = 10) -> Request:
    return Request(messages=({"role": "user", "content": f"{text} " + "and so on " * 20},), max_tokens=tokens)


def rows(count: int = ROWS) -> list[Request]:
    return [ask(str(place)) for place in range(count)]


class Kept(dict[int, Answer]):
    def keep(self, answers: Mapping[int, Answer]) -> None:
        self.update(answers)


def left_over(home: Path) -> list[str]:
    folder = home / "batches"
    return os.listdir(folder) if folder.is_dir() else []


def test_answers_find_their_questions_and_cost_half(server: BatchServer, home: Path) -> None:
    """The output file comes in another order."""
    kept, told = Kept(), []
    server.looks = 3
    budget = Budget(limit_usd=1.0)
    answers = opened(server, home, budget).answer_each(rows(), kept.keep, told.append)
    assert [one.text for one in answers] == [str(place) for place in range(ROWS)] and len(kept) == ROWS
    assert all(one.cost_usd == pytest.approx(COST) and one.latency_s is None for one in answers)
    assert budget.spent_usd == pytest.approx(ROWS * COST) and budget.batches == {}
    assert (told[0] == "in progress 0 min, 0 of 20 done" and told[-1] == "completed 0 min, 20 of 20 done") or len(told) >= 2
    assert not left_over(home) and not server.files, "files that were made for it are deleted"
    assert not server.live and len(server.batches) == 1


def test_a_factor_of_ones_own(server: BatchServer, home: Path) -> None:
    made = open_backend(f"{server.address}#smol", home, prices=PRICES | {"batch_factor": 0.25})
    assert isinstance(made, OpenAIHTTP)
    made.by_batch(home / "batches")
    made.pace = Pace(first_s=0.005)
    assert made.answer_each(rows(), Kept().keep)[0].cost_usd == pytest.approx(COST / 2)


def test_few_questions_are_asked_by_themselves(server: BatchServer, home: Path) -> None:
    answers = opened(server, home).answer_each(rows(LEAST - 1), Kept().keep)
    assert len(server.live) == LEAST - 1 and not server.batches and answers[0].cost_usd == pytest.approx(2 * COST)


@pytest.mark.parametrize("ends", ["expired", "cancelled", "completed"])
def test_what_nothing_came_of_is_handed_in_once_more_and_then_is_missing(ends: str, server: BatchServer, home: Path) -> None:
    """Of 60 questions 20 are answered, then 20 more; the rest has no answer, and is never counted as a wrong one."""
    server.ends, server.answered = ends, 20
    kept = Kept()
    budget = Budget(limit_usd=1.0)
    answers = opened(server, home, budget).answer_each(rows(60), kept.keep)
    none = [one for one in answers if one.finish_reason == "error"]
    assert len(kept) == 40 and len(none) == 20 and all("batch_expired" in one.fault and not one.text for one in none)
    assert budget.spent_usd == pytest.approx(40 * COST) and not left_over(home)


def test_a_few_that_nothing_came_of_are_asked_by_themselves(server: BatchServer, home: Path) -> None:
    server.spoil = lambda lines: [*lines[:-2], "{not json", '{"custom_id": "of another"}', '"text"', ""]
    kept = Kept()
    budget = Budget(limit_usd=1.0)
    answers = opened(server, home, budget).answer_each(rows(), kept.keep)
    assert [one.text for one in answers] == [str(place) for place in range(ROWS)]
    assert len(server.live) == 2 and len(kept) == ROWS
    assert budget.spent_usd == pytest.approx(18 * COST + 2 * 2 * COST)


def test_of_two_results_for_one_question_one_counts(server: BatchServer, home: Path) -> None:
    server.spoil = lambda lines: [*lines, *lines]
    budget = Budget(limit_usd=1.0)
    answers = opened(server, home, budget).answer_each(rows(), Kept().keep)
    assert [one.text for one in answers] == [str(place) for place in range(ROWS)] and budget.spent_usd == pytest.approx(ROWS * COST)


def test_equal_questions_are_handed_in_and_paid_once(server: BatchServer, home: Path) -> None:
    budget = Budget(limit_usd=1.0)
    answers = opened(server, home, budget).answer_each([*rows(), ask("3"), ask("3")], Kept().keep)
    assert [one.text for one in answers[-2:]] == ["3", "3"] and sum(server.uploaded.values()) == ROWS
    assert sum(one.cost_usd or 0 for one in answers) == pytest.approx(budget.spent_usd) == pytest.approx(ROWS * COST)


def test_rows_that_fail_by_themselves(server: BatchServer, home: Path) -> None:
    """Too long, filtered and refused are these rows' own; the rest is answered."""
    refusals = {
        "3": (400, {"error": {"message": "This model's maximum context length is 10 tokens", "code": "context_length_exceeded"}}),
        "4": (400, {"error": {"message": "The response was filtered", "code": "content_filter"}}),
        "5": (400, {"error": {"message": "lone surrogate"}}),
    }
    server.answer = lambda body: refusals.get(said(body), (200, completion(said(body))))
    kept = Kept()
    with pytest.raises(ContextTooLong) as caught:
        opened(server, home).answer_each(rows(), kept.keep)
    assert set(caught.value.problems) == {3} and len(kept) == ROWS - 3
    assert [caught.value.answered[place].finish_reason for place in (4, 5)] == ["content_filter", "refused"]
    assert len(server.batches) == 1 and not server.live


def test_a_field_that_is_refused_is_left_out_the_second_time(server: BatchServer, home: Path) -> None:
    def picky(body: dict) -> tuple[int, dict]:
        if "seed" in body:
            return 400, {"error": {"message": "Unsupported parameter: 'seed'", "param": "seed"}}
        return 200, completion(said(body))

    server.answer = picky
    answers = opened(server, home).answer_each(rows(), Kept().keep)
    assert answers[7].text == "7" and len(server.batches) == 2


def test_all_refused_alike_is_the_users_to_mend(server: BatchServer, home: Path) -> None:
    server.answer = lambda _body: (400, {"error": {"message": "messages must be nice"}})
    with pytest.raises(UserError, match="messages must be nice"):
        opened(server, home).answer_each(rows(), Kept().keep)
    assert not left_over(home)


@pytest.mark.parametrize("missing", [("output_file_id",), ("output_file_id", "error_file_id")])
def test_a_finished_batch_that_names_no_file(missing: tuple[str, ...], server: BatchServer, home: Path) -> None:
    """Some name it a few looks later; one that never does brought nothing."""
    looked = [0]

    def later(call: str) -> None:
        if call.startswith("GET /batches/"):
            looked[0] += 1
            server.without = missing if looked[0] < 3 else ()

    server.refuse = later  # type: ignore[assignment]
    assert opened(server, home).answer_each(rows(), Kept().keep)[0].text == "0"
    server.refuse, server.without = lambda _call: None, missing
    answers = opened(server, home).answer_each([ask(f"x{place}") for place in range(ROWS)], Kept().keep)
    assert {one.finish_reason for one in answers} == {"error"} and "in none of the batch's files" in answers[0].fault


def test_a_batch_that_the_server_refuses_whole(server: BatchServer, home: Path) -> None:
    server.ends = "failed"
    server.spoil = lambda _lines: []
    budget = Budget(limit_usd=1.0)
    with pytest.raises(UserError, match="refuses the batch: it does not say why"):
        opened(server, home, budget).answer_each(rows(), Kept().keep)
    assert budget.spent_usd == 0 and not left_over(home)


def test_what_already_waits_there_is_waited_for(server: BatchServer, home: Path) -> None:
    """It takes 25 lines at a time: 60 go in as halves of halves, one after the other."""
    server.most_lines = 25
    answers = opened(server, home).answer_each(rows(60), Kept().keep)
    assert [one.text for one in answers] == [str(place) for place in range(60)]
    assert set(server.billed.values()) == {1} and len([one for one in server.batches.values() if one["status"] == "completed"]) >= 3


@pytest.mark.parametrize("path", ["POST /files", "POST /batches"])
def test_a_server_without_batches_is_refused_with_the_way_out(path: str, server: BatchServer, home: Path) -> None:
    server.refuse = lambda call: (404, {"detail": "Not Found"}) if call == path else None
    budget = Budget(limit_usd=1.0)
    with pytest.raises(UserError, match=r"no batches \(HTTP 404[\s\S]*server: \{batch: true\}"):
        opened(server, home, budget).answer_each(rows(), Kept().keep)
    assert budget.spent_usd == 0 and not left_over(home)


@pytest.mark.parametrize("fault", [(500, {"error": "oops"}), (429, {"error": {"message": "try again in 1ms"}}), (503, b"<html>")])
def test_calls_that_fail_are_made_again(fault: tuple, server: BatchServer, home: Path) -> None:
    failed: set[str] = set()

    def once(call: str) -> tuple | None:
        kind = call.split("_", maxsplit=1)[0]
        if kind in failed or call.startswith("DELETE"):
            return None
        failed.add(kind)
        return fault

    server.refuse = once  # type: ignore[assignment]
    backend = opened(server, home)
    answers = backend.answer_each(rows(), Kept().keep)
    assert answers[5].text == "5" and len(server.batches) == 1 and len(failed) >= 4


def test_a_batch_whose_making_was_not_heard_of_is_found_and_not_made_twice(server: BatchServer, home: Path) -> None:
    def made_and_lost(call: str) -> tuple | None:
        if call == "POST /batches" and not server.batches:
            server._create(
                {"input_file_id": next(iter(server.files)), "metadata": {"rung": "lost"}, "endpoint": "/v1/chat/completions"}
                | {"completion_window": "24h"}
            )
            return 502, {"error": "bad gateway"}
        return None

    server.refuse = made_and_lost  # type: ignore[assignment]
    opened(server, home).answer_each(rows(), Kept().keep)
    assert len(server.batches) == 1 and set(server.billed.values()) == {1}


def test_no_more_is_handed_in_than_there_is_money_for(server: BatchServer, home: Path) -> None:
    """The rest follows once the first part has cost less than the most that it could."""
    backend = opened(server, home, Budget(limit_usd=1.0))
    most = backend.purse.most(backend._body(rows()[0])) * 0.5
    budget = Budget(limit_usd=most * 30)
    kept = Kept()
    opened(server, home, budget).answer_each(rows(60), kept.keep)
    assert len(kept) == 60 and len(server.batches) > 1 and budget.spent_usd == pytest.approx(60 * COST)
    with pytest.raises(BudgetSpent):
        opened(server, home, Budget(limit_usd=most / 2)).answer_each([ask(f"y{place}") for place in range(20)], kept.keep)


class Killed(BaseException):
    """As if by SIGKILL: nothing more is done."""


@pytest.mark.parametrize("step", range(14))
def test_killed_at_any_step_it_goes_on_and_pays_once(
    step: int, server: BatchServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each write to disk, ledger or cache in turn, and after each call that the server has heard."""
    ledger = {"usd": 0.0, "batches": {}}
    kept = Kept()
    left = [step]

    def tick() -> None:
        left[0] -= 1
        if left[0] == -1:
            raise Killed

    def run(*, mortal: bool) -> None:
        budget = Budget(limit_usd=1.0, spent_usd=float(ledger["usd"]), batches=dict(ledger["batches"]))  # type: ignore[arg-type]

        def write(usd: float) -> None:
            ledger.update(usd=usd, batches=dict(budget.batches))
            if mortal:
                tick()

        budget.keep = write
        backend = opened(server, home, budget)
        if mortal:
            from rung.engine.http.batch.kept import Shelf
            from rung.engine.http.line import Line

            put, call = Shelf.put, Line.call
            monkeypatch.setattr(Shelf, "put", lambda self, one: (put(self, one), tick())[0])
            monkeypatch.setattr(Line, "call", lambda self, *given, **more: (call(self, *given, **more), tick())[0])
        wanted = [place for place in range(ROWS) if place not in kept]
        backend.answer_each(
            [ask(str(place)) for place in wanted], lambda came: kept.update({wanted[n]: one for n, one in came.items()})
        )

    with contextlib.suppress(Killed):
        run(mortal=True)
    monkeypatch.undo()
    if len(kept) < ROWS:
        run(mortal=False)
    assert len(kept) == ROWS
    assert set(server.billed.values()) == {1}, "each is answered, and billed, once"
    assert set(server.uploaded.values()) == {1}, "each is uploaded once"
    if len(kept) == ROWS and left[0] >= 0:
        assert ledger == {"usd": pytest.approx(ROWS * COST), "batches": {}}
    assert ledger["usd"] == pytest.approx(ROWS * COST), ledger


def test_ctrl_c_leaves_it_running_and_says_how_to_go_on(server: BatchServer, home: Path) -> None:
    server.looks = 10**6

    def interrupt(_words: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        opened(server, home).answer_each(rows(), Kept().keep, interrupt)
    assert "batch_0" in caught.value.__notes__[0] and "same command" in caught.value.__notes__[0]
    server.looks = 1
    assert opened(server, home).answer_each(rows(), Kept().keep)[3].text == "3"
    assert len(server.batches) == 1 and sum(server.uploaded.values()) == ROWS


def test_a_batch_that_the_server_has_forgotten_is_handed_in_anew(server: BatchServer, home: Path) -> None:
    server.looks = 10**6
    with pytest.raises(KeyboardInterrupt):
        opened(server, home).answer_each(rows(), Kept().keep, lambda _words: (_ for _ in ()).throw(KeyboardInterrupt))
    server.batches.clear()
    server.looks = 1
    assert opened(server, home).answer_each(rows(), Kept().keep)[3].text == "3"


def test_a_server_that_is_gone_leaves_the_batch_to_the_next_run(server: BatchServer, home: Path) -> None:
    from dataclasses import replace

    backend = opened(server, home)
    server.refuse = lambda call: (500, {}) if call.startswith("GET /batches/") else None
    backend.patience = replace(backend.patience, away_s=0.05)
    backend.look_away_s = 0.05
    with pytest.raises(BrokenEnvironment, match="same command"):
        backend.answer_each(rows(), Kept().keep)
    server.refuse = lambda _call: None
    assert opened(server, home).answer_each(rows(), Kept().keep)[0].text == "0"
    assert len(server.batches) == 1


def test_files_are_cut_by_lines_and_by_bytes() -> None:
    lines = [(str(number), b"x" * 10) for number in range(7)]
    assert [len(part) for part in parts(lines, most_lines=3)] == [3, 3, 1]
    assert [len(part) for part in parts(lines, most_bytes=25)] == [2, 2, 2, 1]
    with pytest.raises(UserError, match="one question alone has 10 bytes"):
        list(parts(lines, most_bytes=9))


def test_a_line_of_the_file() -> None:
    body = {"model": "smol", "messages": [{"role": "user", "content": "a\nb \u2028 \ud800"}]}
    line = line_of(name_of(body), body, "/v1/chat/completions")
    assert line.count(b"\n") == 1 and line.endswith(b"\n") and json.loads(line)["body"] == body
    assert name_of(body) == name_of(dict(body)) != name_of(body | {"seed": 1}) and len(name_of(body)) <= 64


def test_results_as_servers_write_them() -> None:
    """A body as text, an error with 200, a line separator within a text, nothing at all."""
    lines = [
        {"custom_id": "a", "response": {"status_code": 200, "body": json.dumps(completion("x"))}},
        {"custom_id": "b", "response": {"status_code": 429, "body": {"error": {"message": "slow"}}}, "error": None},
        {"custom_id": "c", "response": None, "error": {"code": "server_error", "message": "gone"}},
        {"custom_id": "d"},
        {"custom_id": "e", "response": {"body": completion("p\u2028q")}},
        {"custom_id": 7},
    ]
    text = "\r\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    found = read_results(text)
    assert (found["a"].status, found["b"].status, found["e"].status) == (200, 429, 200)
    assert found["a"].content["choices"] and "p\u2028q" in found["e"].content["choices"][0]["message"]["content"]
    assert found["c"] == Result(problem="server_error: gone") and found["d"].problem and len(found) == 5


def test_states_as_servers_tell_them() -> None:
    assert read_state({}).ended == "" and read_state({"status": "validating"}).ended == ""
    assert read_state({"status": "COMPLETED", "output_file_id": "f"}).files == ("f",)
    failed = read_state({"status": "failed", "errors": {"data": [{"code": "token_limit_exceeded", "message": "Enqueued"}]}})
    assert failed.is_full and failed.problems == ("token_limit_exceeded: Enqueued",)
    assert read_state({"status": "failed", "errors": None, "request_counts": None}).problems == ()
