"""`rung serve` and `rung demo serve`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("fastapi", reason="the server is not installed: pip install 'rung[serve]'")
import httpx
from serving_home_for_commands import SLOW, register

from rung.cli.demo_serving import prepare
from rung.engine.bases.resolve import resolve
from rung.errors import UserError
from rung.progress import Silent
from rung.registry.home import open_home
from rung.serve.running import is_loopback, listen
from rung.types import Candidate


def test_it_says_where_it_listens_and_lets_what_is_under_way_end(home):
    with open_home(write=True) as opened:
        (home / "slow.py").write_text(SLOW)
        base = resolve(f"scripted:{home / 'slow.py'}#says", home).pinned
        register(opened, "slow", Candidate(rung="r1_prompt", base=base, max_tokens=50))
    command = [sys.executable, "-m", "rung", "serve", "--port", "0", "--admin-port", "0", "--warm", "slow", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=dict(os.environ)) as server:
        try:
            _asked_and_stopped(server, home)
        finally:
            server.kill()


def _asked_and_stopped(server, home):
    told = ""
    while not told.endswith("\n}\n"):
        told += server.stdout.readline()
        assert server.poll() is None, told
    told = json.loads(told)
    assert told["models"] == [{"model": "slow", "version": "slow@1", "rung": "r1_prompt"}] and not told["keys"]
    answers = []
    body = {"model": "slow", "messages": [{"role": "user", "content": "sleep 1.5"}]}
    asking = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{told['address']}/chat/completions", json=body, timeout=30))
    )
    asking.start()
    for _ in range(1000):
        if (home / "began").exists():
            break
        time.sleep(0.02)
    server.send_signal(signal.SIGTERM)
    asking.join(40)
    assert answers[0].status_code == 200 and answers[0].json()["choices"][0]["message"]["content"] == "sleep 1.5"
    assert server.wait(30) == 0


def test_beyond_this_machine_it_listens_with_keys_alone():
    for host in ("0.0.0.0", "::", "10.0.0.7", "example.org", ""):
        assert not is_loopback(host)
        with pytest.raises(UserError, match="for this machine alone"):
            listen(host, 0, keys=False)
    assert all(map(is_loopback, ("127.0.0.1", "::1", "localhost", "127.8.8.8")))
    with listen("127.0.0.1", 0, keys=False) as taken, pytest.raises(UserError, match="cannot listen"):
        listen("127.0.0.1", taken.getsockname()[1], keys=False)


def test_the_demos_winner_is_served_with_a_prompt_with_documents_on_its_base(home, tiny_base):
    folder = home / "handbook"
    (folder / "pages").mkdir(parents=True)
    (folder / "pages" / "gate.md").write_text("# Gate\n\nThe gate opens at nine.\n")
    file = folder / "task.yaml"
    file.write_text("instruction: Answer.\nknowledge:\n  source: pages\n  include: ['*.md']\n")
    with open_home(write=True) as opened:
        with pytest.raises(UserError, match="nothing is registered as 'tone'"):
            prepare(opened, file, Silent())
        found = resolve(str(tiny_base), home)
        register(opened, "tone", Candidate(rung="r1_prompt", base=found.pinned, template=found.template_digest))
        assert prepare(opened, file, Silent()) == ("tone", "handbook") == prepare(opened, file, Silent())
        made = opened.candidates.get("handbook")
        assert made.base == found.pinned and made.retrieval and opened.names.find("handbook").is_claimed
