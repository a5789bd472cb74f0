"""/v1/fine_tuning/jobs by the official client: what is asked, what is refused, how a job stands, and what comes of one."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import openai
import pytest
from tuning_server import TuningServer, lines

from rung.progress import Silent
from rung.registry.processes import this_process
from rung.tuning.run import tune
from rung.worker.loop import Worker

FEW = {"n_epochs": 1, "batch_size": 8}


def upload(client: Any, data: bytes | None = None) -> str:
    return str(client.files.create(file=("train.jsonl", lines(24) if data is None else data), purpose="fine-tune").id)


def create(client: Any, **more: Any) -> Any:
    asked = {"model": "base", **more}
    asked.setdefault("training_file", None) or asked.update(training_file=upload(client))
    return client.fine_tuning.jobs.create(**asked)


def method(**hyperparameters: Any) -> dict[str, Any]:
    return {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}


def test_a_job_is_told_as_it_was_asked(server: TuningServer) -> None:
    client = server.client()
    job = create(client, suffix="my tone", seed=7, metadata={"team": "a"}, method=method(n_epochs=3, batch_size="auto"))
    assert job.id.startswith("ftjob-")
    assert (job.object, job.status, job.model, job.seed) == ("fine_tuning.job", "queued", "base", 7)
    assert job.metadata == {"team": "a"}
    assert job.method.supervised.hyperparameters.n_epochs == 3
    assert job.method.supervised.hyperparameters.batch_size == "auto"
    assert (job.fine_tuned_model, job.error, job.finished_at, job.trained_tokens, job.result_files) == (None, None, None, None, [])
    assert client.fine_tuning.jobs.retrieve(job.id) == job
    said = [event.message for event in client.fine_tuning.jobs.list_events(job.id)]
    assert "No worker is at work" in said[0]
    assert said[-1] == f"Created fine-tuning job: {job.id}"
    waits = server.home.jobs.get(server.home.tunings.get(job.id).job)
    assert waits.asked.line == ("tune", job.id)
    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"


def test_a_job_is_paused_and_goes_on_and_is_stopped(server: TuningServer) -> None:
    jobs = server.client("pauses").fine_tuning.jobs
    job = create(server.client("pauses"))
    assert jobs.pause(job.id).status == "paused"
    assert jobs.pause(job.id).status == "paused"
    assert jobs.resume(job.id).status == "queued"
    held = server.home.jobs.claim(this_process(), "me", lambda found: job.id in found.asked.arguments)
    assert held is not None
    assert jobs.retrieve(job.id).status == "validating_files"
    server.home.tunings.say(job.id, "Fine-tuning job started", data={"phase": "training"})
    assert jobs.retrieve(job.id).status == "running"
    assert jobs.pause(job.id).status == "paused"
    with pytest.raises(openai.ConflictError, match="pausing"):
        jobs.resume(job.id)
    stopped = jobs.cancel(job.id)
    assert stopped.status == "cancelled"
    for ask in (jobs.pause, jobs.resume):
        with pytest.raises(openai.BadRequestError, match="already been cancelled"):
            ask(job.id)
    assert jobs.cancel(job.id).status == "cancelled"


@pytest.mark.parametrize(
    ("more", "param", "said"),
    [
        ({"method": {"type": "dpo", "dpo": {}}}, "method.type", "'dpo' is not trained here"),
        ({"method": {"type": "reinforcement"}}, "method.type", "'reinforcement' is not trained here"),
        ({"method": {"type": "sft"}}, "method.type", "must be one of"),
        ({"method": method(n_epochs=0)}, "method.supervised.hyperparameters.n_epochs", "whole number from 1"),
        ({"method": method(n_epochs=1.5)}, "method.supervised.hyperparameters.n_epochs", "whole number"),
        ({"method": method(learning_rate=1)}, "method.supervised.hyperparameters.learning_rate", "learning_rate_multiplier"),
        ({"method": method(learning_rate_multiplier=-1)}, "method.supervised.hyperparameters.learning_rate_multiplier", "above 0"),
        ({"suffix": "x" * 65}, "suffix", "at most 64"),
        ({"seed": -1}, "seed", "whole number"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata", "more than 16"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "at most 64"),
        ({"integrations": [{"type": "wandb", "wandb": {"project": "p"}}]}, "integrations", "leaves this server"),
        ({"extra_body": {"epochs": 3}}, "epochs", "Unrecognized request argument"),
        ({"extra_body": {"check": {"at_least": 80}}}, "check.at_least", "between 0 and 1"),
        ({"extra_body": {"check": {"scorer": "exct"}}}, "check.scorer", "exact"),
        ({"model": "gpt-4o-mini"}, "model", "does not exist"),
        ({"training_file": "file-000"}, "training_file", "not one of your files"),
        ({"validation_file": "file-000"}, "validation_file", "not one of your files"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field(server: TuningServer, more: dict[str, Any], param: str, said: str) -> None:
    with pytest.raises((openai.BadRequestError, openai.NotFoundError), match=said) as error:
        create(server.client("refused"), **more)
    assert error.value.param == param
    assert server.home.tunings.of("refused") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"messages": [{"role": "user", "content": "hi"}]}', "Line 25: the last message must be the assistant's"),
        (b'{"messages": []}', "Line 25: 'messages' must be a list of at least one"),
        (b'{"message": [{"role": "user", "content": "hi"}]}', "Did you mean 'message'"),
        (b'{"messages": [{"role": "bot", "content": "hi"}]}', "the role 'bot'"),
        (b'{"messages": [{"role": "user", "content": "hi", "weight": 1}]}', "only the assistant's messages"),
        (b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0.5}]}', "it is 0 or 1"),
        (
            b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]}',
            "nothing is to be",
        ),
        (b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}]}', "says and calls nothing"),
        (b'{"messages": [{"role": "assistant", "content": "b"}]}', "no message of a user's"),
        (b'{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}', "only texts"),
        (b'{"input": {"messages": []}, "preferred_output": [], "non_preferred_output": []}', "for the method dpo"),
        (b'{"prompt": "a", "completion": ""}', "'completion' must be a text"),
    ],
)
def test_a_line_that_does_not_hold_fails_the_job_by_its_number(server: TuningServer, line: bytes, said: str) -> None:
    client = server.client("lines")
    job = create(client, training_file=upload(client, lines(24) + line + b"\n"))
    assert job.status == "failed"
    assert (job.error.code, job.error.param) == ("invalid_training_file", "training_file")
    assert said in job.error.message
    assert job.finished_at is not None
    assert client.fine_tuning.jobs.list_events(job.id).data[0].level == "error"


def test_too_few_examples_and_a_wrong_validation_file_fail_the_job(server: TuningServer) -> None:
    client = server.client("few")
    few = create(client, training_file=upload(client, lines(9)))
    assert "has 9 examples, and must have at least 10" in few.error.message
    wrong = create(client, validation_file=upload(client, b'{"text": "x"}\n'))
    assert (wrong.error.code, wrong.error.param) == ("invalid_validation_file", "validation_file")


def test_another_tenants_job_and_file_are_not_there(server: TuningServer) -> None:
    job, ben = create(server.client()), server.client("ben").fine_tuning.jobs
    for ask in (ben.retrieve, ben.cancel, ben.pause, ben.resume, ben.list_events, ben.checkpoints.list):
        with pytest.raises(openai.NotFoundError):
            ask(job.id)
    assert ("ben", f"/v1/fine_tuning/jobs/{job.id}/cancel", 404) in server.journal.told, "the attempt is written down"
    with pytest.raises(openai.BadRequestError, match="not one of your files"):
        ben.create(model="base", training_file=job.training_file)
    assert list(ben.list()) == []
    assert server.client().fine_tuning.jobs.retrieve(job.id).status == "queued"
    server.client().fine_tuning.jobs.cancel(job.id)


def test_lists_are_paged_and_asked_by_metadata(server: TuningServer) -> None:
    client = server.client("lists")
    file = upload(client)
    made = [create(client, training_file=file, metadata={"n": str(n), "kind": "x"} if n else None).id for n in range(4)]
    assert [job.id for job in client.fine_tuning.jobs.list(limit=1)] == made[::-1]
    assert [job.id for job in client.fine_tuning.jobs.list(metadata={"n": "2"})] == [made[2]]
    assert [job.id for job in client.fine_tuning.jobs.list(metadata={"kind": "x"}, limit=2)] == made[:0:-1]
    assert [event.id for event in client.fine_tuning.jobs.list_events(made[0], limit=1)] == [
        event.id for event in client.fine_tuning.jobs.list_events(made[0]).data
    ]
    with pytest.raises(openai.BadRequestError, match="after"):
        client.fine_tuning.jobs.list_events(made[0], after="job-1")


def test_the_same_request_makes_one_job(server: TuningServer) -> None:
    client = server.client("twice")
    file = upload(client)
    first = create(client, training_file=file, metadata={"run_digest": "abc"})
    assert create(client, training_file=file, metadata={"run_digest": "abc"}).id == first.id
    key = {"Idempotency-Key": "k"}
    second = create(client, training_file=file, extra_headers=key)
    assert create(client, training_file=file, extra_headers=key).id == second.id != first.id
    with pytest.raises(openai.ConflictError, match="another key"):
        create(client, training_file=file, seed=1, extra_headers=key)
    client.files.delete(file)
    assert create(client, training_file=file, extra_headers=key).id == second.id
    client.fine_tuning.jobs.cancel(second.id)
    with pytest.raises(openai.BadRequestError, match="not one of your files"):
        create(client, training_file=file, extra_headers=key)
    assert create(client, extra_headers=key).id not in (first.id, second.id)
    assert len(server.home.jobs.all(labels={"tenant": "twice"})) == 3


def test_one_tenant_does_not_fill_the_queue(server: TuningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.serve.tuning.jobs.MOST_UNDER_WAY", 1)
    client = server.client("many")
    job = create(client)
    with pytest.raises(openai.RateLimitError):
        create(client)
    client.fine_tuning.jobs.cancel(job.id)
    create(client)


def test_a_job_to_its_model_with_events_checkpoints_and_figures(server: TuningServer) -> None:
    """What the tenant gets, without a bar: the model answers whatever its check says."""
    client = server.client()
    validation = upload(client, lines(36)[len(lines(24)) :])
    job = create(client, validation_file=validation, suffix="tone", method=method(**FEW))
    tune(server.home, job.id, Silent())
    done = client.fine_tuning.jobs.retrieve(job.id)
    assert (done.status, done.error) == ("succeeded", None)
    assert done.fine_tuned_model.startswith("ft-model-tone-")
    assert done.trained_tokens > 24
    events = list(client.fine_tuning.jobs.list_events(job.id))
    steps = [event for event in events if event.type == "metrics"]
    assert steps
    assert all(event.data["train_loss"] > 0 for event in steps)
    assert any(event.message == f"New fine-tuned model created: {done.fine_tuned_model}" for event in events)
    checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id))
    assert [one.step_number for one in checkpoints] == sorted((one.step_number for one in checkpoints), reverse=True)
    for one in checkpoints:
        assert one.fine_tuned_model_checkpoint.startswith(f"{done.fine_tuned_model}.ckpt-")
        assert one.metrics.train_loss > 0
        assert server.home.tunings.owner(one.fine_tuned_model_checkpoint) == "anna"
        assert server.home.names.find(one.fine_tuned_model_checkpoint) is not None
    table = list(csv.DictReader(io.StringIO(client.files.content(done.result_files[0]).text)))
    assert [line["step"] for line in table] == [str(number + 1) for number in range(len(table))]
    version = server.home.names.find(done.fine_tuned_model)
    assert version is not None
    assert version.evidence.climb
    candidate = server.home.candidates.get(version.candidate)
    assert candidate.adapters
    tune(server.home, job.id, Silent())  # it is done: nothing happens
    assert len(server.home.names.of(name=done.fine_tuned_model)) == 1
    further = create(client, model=done.fine_tuned_model, method=method(**FEW))
    assert server.home.tunings.get(further.id).asked.base == version.ref
    with pytest.raises(openai.NotFoundError):
        create(server.client("ben"), model=done.fine_tuned_model)


def test_a_worker_does_it_and_a_bar_that_is_not_reached_fails_it(server: TuningServer) -> None:
    client = server.client("bar")
    hard = b"".join(
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": f"What is item {number}?"},
                    {"role": "assistant", "content": f"It is {number * 7919 % 1000}, said with {number % 7} reasons."},
                ]
            }
        ).encode()
        + b"\n"
        for number in range(120)
    )
    for waiting in server.home.jobs.queue():
        server.home.jobs.cancel(waiting)
    check = {"check": {"at_least": 0.5, "scorer": "exact"}}
    job = create(client, training_file=upload(client, hard), method=method(n_epochs=1, batch_size=64), extra_body=check)
    Worker(server.home, once=True).run()
    done = client.fine_tuning.jobs.retrieve(job.id)
    assert (done.status, done.fine_tuned_model) == ("failed", None)
    assert (done.error.code, done.error.param) == ("check_failed", "training_file")
    assert "0.5" in done.error.message
    assert server.home.names.find(server.home.tunings.get(job.id).name) is None
