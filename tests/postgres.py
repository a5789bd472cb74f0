"""A PostgreSQL server for the tests: on a port of this machine, with a folder of its own, gone when they are done."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = "rung"


def on_both(metafunc: Any) -> None:
    """Has a test that asks for `database` run with each, but for one that is marked `sqlite`: that looks into the file."""
    if "database" in metafunc.fixturenames:
        alone = metafunc.definition.get_closest_marker("sqlite") is not None
        metafunc.parametrize("database", ["file"] if alone else ["file", "postgresql"], indirect=True)


def programs() -> Path | None:
    """Where initdb and postgres are; None where they are not installed."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


@contextmanager
def server(where: Path) -> Iterator[str]:
    """The URL of a schema on a server that runs inside the block; root starts it as `postgres`, for it refuses to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="rung-postgres-"))
    user = "postgres" if os.geteuid() == 0 else None
    try:
        if user:
            shutil.chown(folder, user)
        data, port = folder / "data", _free_port()
        made = [str(where / "initdb"), "-D", str(data), "-U", "rung", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, user=user, cwd=folder)
        options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off"}
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        running = subprocess.Popen(
            [str(where / "postgres"), "-D", str(data), *settings], stderr=subprocess.DEVNULL, user=user, cwd=folder
        )
        try:
            _wait(port)
            yield f"postgresql://rung@127.0.0.1:{port}/postgres?options=-csearch_path%3D{SCHEMA}"
        finally:
            running.terminate()
            running.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def empty(url: str) -> None:
    """The schema without a row; what was made in it stays, for making it takes longer than most tests."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [SCHEMA]).fetchall()
        tables = ", ".join(name for (name,) in found if name != "migrations")
        if tables:
            connection.execute("SET session_replication_role = 'replica'")  # without the triggers that refuse it
            connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait(port: int) -> None:
    import time

    import psycopg

    for _ in range(300):
        try:
            psycopg.connect(f"postgresql://rung@127.0.0.1:{port}/postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server did not come up")
