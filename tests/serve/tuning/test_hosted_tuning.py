"""Tuning at a provider, which is this very server with faults in its way: one job, one bill, whatever happens in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tuning_server import TuningServer, at, lines, once

from rung.engine.backend import Budget
from rung.engine.http.batch.batches import Pace
from rung.engine.http.line import Line
from rung.engine.http.refusals import Asked
from rung.engine.http.spending import BudgetSpent, Purse
from rung.engine.http.tuning import run as running
from rung.engine.http.tuning.run import Tuned, Tuning, Wanted
from rung.engine.http.tuning.tuner import Tuner, read_job
from rung.errors import BrokenEnvironment, UserError
from rung.registry.tunings import TuningEnd
from rung.sources.address import ServerAddress

JOBS = "/v1/fine_tuning/jobs"
ERROR = {"error": {"message": "try again", "type": "server_error"}}
made = iter(range(1000))


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> str:
    """One for each test, so that none finds another's jobs."""
    name = f"climber-{next(made)}"
    monkeypatch.setenv("RUNG_API_KEY", name)
    return name


@pytest.fixture
def tuning(server: TuningServer, tenant: str, tmp_path: Path) -> Iterator[Callable[..., Tuning]]:
    """A tuning at the server: the same one however often it is asked for, as after a kill."""
    asked = Asked(address=ServerAddress.read(f"{server.url}/v1"), model="base")
    with Line(asked, httpx.Timeout(20.0)) as line:

        def made(data: bytes = lines(12), purse: Purse | None = None, **more: Any) -> Tuning:
            wanted = Wanted(
                run_digest="d" * 64, name="rung-d", data=data, body={"model": "base"}, most_usd=2.0, usd_per_token=1e-4, **more
            )
            tuner = Tuner(line=line, asked=asked, away_s=5.0, look_away_s=5.0, first_s=0.01)
            pace = Pace(first_s=0.01, longest_s=0.02)
            return Tuning(tuner=tuner, wanted=wanted, purse=purse or Purse(), folder=tmp_path / "work", pace=pace)

        yield made


def succeeding(server: TuningServer, tenant: str, tokens: int | None = 5000, looks: int = 2) -> None:
    """From now on the provider has done whatever job is looked at for the second time."""
    left = [looks]

    def fault(method: str, path: str) -> None:
        if method == "GET" and path.startswith(f"{JOBS}/ftjob-"):
            left[0] -= 1
            if left[0] == 0:
                [job] = server.home.tunings.of(tenant)
                server.home.tunings.finish(job.id, TuningEnd(model="ft-base-x", tokens=tokens))

    server.faults.append(fault)


def counted(server: TuningServer, method: str, end: str) -> int:
    return sum(asked == method and path.partition("?")[0].endswith(end) for asked, path in server.asked)


def check_one_job(server: TuningServer, tenant: str, tuned: Tuned) -> None:
    [job] = server.home.tunings.of(tenant)
    assert tuned == Tuned(model="ft-base-x", job=job.id, tokens=5000, usd=pytest.approx(0.5))
    assert job.asked.metadata == {"run_digest": "d" * 64}
    assert len(server.home.jobs.all(labels={"tenant": tenant})) == 1
    assert len(server.home.files.of(tenant)) == 1


def test_a_file_goes_up_and_a_model_comes_of_it(server: TuningServer, tenant: str, tuning: Callable[..., Tuning]) -> None:
    succeeding(server, tenant)
    left: list[int] = []
    run = tuning()
    run.leaves = lambda: left.append(counted(server, "POST", "/v1/files"))
    check_one_job(server, tenant, run.run())
    assert left == [0], "what leaves is written down before it does"
    [file] = server.home.files.of(tenant)
    with server.home.blobs.open(file.digest) as stream:
        assert stream.read() == lines(12)
    assert tuning().run().usd == pytest.approx(0.5)
    assert counted(server, "POST", "/v1/files") == 1


FAULTS = {
    "429 with Retry-After": lambda: [once(at("POST", "/v1/files", (429, {"retry-after": "0"}, ERROR)), 2)],
    "500 at the file": lambda: [once(at("POST", "/v1/files", (500, {}, ERROR)))],
    "503 at the job": lambda: [once(at("POST", JOBS, (503, {"retry-after": "0"}, ERROR)))],
    "the answer to the job's making is lost": lambda: [once(at("POST", JOBS, "lost"))],
    "500 at the list as well": lambda: [once(at("POST", JOBS, "lost")), once(at("GET", JOBS, (500, {}, ERROR)), 2)],
    "502 at a look": lambda: [once(lambda m, p: (502, {}, ERROR) if m == "GET" and "ftjob-" in p else None, 2)],
    "a state nobody knows": lambda: [
        once(lambda m, p: (200, {}, {"id": "j", "status": "reticulating"}) if m == "GET" and "ftjob-" in p else None, 3)
    ],
    "done, and no model yet": lambda: [
        once(lambda m, p: (200, {}, {"id": "j", "status": "succeeded"}) if m == "GET" and "ftjob-" in p else None)
    ],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_job_is_made_whatever_goes_wrong(server: TuningServer, tenant: str, tuning: Callable[..., Tuning], fault: str) -> None:
    server.faults.extend(FAULTS[fault]())
    succeeding(server, tenant)
    check_one_job(server, tenant, tuning().run())


def test_the_file_whose_answer_is_lost_is_found_by_its_name(
    server: TuningServer, tenant: str, tuning: Callable[..., Tuning]
) -> None:
    server.faults.append(once(at("POST", "/v1/files", "lost")))
    succeeding(server, tenant)
    check_one_job(server, tenant, tuning().run())
    assert len(server.home.files.of(tenant)) == 1


def test_a_job_is_found_on_the_last_of_many_pages_of_one(server: TuningServer, tenant: str, tuning: Callable[..., Tuning]) -> None:
    """A provider that passes over the filter, and gives one job a page whatever is asked for."""
    own = {"id": "ftjob-own", "status": "running", "metadata": {"run_digest": "d" * 64}}
    failed = {"id": "ftjob-failed", "status": "failed", "metadata": {"run_digest": "d" * 64}}
    entries = [{"id": f"ftjob-{number}", "status": "succeeded", "metadata": None} for number in range(7)] + [failed, own]

    def pages(method: str, path: str) -> Any:
        if method != "GET" or urlsplit(path).path != JOBS:
            return None
        after = parse_qs(urlsplit(path).query).get("after", [""])[0]
        place = next((at + 1 for at, one in enumerate(entries) if one["id"] == after), 0)
        return 200, {}, {"object": "list", "data": entries[place : place + 1], "has_more": place + 1 < len(entries)}

    done = {"id": "ftjob-own", "status": "succeeded", "fine_tuned_model": "theirs", "trained_tokens": None}
    server.faults += [pages, at("GET", "/ftjob-own", (200, {}, done))]
    purse = Purse(prices={"input_usd_per_million": 0.0}, budget=Budget(limit_usd=5.0))
    tuned = tuning(purse=purse).run()
    assert (tuned.model, tuned.job, tuned.tokens, tuned.usd) == ("theirs", "ftjob-own", None, 2.0)
    assert counted(server, "POST", "/v1/files") == counted(server, "POST", JOBS) == 0


def test_a_file_that_expired_meanwhile_goes_up_again(server: TuningServer, tenant: str, tuning: Callable[..., Tuning]) -> None:
    left = [1]

    def fault(method: str, path: str) -> None:
        """The request goes on, and finds its file gone."""
        if left[0] and (method, path) == ("POST", JOBS):
            left[0] = 0
            for file in server.home.files.of(tenant):
                server.home.files.delete(tenant, file.id)

    server.faults.append(fault)
    succeeding(server, tenant)
    check_one_job(server, tenant, tuning().run())
    assert counted(server, "POST", "/v1/files") == 2


def test_what_the_provider_says_of_the_file_is_told(server: TuningServer, tenant: str, tuning: Callable[..., Tuning]) -> None:
    with pytest.raises(UserError, match=r"training_file, invalid_training_file\).*Line 13: it has no 'messages'"):
        tuning(lines(12) + b'{"text": "x"}\n').run()
    [job] = server.home.tunings.of(tenant)
    # Mended, the same run is another job: the failed one is not taken up.
    again = tuning()
    server.faults.append(at("POST", JOBS, (400, {}, {"error": {"message": "stop here", "param": "model"}})))
    with pytest.raises(UserError, match="stop here"):
        again.run()
    assert counted(server, "POST", JOBS) == 2
    assert [one.id for one in server.home.tunings.of(tenant)] == [job.id]


def test_a_quota_that_is_used_up_and_a_key_that_is_refused_end_it(
    server: TuningServer, tenant: str, tuning: Callable[..., Tuning]
) -> None:
    used_up = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    server.faults.append(at("POST", JOBS, (429, {}, used_up)))
    with pytest.raises(UserError, match="quota"):
        tuning().run()
    server.faults[:] = [at("GET", JOBS, (401, {}, {"error": {"message": "Incorrect API key"}}))]
    with pytest.raises(UserError, match="refuses the key"):
        tuning().run()


def test_a_server_without_fine_tuning_says_so(server: TuningServer, tenant: str, tuning: Callable[..., Tuning]) -> None:
    server.faults += [at("GET", JOBS, (404, {}, ERROR)), at("POST", JOBS, (404, {}, ERROR))]
    with pytest.raises(UserError, match="has no fine-tuning"):
        tuning().run()


def test_a_state_that_stays_unknown_is_neither_success_nor_failure(
    server: TuningServer, tenant: str, tuning: Callable[..., Tuning], monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = {"id": "j", "status": "reticulating", "fine_tuned_model": "x"}
    server.faults.append(lambda m, p: (200, {}, strange) if m == "GET" and "ftjob-" in p else None)
    monkeypatch.setattr(running, "UNKNOWN_S", 0.0)
    with pytest.raises(BrokenEnvironment, match="'reticulating'"):
        tuning().run()
    server.faults.clear()
    succeeding(server, tenant)
    check_one_job(server, tenant, tuning().run())


def test_a_job_that_was_cancelled_there_is_told_and_made_anew(
    server: TuningServer, tenant: str, tuning: Callable[..., Tuning]
) -> None:
    gone = once(lambda m, p: (200, {}, {"id": "j", "status": "cancelled"}) if m == "GET" and "ftjob-" in p else None)
    server.faults.append(gone)
    with pytest.raises(UserError, match="was cancelled at the provider"):
        tuning().run()
    [job] = server.home.tunings.of(tenant)
    server.home.jobs.cancel(server.home.jobs.get(job.job))
    succeeding(server, tenant, looks=1)
    server.faults[-1] = lambda m, p: (
        (200, {}, {"id": "j", "status": "succeeded", "fine_tuned_model": "m"}) if m == "GET" and "ftjob-" in p else None
    )
    assert tuning().run().model == "m"
    assert len(server.home.tunings.of(tenant)) == 2


def purse_of(limit: float, kept: list[float], budget: Budget | None = None) -> Purse:
    """One whose totals are written down, as a climb's are."""
    purse = Purse(prices={"input_usd_per_million": 0.0, "output_usd_per_million": 0.0})
    purse.budget = budget or Budget(limit_usd=limit, keep=kept.append)
    return purse


def test_nothing_goes_out_where_it_could_cost_too_much(server: TuningServer, tenant: str, tuning: Callable[..., Tuning]) -> None:
    with pytest.raises(BudgetSpent, match=r"may cost 2\.00 USD"):
        tuning(purse=purse_of(1.5, [])).run()
    assert counted(server, "POST", "/v1/files") == counted(server, "POST", JOBS) == 0


def test_what_was_trained_is_paid_once_over_a_kill(server: TuningServer, tenant: str, tuning: Callable[..., Tuning]) -> None:
    kept: list[float] = []
    purse = purse_of(5.0, kept)

    run = tuning(purse=purse)
    run.tuner.look = lambda job: (_ for _ in ()).throw(KeyboardInterrupt())  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt) as interrupt:
        run.run()
    assert "the provider goes on with ftjob-" in interrupt.value.__notes__[0]
    assert (purse.budget.spent_usd, kept[-1]) == (2.0, 2.0)
    succeeding(server, tenant)
    again = purse_of(5.0, kept, Budget(limit_usd=5.0, spent_usd=2.0, batches=dict(purse.budget.batches), keep=kept.append))
    check_one_job(server, tenant, tuning(purse=again).run())
    assert again.budget.spent_usd == kept[-1] == pytest.approx(0.5)
    assert again.budget.batches == {}
    check_one_job(server, tenant, tuning(purse=again).run())
    assert again.budget.spent_usd == pytest.approx(0.5)


def test_a_process_that_was_killed_before_it_heard_of_the_job_finds_it(
    server: TuningServer, tenant: str, tuning: Callable[..., Tuning]
) -> None:
    run = tuning()
    run.tuner.create = lambda body, key: _made_and_killed(run.tuner, body, key)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        run.run()
    assert len(server.home.tunings.of(tenant)) == 1
    succeeding(server, tenant)
    check_one_job(server, tenant, tuning().run())


def _made_and_killed(tuner: Tuner, body: Any, key: str) -> str:
    Tuner.create(tuner, body, key)
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("said", "standing"),
    [
        ("validating_files", "validating"),
        ("pending", "validating"),
        ("in_progress", "running"),
        ("compressing", "finalizing"),
        ("uploading", "finalizing"),
        ("completed", "finalizing"),
        ("error", "failed"),
        ("canceled", "cancelled"),
        ("", "unknown"),
        ("JOB_STATE_NEW", "unknown"),
    ],
)
def test_providers_words_are_read(said: str, standing: str) -> None:
    assert read_job({"id": "j", "status": said}).standing == standing
    assert read_job(json.loads('{"id": 5, "status": null, "error": "no", "trained_tokens": true}')).tokens is None
