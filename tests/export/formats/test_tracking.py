"""What MLflow's own store is given: a run with what was signed, a model's version, once for each Candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from versions_made import SAID, linear_candidate, prompt_candidate, subject

from rung.errors import BrokenEnvironment, UserError
from rung.export.base import export
from rung.export.publish import publish, publishing
from rung.registry.home import Home

pytest.importorskip("mlflow")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder, which MLflow takes where it is told that it may."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return (tmp_path / "mlruns").as_uri()


def client(store: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=store, registry_uri=store)


def test_a_run_and_a_version_once_for_each_candidate(registry: Home, tmp_path: Path, store: str) -> None:
    made = subject(registry, linear_candidate(registry))
    out = [export(made, name, tmp_path / "out", check=False) for name in ("card", "mlflow")]
    assert publish(made, out, store) == [f"mlflow: tone, version 1, at {store}"]
    assert publish(made, out, store) == [f"mlflow: tone, version 1, as it was, at {store}"]
    other = subject(registry, linear_candidate(registry, {None: SAID[::-1]}))
    assert "version 2" in publish(other, [export(other, "mlflow", tmp_path / "other", check=False)], store)[0]
    known = client(store)
    first = known.get_model_version("tone", "1")
    assert first.tags["rung.candidate"] == made.candidate.id and first.tags["rung.data.train"] == "11" * 32
    run = known.get_run(first.run_id)
    # The guard was answered by nothing that could be scored: it is no metric, and not zero.
    assert run.data.metrics == {"quality.estimate": 0.75, "quality.lower": 0.612}
    assert {path.path for path in known.list_artifacts(first.run_id, "model")} >= {"model/MLmodel", "model/data"}
    lines = [line.kind for line in registry.audit.stored() if line.kind == "publish"]
    assert len(lines) == 3


def test_a_format_without_a_store_is_refused_before_anything_is_written() -> None:
    with pytest.raises(UserError, match="no store is known for card, bom"):
        publishing(["card", "bom"])


@pytest.mark.parametrize("where", ["http://anna:secret@host/mlflow", "https://host?token=abc"])
def test_an_address_with_a_password_is_refused(where: str, registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry))
    with pytest.raises(UserError) as refused:
        publish(made, [export(made, "mlflow", tmp_path, check=False)], where)
    assert "secret" not in str(refused.value)


def test_a_store_that_is_not_one_is_told(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry))
    out = [export(made, "mlflow", tmp_path, check=False)]
    with pytest.raises((UserError, BrokenEnvironment)):
        publish(made, out, "nowhere://x")


def test_a_server_that_is_not_there_is_told_soon(registry: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}.items():
        monkeypatch.setenv(name, value)
    made = subject(registry, prompt_candidate(registry))
    with pytest.raises(BrokenEnvironment, match="MLflow refused"):
        publish(made, [export(made, "mlflow", tmp_path, check=False)], "http://127.0.0.1:9")
