from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from rung.errors import BrokenEnvironment, UserError
from rung.registry.home import open_home


@pytest.mark.parametrize(("found", "hint"), [("7", "Upgrade rung, or set RUNG_HOME"), ("x1", "Use the rung that made it, or")])
def test_a_home_of_another_version_is_refused(home: Path, found: str, hint: str) -> None:
    open_home().close()
    assert (home / "format").read_text() == "2\n"
    (home / "format").write_text(f"{found}\n")
    with pytest.raises(BrokenEnvironment, match=rf"has format '{found}'; rung \S+ uses format 2") as caught:
        open_home()
    assert caught.value.exit_code == 3
    assert hint in caught.value.hint


def test_while_the_version_before_climbs_its_home_is_left_alone(home: Path) -> None:
    (home / "format").write_text("1\n")
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="a climb of an earlier version of rung is using this RUNG_HOME"):
            open_home()
        assert not (home / "registry.db").exists()
    open_home().close()
    assert (home / "format").read_text() == "2\n"
    assert not (home / "lock").exists()
