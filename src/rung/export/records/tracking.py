"""An exported model kept in MLflow's own store: a run with what was shown, and the next version of a registered model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rung.errors import BrokenEnvironment, UserError
from rung.export.records.mlflow_files import QUIET
from rung.export.records.told import Told
from rung.sources.address import refuse_secrets

# By which a version is known again. MLflow's own digest of data does not see chats: rung's roots are told as tags, in full.
CANDIDATE = "rung.candidate"
PLACE = "model"
# MLflow knocks seven times, for minutes, where nobody is; whoever wants that sets its variables.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}


def publish(told: Told, folder: Path, uri: str) -> str:
    """Logs a run and registers the folder as the next version of the model of this name; returns `name, version N`.

    uri  what MLflow calls a tracking URI: http(s)://..., sqlite:///file.db, a folder

    The same Candidate is there once. Raises UserError where MLflow is not installed or refuses the address, BrokenEnvironment where
    its store cannot be reached.
    """
    _refuse_secrets(uri)
    os.environ |= {**PATIENCE, **os.environ, **QUIET}
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise UserError("MLflow is not installed", hint="pip install 'rung[mlflow]'") from None
    try:
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        return _known(client, told) or _logged(client, told, folder)
    except MlflowException as error:
        problem = f"MLflow refused: {str(error).splitlines()[0][:300]}"
        raise BrokenEnvironment(problem, where=uri, hint="Is it the address of a tracking server, sqlite:///file.db?") from None
    except ImportError as error:
        problem = f"this store of MLflow's needs more than its client: {error}"
        raise UserError(problem, where=uri, hint="pip install mlflow, or name a server: http(s)://...") from None


def _refuse_secrets(uri: str) -> None:
    """Of a server's address: it is told of, and stands in the audit."""
    if uri.startswith(("sqlite:", "file:")):
        return
    try:
        refuse_secrets(uri)
    except UserError as error:
        hint = "MLflow reads MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
        raise UserError(error.problem, where=error.where, hint=hint) from None


def _known(client: Any, told: Told) -> str:
    """The version that this Candidate has there already; "" where it has none."""
    for version in client.search_model_versions(f"name = '{told.name}'"):
        if version.tags.get(CANDIDATE) == told.candidate.id:
            return f"{told.name}, version {version.version}, as it was"
    return ""


def _logged(client: Any, told: Told, folder: Path) -> str:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(told.name)
    experiment = known.experiment_id if known else client.create_experiment(told.name)
    tags = dict(_tags(told))
    run = client.create_run(experiment, run_name=told.ref, tags=tags)
    client.log_batch(
        run.info.run_id,
        metrics=[Metric(name, value, run.info.start_time, 0) for name, value in _metrics(told)],
        params=[Param(name, value) for name, value in _parameters(told)],
        tags=[RunTag(name, value) for name, value in tags.items()],
    )
    client.log_artifacts(run.info.run_id, str(folder), PLACE)
    client.set_terminated(run.info.run_id)
    try:
        client.create_registered_model(told.name)
    except MlflowException:
        client.get_registered_model(told.name)  # there already, or the first error's cause is said again
    source = f"{run.info.artifact_uri}/{PLACE}"
    made = client.create_model_version(told.name, source, run_id=run.info.run_id, tags=tags)
    return f"{told.name}, version {made.version}"


def _tags(told: Told) -> Iterator[tuple[str, str]]:
    yield CANDIDATE, told.candidate.id
    yield "rung.version", told.ref
    yield "rung.status", told.status
    if told.receipt_digest:
        yield "rung.receipt", told.receipt_digest
    for split in told.splits:
        yield f"rung.data.{split.name}", split.digest


def _metrics(told: Told) -> Iterator[tuple[str, float]]:
    """What was signed. What is not known is no metric, and never zero."""
    for _, verdict in told.judged:
        for name, value in (("estimate", verdict.estimate), ("lower", verdict.lower), ("upper", verdict.upper)):
            if value is not None:
                yield f"{verdict.name}.{name}", value


def _parameters(told: Told) -> Iterator[tuple[str, str]]:
    yield "rung", told.candidate.rung
    yield "base", told.candidate.base_reference.bare[:500]
    for name, value in sorted((told.settings or {}).items()):
        yield f"settings.{name}", str(value)[:500]
