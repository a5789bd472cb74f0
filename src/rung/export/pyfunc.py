"""What MLflow loads of an exported model: `python_function` names this module, and `data/` holds the Candidate and its files.

It is answered by rung itself, which has to be installed where it is served: no pickle, and no code within the model.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from rung.disk import file_digest, tree_digest
from rung.errors import BrokenEnvironment, UserError
from rung.json_form import as_json, canonical_json, from_json
from rung.storage import Blobs
from rung.types import Candidate, Example

if TYPE_CHECKING:
    from rung.engine.runtime import Runtime

CANDIDATE, BLOBS = "candidate.json", "blobs"
QUESTION = "question"


@dataclass(frozen=True, kw_only=True)
class Model:
    """An exported Candidate, to be asked."""

    candidate: Candidate
    runtime: Runtime

    def predict(self, model_input: Any, params: Any = None) -> list[str]:
        """What it answers to each text: of a column `question`, of a list, or to one text alone.

        Raises UserError where a row holds none.
        """
        from rung.engine.answer import answer

        rows = [
            Example(id=str(place), messages=({"role": "user", "content": text},))
            for place, text in enumerate(texts_of(model_input))
        ]
        return [one.text for one in answer(self.candidate, rows, self.runtime)]


@dataclass(frozen=True, kw_only=True)
class Files:
    """The blobs of an exported model, each under its digest; rung.storage.Blobs of which nothing can be added to."""

    folder: Path

    def put_bytes(self, data: bytes) -> str:
        raise RuntimeError("an exported model keeps nothing")

    def put_tree(self, folder: Path) -> str:
        raise RuntimeError("an exported model keeps nothing")

    def open(self, digest: str) -> BinaryIO:
        return self.local(digest).open("rb")

    def local(self, digest: str) -> Path:
        """Raises BrokenEnvironment where it is gone."""
        kept = self.folder / digest
        if not kept.exists():
            raise BrokenEnvironment(f"the model lacks the file {digest[:12]}", where=str(self.folder), hint="Export it again.")
        return kept


def _load_pyfunc(data_path: str) -> Model:
    """By the name that MLflow calls. Raises BrokenEnvironment for files that are not what was exported."""
    from rung.engine.runtime import open_runtime
    from rung.registry.home import default_path

    folder = Path(data_path)
    candidate = from_json(Candidate, json.loads((folder / CANDIDATE).read_bytes().decode("utf-8", "surrogatepass")))
    files = Files(folder=folder / BLOBS)
    for digest in candidate.artefacts:
        kept = files.local(digest)
        if (tree_digest(kept) if kept.is_dir() else file_digest(kept)) != digest:
            raise BrokenEnvironment(f"the file {digest[:12]} of the model was changed", where=str(folder), hint="Export it again.")
    return Model(candidate=candidate, runtime=replace(open_runtime(default_path(), files), live=True, asker="answer"))


def write_data(candidate: Candidate, blobs: Blobs, folder: Path) -> None:
    """The Candidate and every file that it names, under its digest."""
    (folder / BLOBS).mkdir(parents=True)
    (folder / CANDIDATE).write_bytes(canonical_json(as_json(candidate)).encode("utf-8", "surrogatepass"))
    for digest in candidate.artefacts:
        stored, copy = blobs.local(digest), folder / BLOBS / digest
        if stored.is_dir():
            shutil.copytree(stored, copy, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(stored, copy)


def texts_of(model_input: Any) -> Sequence[str]:
    """The texts in whatever MLflow hands over: a table with the column `question`, or with one column; a list; a text.

    Raises UserError for a row without a text: a missing value would be asked about as the word nan.
    """
    columns = getattr(model_input, "columns", None)
    if isinstance(model_input, str):
        found: list[Any] = [model_input]
    elif columns is None:
        found = list(model_input)
    elif QUESTION in columns or len(columns) == 1:
        found = list(model_input[QUESTION if QUESTION in columns else columns[0]])
    else:
        raise UserError(f"no column is called '{QUESTION}'", hint=f"Columns are {', '.join(map(str, columns))}: rename one.")
    for number, text in enumerate(found, 1):
        if not isinstance(text, str):
            raise UserError(f"row {number} holds no text ({text!r:.40})", hint="Leave the row out, or write an empty text.")
    return found
