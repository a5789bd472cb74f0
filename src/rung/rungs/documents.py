"""The task's documents, and how the retrieval rung is asked to look things up in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rung.errors import UserError
from rung.rungs.settings import read_settings
from rung.sources.base import BaseReference
from rung.types import Task

if TYPE_CHECKING:
    from rung.data.documents.collect import Library

NO_DOCUMENTS = "the task names no documents (knowledge:)"
Mode = Literal["lexical", "dense", "hybrid"]
Layout = Literal["question_last", "question_first", "question_twice", "cited"]


class Config(BaseModel):
    """What is tried; the first of each is where the search begins. `dev_rows` bounds the rows of each trial."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    modes: tuple[Mode, ...] = Field(default=("lexical", "dense", "hybrid"), min_length=1)
    chunk_chars: tuple[int, ...] = Field(default=(800, 400), min_length=1)
    passages: tuple[int, ...] = Field(default=(3, 1, 6), min_length=1)
    forms: tuple[Layout, ...] = Field(default=("question_last", "question_first", "question_twice"), min_length=1)
    dev_rows: int = Field(default=200, ge=10)


def settings_of(task: Task) -> Config:
    """The settings; where citations are scored, documents are shown in the one form that asks for them."""
    from rung.verify.scoring import scorer_of

    config = read_settings(task, "r2_retrieve", Config)
    cited = any(scorer_of(task, bar).cites for bar in (task.quality, *task.guards))
    return config.model_copy(update={"forms": ("cited",)}) if cited else config


def documents_of(task: Task, progress: Any) -> Library:
    """The task's documents, read. Raises UserError where they are not what the task locked."""
    from rung.data.documents.collect import collect
    from rung.data.documents.files import DocumentSource

    told = task.knowledge
    if told is None:
        raise UserError(NO_DOCUMENTS, where=task.path)
    source = DocumentSource(
        references=told.source, base_folder=Path(told.folder), downloads=Path(told.downloads), include=told.include
    )
    return collect(source, progress, expected=told.digest)


def encoder_of(task: Task) -> str:
    """The encoder that the task names, or the default one."""
    from rung.engine.retrieval.encoders import DEFAULT_ENCODER

    return _beside(task, task.knowledge.encoder if task.knowledge else None) or DEFAULT_ENCODER


def reranker_of(task: Task) -> str | None:
    """The reranker that the task names; None where none is tried."""
    return _beside(task, task.knowledge.reranker if task.knowledge else None)


def _beside(task: Task, name: str | None) -> str | None:
    """A model that `knowledge:` names; a folder is looked for beside the task file."""
    if not name or not task.knowledge or not BaseReference.read(name).is_path or name.startswith("~"):
        return name
    return str(Path(task.knowledge.folder) / name)
