"""The official client, unchanged: a file, a job that a worker does, its events and checkpoints, a chat with the tuned model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest
from serving_home import plain, register, serving
from tuning_server import lines

from rung.registry.home import Home, open_home
from rung.serve.opening import Settings, open_door
from rung.serve.types import Refused, Tenant
from rung.worker.loop import Worker


class ByName:
    """Every key is its tenant's name."""

    def tenant(self, authorization: str | None, address: str) -> Tenant:
        if not authorization:
            raise Refused(401, "no key", type="authentication_error")
        name = authorization.removeprefix("Bearer ")
        return Tenant(id=name, name=name)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Iterator[tuple[Any, Home]]:
    with open_home(tmp_path_factory.mktemp("show") / "home", write=True) as home:
        register(home, "tone", plain(str(tiny_base)))
        with serving(replace(open_door(home, Settings()), keys=ByName())) as running:
            yield running, home


def test_a_supervised_job_to_a_chat_with_the_tuned_model(shown: tuple[Any, Home]) -> None:
    running, home = shown
    client = openai.OpenAI(base_url=f"{running.url}/v1", api_key="anna", max_retries=0)
    file = client.files.create(file=("train.jsonl", lines(40)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model="tone",
        training_file=file.id,
        suffix="show",
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2, "batch_size": 8}}},
    )
    assert job.status == "queued"
    Worker(home, once=True).run()
    job = client.fine_tuning.jobs.retrieve(job.id)
    assert (job.status, job.error) == ("succeeded", None)
    assert job.fine_tuned_model is not None
    assert any(event.type == "metrics" for event in client.fine_tuning.jobs.list_events(job.id))
    checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id))
    assert checkpoints
    asked: Any = [{"role": "system", "content": "Is it positive or negative?"}, {"role": "user", "content": "order 3: great"}]
    for model in (job.fine_tuned_model, checkpoints[0].fine_tuned_model_checkpoint):
        answer = client.chat.completions.create(model=model, messages=asked)
        assert answer.choices[0].message.content is not None
    listed = {model.id for model in client.models.list()}
    assert {"tone", job.fine_tuned_model} <= listed
    ben = openai.OpenAI(base_url=f"{running.url}/v1", api_key="ben", max_retries=0)
    assert not {model.id for model in ben.models.list() if model.id.startswith("ft-")}
    for model in (job.fine_tuned_model, f"{job.fine_tuned_model}@1", checkpoints[0].fine_tuned_model_checkpoint):
        with pytest.raises(openai.NotFoundError):
            ben.chat.completions.create(model=model, messages=asked)
