"""Files as tenants upload them: looked at line by line, kept as blobs, each tenant's own."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from rung.data.tuning_lines import LineFault, objects_of
from rung.registry.files import StoredFile
from rung.registry.home import Home
from rung.serve.types import Refused, Tenant

PURPOSE, RESULTS = "fine-tune", "fine-tune-results"
OTHER_PURPOSES = ("assistants", "batch", "evals", "user_data", "vision")
FILE_BYTES, TENANT_BYTES = 512 << 20, 64 << 30
LEAST_S, MOST_S = 3600, 2_592_000
CHUNK = 1 << 20
LONGEST_NAME = 255
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\"\\/]")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file as it came: its name, and its bytes from their beginning."""

    filename: str
    stream: BinaryIO


def upload(home: Home, tenant: Tenant, given: Upload, fields: Mapping[str, str]) -> StoredFile:
    """Keeps a tenant's file. Raises Refused for a purpose that there is not here, a name, a size or a line that cannot be."""
    purpose, filename = _purpose(fields.get("purpose")), _filename(given.filename)
    expires = _expires(fields)
    home.files.sweep()
    with home.blobs.scratch() as folder:
        copy = folder / "upload"
        left = TENANT_BYTES - home.files.stored_bytes(tenant.id)
        digest, size = hashlib.sha256(), 0
        with copy.open("wb") as out:
            while chunk := given.stream.read(CHUNK):
                size += len(chunk)
                if size > FILE_BYTES:
                    raise Refused(413, f"The file is larger than {FILE_BYTES >> 20} MB.", param="file", code="file_too_large")
                if size > left:
                    full = f"Your files take more than {TENANT_BYTES >> 30} GB. Delete some."
                    raise Refused(413, full, param="file", code="storage_limit")
                digest.update(chunk)
                out.write(chunk)
        if not size:
            raise Refused(400, "The file is empty.", param="file", code="invalid_file")
        try:
            with copy.open("rb") as lines:
                rows = sum(1 for _ in objects_of(lines))
        except LineFault as fault:
            told = f"Expected file to have JSONL format, where every line is a JSON object. {fault}."
            raise Refused(400, told, param="file", code="invalid_file_format") from None
        if not rows:
            raise Refused(400, "The file holds no line.", param="file", code="invalid_file")
        home.blobs.take(digest.hexdigest(), copy)
    made = StoredFile(
        id="", tenant=tenant.id, filename=filename, purpose=purpose, bytes=size, digest=digest.hexdigest(), expires=expires
    )
    return home.files.add(made)


def own_file(home: Home, tenant: Tenant, name: str) -> StoredFile:
    """A tenant's file. Raises Refused (404) in the same words for one that is not there and for another's."""
    file = home.files.get(tenant.id, name) if len(name) <= LONGEST_NAME else None
    if file is None:
        raise Refused(404, f"No such File object: {name[:LONGEST_NAME]}", type="invalid_request_error", param="id")
    return file


def _purpose(purpose: str | None) -> str:
    if not purpose:
        raise Refused(400, "'purpose' is a required property", param="purpose")
    if purpose in OTHER_PURPOSES:
        told = f"Files for the purpose '{purpose}' are not kept here; this server keeps those for '{PURPOSE}'."
        raise Refused(400, told, param="purpose", code="unsupported_purpose")
    if purpose != PURPOSE:
        known = ", ".join(repr(one) for one in (PURPOSE, *OTHER_PURPOSES))
        raise Refused(400, f"{purpose[:80]!r} is not one of [{known}] - 'purpose'", param="purpose")
    return purpose


def _filename(given: str) -> str:
    name = given.replace("\\", "/").rpartition("/")[2]
    name = _UNWRITABLE.sub("_", name)[-LONGEST_NAME:]
    if not name.lower().endswith(".jsonl"):
        told = f"Invalid extension {name.rpartition('.')[2][:20]!r}. Supported format: .jsonl, not compressed."
        raise Refused(400, told, param="file", code="invalid_file_extension")
    return name


def _expires(fields: Mapping[str, str]) -> float | None:
    """When it goes, by `expires_after`, whose parts a form says one by one."""
    said = {key: value for key, value in fields.items() if key.startswith("expires_after")}
    if not said:
        return None
    if strange := [key for key in said if key not in ("expires_after[anchor]", "expires_after[seconds]")]:
        raise Refused(400, f"Unrecognized parameter: {strange[0][:80]}", param=strange[0][:80])
    if said.get("expires_after[anchor]") != "created_at":
        raise Refused(400, "'expires_after.anchor' must be 'created_at'", param="expires_after.anchor")
    try:
        seconds = int(said.get("expires_after[seconds]", ""))
    except ValueError:
        seconds = 0
    if not LEAST_S <= seconds <= MOST_S:
        told = f"'expires_after.seconds' must be a whole number from {LEAST_S} to {MOST_S}"
        raise Refused(400, told, param="expires_after.seconds")
    return time.time() + seconds
