"""Blobs in a bucket: what lies there under which key, put and fetched by fsspec, so that nothing is seen half written.

files/ab/cdef...   a file, under the SHA-256 of its bytes
trees/ab/cdef...   a folder, as the canonical JSON of its sorted (relative name, file's SHA-256) pairs: its SHA-256 is the folder's
                   digest, and its files lie beside, each once
clearing/abcd...   says that somebody is clearing it away
format             says whose it is

A folder is there when its list is, which is put last. Everything that comes in is hashed before anybody sees it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from rung.disk import file_digest, files_in
from rung.errors import BrokenEnvironment, UserError
from rung.json_form import canonical_json
from rung.registry.bucket_faults import explained
from rung.registry.store import Kept, changed, is_digest

FORMAT, TEXT = "format", "rung blobs 1"
# Where an object is there whole or not at all; elsewhere it is written beside its place, and renamed.
AT_ONCE = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory")
SETTINGS = ("endpoint", "region")
CONNECT_S, READ_S, TRIES = 10, 60, 2
# What was put there more recently is not sent again when somebody needs it anew: it is far too young to be cleared away.
FRESH_S = 6 * 3600.0
# A sign of clearing away that stands longer was left by a kill.
CLEARING_S = 60.0
SECRETS = ("key", "secret", "token", "password", "sig", "credential")
_FORM = "Write s3://BUCKET/PREFIX; another server than Amazon's: s3://BUCKET/PREFIX?endpoint=https://HOST."


def check_url(url: str) -> str:
    """The URL of a place for blobs as it is. Raises UserError for what is none, and for one that holds a secret."""
    parts = urlsplit(url)
    settings = dict(parse_qsl(parts.query, keep_blank_values=True))
    asked, bare = list(settings), f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if "@" in parts.netloc or "@" in settings.get("endpoint", "") or any(word in key.lower() for key in asked for word in SECRETS):
        raise UserError(
            "the address of the blobs holds a secret, which would stand in the file `format`",
            where=bare,
            hint="Take it out: credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or ~/.aws.",
        )
    if len(parts.scheme) < 2 or not (parts.netloc or parts.path.strip("/")):
        raise UserError(f"'{bare}' is not the address of a place for blobs", hint=_FORM)
    if unknown := [key for key in asked if key not in SETTINGS]:
        raise UserError(
            f"the address of the blobs has a setting '{unknown[0]}'", where=bare, hint=f"{_FORM} Known: {', '.join(SETTINGS)}."
        )
    return url


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What lies under a digest: a file, or the list of a folder."""

    kept: Kept
    is_tree: bool


class Bucket:
    """The place that a URL names: S3, or anything else that fsspec knows."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(check_url(url))
        self.url = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self._settings = dict(parse_qsl(parts.query))

    @cached_property
    def _system(self) -> Any:
        """The file system. Raises BrokenEnvironment where its package is missing."""
        import fsspec

        scheme = urlsplit(self.url).scheme
        with explained(self.url):
            if scheme in ("s3", "s3a"):
                client = {"endpoint_url": self._settings.get("endpoint"), "region_name": self._settings.get("region")}
                config = {
                    "connect_timeout": CONNECT_S,
                    "read_timeout": READ_S,
                    "retries": {"max_attempts": TRIES, "mode": "standard"},
                }
                return fsspec.filesystem(
                    "s3",
                    client_kwargs={key: value for key, value in client.items() if value},
                    config_kwargs=config,
                    use_listings_cache=False,
                    skip_instance_cache=True,
                )
            return fsspec.filesystem(scheme)

    @cached_property
    def _root(self) -> str:
        return str(self._system._strip_protocol(self.url)).rstrip("/")

    def _key(self, digest: str, *, tree: bool) -> str:
        if not is_digest(digest):
            raise UserError(f"'{digest}' is not a SHA-256 digest")
        return f"{self._root}/{'trees' if tree else 'files'}/{digest[:2]}/{digest[2:]}"

    def prepare(self, owner: str) -> None:
        """Sees to it that blobs can be put there, and that it is empty or that of the registry `owner`, whose clearing away would
        take what another one needs. Raises UserError or BrokenEnvironment."""
        key, mine = f"{self._root}/{FORMAT}", f"{TEXT}\n{owner}\n".encode()
        with explained(self.url):
            said = self._read(key)
            if not said:
                self._send(mine, key)
            elif said != mine:
                ours = said.startswith(f"{TEXT}\n".encode())
                what = "another registry has its blobs there" if ours else "something else is kept there"
                raise UserError(what, where=self.url, hint="Name another prefix: no two registries share one.")

    def _read(self, key: str) -> bytes:
        """What an object says, "" where there is none. It is listed first: a server says why it refuses to that alone."""
        return bytes(self._system.cat_file(key)) if self._system.find(key) else b""

    def holds(self, digest: str) -> float | None:
        """When what lies under this digest was put there (seconds since 1970); None where nothing does."""
        with explained(self.url):
            found = (self._since(self._key(digest, tree=tree)) for tree in (False, True))
            return next((since for since in found if since is not None), None)

    def put(self, digest: str, source: Path, *, anew: bool = False) -> None:
        """Puts a file or a folder of this digest there; what of it was put there lately is not sent again, but for `anew`."""
        if source.is_dir():
            pairs = [[file.relative_to(source).as_posix(), file_digest(file)] for file in files_in(source)]
            for name, inside in pairs:
                self._put(inside, partial(self._send_file, source / name), tree=False, anew=anew)
            self._put(digest, partial(self._send, _list(pairs)), tree=True, anew=True)
        else:
            self._put(digest, partial(self._send_file, source), tree=False, anew=anew)

    def fetch(self, digest: str, target: Path) -> None:
        """Brings a file or a folder to `target`, which is not there yet; everything is hashed.

        Raises FileNotFoundError where nothing lies there, BrokenEnvironment where it is something else than its digest says.
        """
        try:
            pairs = self._pairs(digest)
        except FileNotFoundError:
            self._fetch_file(digest, target)
            return
        target.mkdir()
        for name, inside in pairs:
            file = target / name
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._fetch_file(inside, file)
            except FileNotFoundError:
                raise BrokenEnvironment(
                    f"the blob {digest[:12]} has lost a file: {name}",
                    where=self.url,
                    hint="Bring it back: rung pull --check HOME NAME.",
                ) from None

    def beneath(self, digest: str) -> tuple[str, ...]:
        """The digests of a folder's files; nothing for a file, and for what is not there."""
        try:
            return tuple(inside for _, inside in self._pairs(digest))
        except FileNotFoundError:
            return ()

    def is_intact(self, digest: str) -> bool:
        """Whether what lies there hashes to its digest, each file of a folder too. Raises FileNotFoundError where nothing does."""
        try:
            names = self.beneath(digest) or (digest,)
            return all(self._hashed(name) == name for name in names)
        except BrokenEnvironment as error:
            if "was changed" in error.problem:
                return False
            raise

    def size(self, digest: str) -> int:
        """The bytes of a file, or of a folder's files. Raises FileNotFoundError where nothing lies there."""
        with explained(self.url):
            names = self.beneath(digest) or (digest,)
            return sum(int(self._system.info(self._key(name, tree=False))["size"]) for name in names)

    def entries(self) -> Iterator[Entry]:
        """Everything that lies there."""
        for tree, folder in ((False, "files"), (True, "trees")):
            with explained(self.url):
                found = self._system.find(f"{self._root}/{folder}", detail=True)
            for key, told in found.items():
                digest = "".join(key.split("/")[-2:])
                if is_digest(digest):
                    yield Entry(kept=Kept(digest=digest, size=int(told["size"] or 0), since=_since(told)), is_tree=tree)

    def remove(self, digest: str, before: float) -> bool:
        """Clears away what lies under a digest, unless it was put there after `before`. Whether it is gone.

        A sign stands in `clearing/` meanwhile: whoever puts the same there waits for its end, and puts it again if need be.
        """
        sign = f"{self._root}/clearing/{digest}"
        for tree in (True, False):
            key = self._key(digest, tree=tree)
            with explained(self.url):
                if (since := self._since(key)) is None:
                    continue
                if since > before:
                    return False
                self._send(b"", sign)
                try:
                    since = self._since(key)
                    if since is not None and since <= before:
                        self._system.rm_file(key)
                finally:
                    self._system.rm_file(sign)
                return since is None or since <= before
        return False

    def _pairs(self, digest: str) -> list[tuple[str, str]]:
        """A folder's (relative name, file's digest). Raises BrokenEnvironment where the list is not the one of this digest."""
        with explained(self.url):
            said = self._system.cat_file(self._key(digest, tree=True))
        if hashlib.sha256(said).hexdigest() != digest:
            raise changed(digest, self.url)
        try:
            pairs = [(str(name), str(inside)) for name, inside in json.loads(said)]
        except (TypeError, ValueError):
            raise changed(digest, self.url) from None
        for name, inside in pairs:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\0" in name or not is_digest(inside):
                raise UserError(f"the blob {digest[:12]} names a file outside of itself: {name!r}", where=self.url)
        return pairs

    def _put(self, digest: str, send: Callable[[str], None], *, tree: bool, anew: bool) -> None:
        key, sign = self._key(digest, tree=tree), f"{self._root}/clearing/{digest}"
        with explained(self.url):
            since = self._since(key)
            if since is not None and not anew and time.time() - since < FRESH_S:
                return
            send(key)
            until = time.time() + CLEARING_S
            while since is not None and self._since(sign) is not None and time.time() < until:
                time.sleep(0.1)  # somebody took the old one for one that nobody needs
            if since is not None and self._since(key) is None:
                send(key)

    def _since(self, key: str) -> float | None:
        """When an object was put there; None where there is none."""
        try:
            return _since(self._system.info(key))
        except FileNotFoundError:
            return None

    def _send_file(self, source: Path, key: str) -> None:
        self._whole(key, lambda place: self._system.put_file(str(source), place))

    def _send(self, data: bytes, key: str) -> None:
        self._whole(key, lambda place: self._system.pipe_file(place, data))

    def _whole(self, key: str, write: Callable[[str], None]) -> None:
        """Writes an object that is never seen half written."""
        if self._at_once:
            write(key)
            return
        draft = f"{self._root}/tmp/{secrets.token_hex(8)}"
        for place in (draft, key):
            self._system.makedirs(place.rpartition("/")[0], exist_ok=True)
        try:
            write(draft)
            self._system.mv(draft, key)
        finally:
            if self._system.exists(draft):
                self._system.rm_file(draft)

    @property
    def _at_once(self) -> bool:
        return urlsplit(self.url).scheme in AT_ONCE

    def _fetch_file(self, digest: str, target: Path) -> None:
        with explained(self.url):
            self._system.get_file(self._key(digest, tree=False), str(target))
        if file_digest(target) != digest:
            raise changed(digest, self.url)

    def _hashed(self, digest: str) -> str:
        found = hashlib.sha256()
        with explained(self.url), self._system.open(self._key(digest, tree=False), "rb") as stream:
            while block := stream.read(1 << 20):
                found.update(block)
        return found.hexdigest()


def _list(pairs: list[list[str]]) -> bytes:
    return canonical_json(pairs).encode("utf-8", "surrogatepass")


def _since(told: Any) -> float:
    """When an object was put there, by what its file system says; now where it says nothing, so that it is never too old."""
    for key in ("LastModified", "mtime", "updated", "last_modified", "created"):
        said = told.get(key)
        if isinstance(said, datetime):
            return said.timestamp()
        if isinstance(said, int | float):
            return float(said)
    return time.time()
