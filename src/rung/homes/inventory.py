"""Where everything of a home is, and how large it is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rung.registry.remote import RemoteStore

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.types import Progress

# What a folder or file of a home is for; "" of those that are told of elsewhere.
KNOWN: Mapping[str, str] = {
    "format": "",
    "registry.db": "",
    "registry.db-wal": "",
    "registry.db-shm": "",
    "blobs": "",
    "audit.head": "how far the audit goes, signed",
    "keys": "private keys: copy them nowhere, keep them",
    "downloads": "data and packages that were fetched",
    "bases": "models that were fetched, as they are loaded",
    "adapters": "adapters that were fetched",
    "vectors": "vectors of passages, computed once",
    "batches": "batches that servers have",
    "servers": "what servers were found to be",
    "speeds": "how fast this machine is",
    "climbs": "what climbs under way work in",
    "jobs": "what jobs have said",
    "tuning": "rows and task files of fine-tuning jobs",
    "reports": "HTML reports",
    "worlds": "tasks of `rung demo`",
    "homes": "what is known of other homes",
}
SETTINGS = ("RUNG_HOME", "RUNG_DATABASE", "RUNG_BLOBS", "RUNG_IDENTITY", "RUNG_DEVICE", "RUNG_PRECISION", "RUNG_TRUST_REMOTE_CODE")
# Set or not: what they say is nobody's business.
SECRETS = ("RUNG_API_KEY", "PGPASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
BESIDE = ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "PGPASSFILE")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a home: where it is, what it is for, how many files and bytes; None where that is not counted."""

    name: str
    where: str
    said: str
    files: int | None
    bytes: int


def parts(home: Home, progress: Progress) -> list[Part]:
    """Everything that a home consists of, the registry and the blobs first."""
    with progress.stage("What lies where") as stage:
        found = []
        for part in _parts(home):
            found.append(part)
            stage.advance(1, part=part.name)
        return found


def _parts(home: Home) -> Iterator[Part]:
    file = home.path / "registry.db"
    yield Part(
        name="registry", where=home.places.database or str(file), said="the history", files=None, bytes=home.registry_bytes()
    )
    blobs = list(home.blobs.entries())
    yield Part(
        name="blobs",
        where=home.blobs.where,
        said="what the history names by digest",
        files=len(blobs),
        bytes=sum(entry.size for entry in blobs),
    )
    if isinstance(home.blobs, RemoteStore):
        copies = list(home.blobs.cached())
        said = "copies of blobs that were used here"
        yield Part(
            name="copies", where=str(home.blobs.root), said=said, files=len(copies), bytes=sum(entry.size for entry in copies)
        )
    for child in sorted(home.path.iterdir()):
        said = KNOWN.get(child.name, "not Rung's")
        if said:
            files, size = counted(child)
            yield Part(name=child.name, where=str(child), said=said, files=files, bytes=size)


def counted(path: Path) -> tuple[int, int]:
    """The files under a path and their bytes; links are not followed, and what vanishes meanwhile is not counted."""
    if path.is_file() and not path.is_symlink():
        return 1, path.stat().st_size
    files = size = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                size += os.lstat(os.path.join(folder, name)).st_size
                files += 1
            except FileNotFoundError:
                continue
    return files, size


def settings() -> dict[str, str]:
    """What the environment says, of all that a home goes by; of a secret only that it is set."""
    told = {name: os.environ[name] for name in (*SETTINGS, *BESIDE) if os.environ.get(name)}
    return told | {name: "set" for name in SECRETS if os.environ.get(name)}
