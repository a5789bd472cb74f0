"""Package wheels as a way to ship data and models: downloaded by pip, never installed, read without running anything in them."""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import io
import re
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rung.disk import full, place, scratch
from rung.errors import BrokenEnvironment, UserError, did_you_mean

MAX_UNPACKED_BYTES = 16 << 30
NO_NETWORK = ("connection", "temporary failure", "timed out", "name resolution", "network is unreachable", "proxy", "ssl")
STRONG = ("sha256", "sha384", "sha512")


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """An open wheel whose names and sizes are harmless. `recorded` maps a file to (algorithm, digest) as its RECORD says."""

    path: Path
    archive: zipfile.ZipFile
    recorded: Mapping[str, tuple[str, str]]

    @property
    def files(self) -> list[str]:
        """The paths of all files inside."""
        return [name for name in self.archive.namelist() if not name.endswith("/")]

    def check(self, member: str) -> None:
        """Raises UserError, with the nearest name, where there is no such file inside."""
        if member not in self.files:
            near = did_you_mean(member, [name for name in self.files if ".dist-info/" not in name][:200])
            raise UserError(f"the wheel holds no file '{member}'", where=self.path.name, hint=near)

    def extract(self, member: str, target: Path) -> None:
        """Writes one file to `target`. Raises UserError where there is no such file or it is not the one that RECORD tells of."""
        self.check(member)
        algorithm, told = self.recorded.get(member, ("sha256", ""))
        found = hashlib.new(algorithm)
        target.parent.mkdir(parents=True, exist_ok=True)
        with self.archive.open(member) as packed, target.open("wb") as file:
            while block := packed.read(1 << 20):
                found.update(block)
                file.write(block)
        if told != _encoded(found.digest()) and not _needs_no_record(member):
            raise UserError(f"'{member}' is not what the wheel's RECORD says", where=self.path.name, hint=_fetch_anew(self.path))


def download(requirement: str, folder: Path) -> Path:
    """The wheel of `name[==version]`, by `pip download`, moved into `folder` in one step once it is whole.

    Only wheels are taken: to build a source package would run its code. Raises UserError where there is none such, and
    BrokenEnvironment where there is no network, no disk or no pip.
    """
    with scratch(folder.parent) as made:
        options = ["--no-deps", "--only-binary=:all:", "--quiet", "--no-input", "--disable-pip-version-check"]
        # Without a retry pip does not say that it found no network, only that it found no package.
        command = [sys.executable, "-m", "pip", "download", *options, "--retries", "2", "--dest", str(made), requirement]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        wheels = list(made.glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise _pip_failed(requirement, done.stderr, folder)
        return place(wheels[0], folder / wheels[0].name)


@contextlib.contextmanager
def open_wheel(path: Path) -> Iterator[Wheel]:
    """Raises UserError for a file that is no whole wheel, and for one with names that lead out of its folder, names that collide,
    links, devices, or more than 16 GiB inside."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_harmless(archive, path)
            yield Wheel(path=path, archive=archive, recorded=_recorded(archive, path))
    except (zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"the wheel is damaged: {error}", where=path.name, hint=_fetch_anew(path)) from None


def _fetch_anew(path: Path) -> str:
    return f"Delete {path} and run again to fetch it anew."


def _check_harmless(archive: zipfile.ZipFile, path: Path) -> None:
    seen: set[str] = set()
    for member in archive.infolist():
        name, mode = member.filename, member.external_attr >> 16
        parts = PurePosixPath(name)
        outside = parts.is_absolute() or ".." in parts.parts or "\\" in name or "\x00" in name or re.match(r"^[A-Za-z]:", name)
        special = stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR)
        if outside or special or name.casefold() in seen:
            reason = "leaves its folder" if outside else "is a link or a device" if special else "collides with another"
            raise UserError(f"the wheel is not safe to unpack: {name!r} {reason}", where=path.name, hint="Do not use this package.")
        seen.add(name.casefold())
    if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED_BYTES:
        problem = f"the wheel unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB"
        raise UserError(problem, where=path.name, hint="Do not use this package.")


def _recorded(archive: zipfile.ZipFile, path: Path) -> dict[str, tuple[str, str]]:
    """The RECORD (the binary distribution format: PEP 427, hashes as PEP 376 writes them)."""
    name = next((name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", name)), None)
    if name is None:
        raise UserError("the file is no wheel: it has no RECORD", where=path.name, hint=_fetch_anew(path))
    rows = csv.reader(io.StringIO(archive.read(name).decode("utf-8", "replace")))
    pairs = {row[0]: row[1].partition("=") for row in rows if len(row) == 3}
    return {file: (algorithm, told) for file, (algorithm, _, told) in pairs.items() if algorithm in STRONG}


def _needs_no_record(member: str) -> bool:
    """RECORD cannot hold its own hash, nor that of its signatures."""
    return re.fullmatch(r"[^/]+\.dist-info/RECORD(\.jws|\.p7s)?", member) is not None


def _encoded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _pip_failed(wanted: str, said: str, folder: Path) -> UserError | BrokenEnvironment:
    told = [line.strip() for line in said.splitlines() if line.strip() and not line.lower().startswith(("[notice]", "hint"))]
    last = next((line for line in reversed(told) if line.startswith("ERROR")), told[-1] if told else "pip said nothing")
    if "No module named pip" in said:
        return BrokenEnvironment("this Python has no pip", where=wanted, hint=f"{sys.executable} -m ensurepip")
    if "No space left" in said:
        return full(folder)
    if any(sign in said.lower() for sign in NO_NETWORK):
        hint = f"Check the network and pip's settings, then run again; or put the wheel where `pip download {wanted}` finds it."
        return BrokenEnvironment("the package index cannot be reached", where=wanted, hint=hint)
    if "No matching distribution" in said:
        return UserError("there is no such package, version or wheel", where=wanted, hint=f"Check name and version. pip: {last}")
    return BrokenEnvironment(f"pip could not download it: {last}", where=wanted, hint="Run `pip download` yourself to see why.")
