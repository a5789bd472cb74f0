"""Files, jobs, events and checkpoints as OpenAI's clients read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rung.registry.files import StoredFile
from rung.registry.tunings import Tuning, TuningCheckpoint, TuningEvent
from rung.serve.tuning.asking import AUTO, SUPERVISED
from rung.serve.tuning.jobs import Standing

EVENT, CHECKPOINT = "ftevent-", "ftckpt-"


def told_file(file: StoredFile) -> dict[str, Any]:
    """A file."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": seconds(file.created),
        "expires_at": int(file.expires) if file.expires is not None else None,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


def told_job(stands: Standing) -> dict[str, Any]:
    """A fine-tuning job."""
    tuning, end = stands.tuning, stands.tuning.end
    asked = tuning.asked
    chosen = asked.hyperparameters
    hyperparameters = {
        "n_epochs": AUTO if chosen.epochs is None else int(chosen.epochs),
        "batch_size": AUTO if chosen.batch_rows is None else chosen.batch_rows,
        "learning_rate_multiplier": AUTO if chosen.rate_factor is None else chosen.rate_factor,
    }
    fault = stands.fault
    return {
        "id": tuning.id,
        "object": "fine_tuning.job",
        "created_at": seconds(tuning.created),
        "finished_at": seconds(stands.finished) if stands.finished else None,
        "estimated_finish": None,
        "model": asked.model,
        "fine_tuned_model": end.model if end and not end.fault else None,
        "organization_id": tuning.tenant,
        "status": stands.status,
        "error": {"code": fault.code, "message": fault.message, "param": fault.param or None} if fault else None,
        "result_files": [end.result] if end and end.result else [],
        "trained_tokens": end.tokens if end else None,
        "training_file": asked.training,
        "validation_file": asked.validation or None,
        "seed": asked.seed,
        "hyperparameters": hyperparameters,
        "method": {"type": SUPERVISED, SUPERVISED: {"hyperparameters": hyperparameters}},
        "integrations": [],
        "metadata": dict(asked.metadata) or None,
        "user_provided_suffix": asked.suffix or None,
    }


def told_event(event: TuningEvent) -> dict[str, Any]:
    """An event; one with the figures of a step is of the type `metrics`."""
    return {
        "id": f"{EVENT}{event.cursor}",
        "object": "fine_tuning.job.event",
        "created_at": seconds(event.created),
        "level": event.level,
        "message": event.message,
        "type": "metrics" if "step" in event.data else "message",
        "data": dict(event.data),
    }


def told_checkpoint(tuning: Tuning, checkpoint: TuningCheckpoint) -> dict[str, Any]:
    """A checkpoint."""
    return {
        "id": f"{CHECKPOINT}{checkpoint.cursor}",
        "object": "fine_tuning.job.checkpoint",
        "created_at": seconds(checkpoint.created),
        "fine_tuned_model_checkpoint": checkpoint.model,
        "fine_tuning_job_id": tuning.id,
        "metrics": {"step": checkpoint.step, **checkpoint.metrics},
        "step_number": checkpoint.step,
    }


def page(data: Sequence[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """A page of a list."""
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": list(data), "has_more": has_more, **ends}


def seconds(moment: str) -> int:
    """A moment of the history (ISO 8601) in seconds since 1970."""
    return int(datetime.fromisoformat(moment).timestamp())
