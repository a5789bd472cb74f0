"""RUNG_HOME: every blob, Candidate, Run, name, fact and look that this user's climbs have left.

format        the layout's version, one number
registry.db   the history (SQLite), who is climbing what, and jobs; where `format` names a PostgreSQL database, it is there
audit.head    how far the audit goes, signed
keys/         private keys
blobs/        what the history names by digest; where `format` names a bucket, it is there, and here are copies
batches/      what is known of batches that servers have
jobs/         logs of jobs that ran on this machine
tuning/       the rows, and the task file, of each fine-tuning job that a server took
downloads/    what was fetched, and what was made of it
reports/      HTML
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from rung.registry.aliases import Aliases
from rung.registry.answers import StoredAnswers
from rung.registry.api_keys import ApiKeys
from rung.registry.approvals import Approvals
from rung.registry.audit import Audit
from rung.registry.budgets import Budgets
from rung.registry.campaigns import Campaigns
from rung.registry.candidates import Candidates
from rung.registry.cleared import Cleared
from rung.registry.climbs import Climbs
from rung.registry.db import Database
from rung.registry.exchange import Exchange
from rung.registry.faults import explained
from rung.registry.feedback import FeedbackShelf
from rung.registry.files import Files
from rung.registry.held import HeldCalls
from rung.registry.integrity import Integrity
from rung.registry.jobs import Jobs
from rung.registry.keys import Keys
from rung.registry.layout import Layout, refuse_gone, upgrading
from rung.registry.leases import Leases
from rung.registry.locks import Locks
from rung.registry.looks import Looks
from rung.registry.migrations.run import migrate, refuse_newer
from rung.registry.names import Names
from rung.registry.origins import Origins
from rung.registry.others import Others
from rung.registry.places import Places, asked_for, open_blobs, settle
from rung.registry.reach import Reach
from rung.registry.receipts import Receipts
from rung.registry.rollouts import Rollouts
from rung.registry.runs import Runs
from rung.registry.segments import Segments
from rung.registry.served import Served
from rung.registry.serving import ServingRules, Spending
from rung.registry.sessions import Sessions
from rung.registry.stackings import Stackings
from rung.registry.tasks import Tasks
from rung.registry.tenants import Tenants
from rung.registry.timeline import Timeline
from rung.registry.tunings import Tunings
from rung.registry.workers import Workers


def default_path() -> Path:
    """The folder that RUNG_HOME names, else `~/.rung`."""
    return Path(os.environ.get("RUNG_HOME") or "~/.rung").expanduser().absolute()


def open_home(path: Path | str | None = None, *, write: bool = False, places: Places | None = None) -> Home:
    """The home at `path` (by default `default_path()`), made where there is none, and brought to this version's form where it is
    of an earlier one. A new one has its registry in the database that RUNG_DATABASE names, else in a file, and its blobs in the
    bucket that RUNG_BLOBS names, else in a folder. Several processes may write at once; without `write` it is an error in rung to
    write.

    places  what to go by in the place of the two variables

    Raises BrokenEnvironment where the folder, the database or the bucket cannot be used or a newer version made it, UserError where
    a climb of the version before is still under way.
    """
    folder = Path(path).expanduser().absolute() if path else default_path()
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with upgrading(folder, asked_for() if places is None else places) as layout:
            refuse_gone(folder, layout.places.database)
            database = Database(folder / "registry.db", writable=write, url=layout.places.database)
            try:
                migrate(database)
                if layout.is_new:
                    _settle(layout, database)
                return Home(folder, database, layout.places)
            except BaseException:
                database.close()
                raise


def _settle(layout: Layout, database: Database) -> None:
    """A new home has its blobs where the registry says, which may be there already; a bucket that cannot be used is said now."""
    asked = layout.places
    layout.places = Places(database=asked.database, blobs=settle(database, asked.blobs, layout.folder))


class Home:
    """One RUNG_HOME: each noun's shelf an attribute. Use it as a context manager, or close it."""

    def __init__(self, path: Path, database: Database, places: Places) -> None:
        self.path, self.places = path, places
        self.downloads = path / "downloads"
        self._database = database
        self.blobs = open_blobs(path / "blobs", places.blobs, writable=database.writable)
        self.leases = Leases(database)
        self.answers = StoredAnswers(database)
        self.tasks = Tasks(database)
        self.candidates = Candidates(database)
        self.runs = Runs(database, self.blobs)
        self.keys = Keys(path / "keys", database)
        self.audit = Audit(database, self.keys)
        self.locks = Locks(database, self.audit, self.blobs)
        self.integrity = Integrity(database, self.keys, self.audit)
        self.others = Others(database, self.keys)
        self.origins = Origins(database, self.audit)
        self.receipts = Receipts(database, self.keys)
        self.approvals = Approvals(database, self.keys)
        self.names = Names(database, self.audit)
        self.aliases = Aliases(database, self.audit)
        self.timeline = Timeline(database)
        self.climbs = Climbs(database, self.leases)
        self.campaigns = Campaigns(database, self.leases)
        self.exchange = Exchange(database, self.audit)
        self.cleared = Cleared(database)
        self.reach = Reach(database)
        self.looks = Looks(database)
        self.jobs = Jobs(database)
        self.rollouts = Rollouts(database, self.audit)
        self.workers = Workers(database)
        self.tenants = Tenants(database, self.audit)
        self.api_keys = ApiKeys(database, self.audit)
        self.segments = Segments(database, self.audit)
        self.served = Served(database, self.segments)
        self.feedback = FeedbackShelf(database, self.segments)
        self.budgets = Budgets(database)
        self.files = Files(database, self.blobs)
        self.tunings = Tunings(database)
        self.serving = ServingRules(database, self.audit)
        self.spending = Spending(database)
        self.held = HeldCalls(database, self.audit, self.keys)
        self.sessions = Sessions(database, self.audit)
        self.stackings = Stackings(self.audit)
        if database.writable:
            self.blobs.clear_leftovers()

    def refuse_newer(self) -> None:
        """Raises BrokenEnvironment where a newer rung has brought this home to its own form since it was opened."""
        refuse_newer(self._database)

    def registry_bytes(self) -> int:
        """What the registry takes, wherever it is."""
        return self._database.size_bytes()

    def registry_faults(self) -> list[str]:
        """What the database finds in itself that is not sound; reads all of it."""
        return self._database.faults()

    def shrink_registry(self) -> None:
        """Gives the room of what was cleared away back to the disk, where the registry is a file that nobody else is using."""
        self._database.shrink()

    def together(self) -> AbstractContextManager[None]:
        """What this thread writes to the history within is kept as a whole or not at all."""
        return self._database.together()

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the leases back and closes the database."""
        self.leases.close()
        self._database.close()
