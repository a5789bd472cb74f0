"""What is asked of a worker: a command line, where it is run, and what of the environment goes with it."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from rung import __version__
from rung.errors import UserError
from rung.registry.job_states import FORM, Submission

# Variables that change what a command does and are no secrets. No other is kept; what else a job needs is its worker's own.
SETTINGS = ("RUNG_DEVICE", "RUNG_IDENTITY", "RUNG_PRECISION", "RUNG_TRUST_REMOTE_CODE")
LONGEST_SETTING = 500


def submission(line: Sequence[str], folder: Path, labels: Mapping[str, str] | None = None) -> Submission:
    """A command line (without `rung`) that is to run in `folder`, asked for by this process.

    Raises UserError for a variable that is none of the settings that it could be.
    """
    return Submission(
        kind=line[0],
        arguments=tuple(line[1:]),
        folder=str(folder),
        settings=_settings(),
        labels=dict(labels or {}),
        host=socket.gethostname(),
        who=_who(),
        version=__version__,
        form=FORM,
    )


def _settings() -> dict[str, str]:
    found = {name: os.environ[name] for name in SETTINGS if os.environ.get(name)}
    for name, value in found.items():
        if len(value) > LONGEST_SETTING or "\n" in value:
            raise UserError(f"{name} is no setting: it has {len(value)} characters", hint="Unset it, or name a file.")
    return found


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a process of a user without a name, as in many containers
        return f"user {os.getuid()}"
