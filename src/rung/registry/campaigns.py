"""What each campaign has found, name by name, so that one that was killed goes on where it was."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, insert, select

from rung.json_form import canonical_json
from rung.registry import tables
from rung.registry.db import Database, now
from rung.registry.leases import Leases


@dataclass(frozen=True, kw_only=True)
class CampaignRecord:
    """A campaign: its id, what was asked for (JSON), when it began, and when the last fact of it was written (ISO 8601, UTC)."""

    campaign: str
    asked: Any
    started: str
    updated: str


class Campaigns:
    """The campaigns of one RUNG_HOME."""

    def __init__(self, database: Database, leases: Leases) -> None:
        self._database, self._leases = database, leases

    def begin(self, campaign: str, asked: Any) -> None:
        """Enters a campaign, before its first fact; one that is known is left as it is."""
        self._database.append(tables.campaigns, {"campaign": campaign, "asked": canonical_json(asked)})

    def put(self, campaign: str, key: str, payload: Any) -> None:
        """Writes down what a campaign has found. Saying a key anew adds to the history; `facts` gives what was said last.

        Raises UserError where this home held the campaign's lease and another process has taken it over.
        """
        text = canonical_json(payload)
        with self._database.writing() as connection:
            self._leases.check(connection, campaign)
            if not connection.execute(select(tables.campaigns.c.seq).where(tables.campaigns.c.campaign == campaign)).first():
                raise RuntimeError(f"campaign {campaign[:12]} has not begun: home.campaigns.begin(...) comes before its first fact")
            known = connection.execute(_last_said(campaign, key)).first()
            if known is None or known.payload != text:
                row = {"campaign": campaign, "key": key, "payload": text, "created": now()}
                connection.execute(insert(tables.campaign_facts), row)

    def facts(self, campaign: str) -> dict[str, Any]:
        """A campaign's facts by key, in the order in which the keys were first written."""
        columns = tables.campaign_facts.c
        wanted = select(columns.key, columns.payload).where(columns.campaign == campaign).order_by(columns.seq)
        return {row.key: json.loads(row.payload) for row in self._database.rows(wanted)}

    def all(self) -> list[CampaignRecord]:
        """Every campaign that has begun; the last one begun is last."""
        begun, facts = tables.campaigns.c, tables.campaign_facts.c
        updated = select(func.max(facts.created)).where(facts.campaign == begun.campaign).scalar_subquery()
        wanted = select(begun.campaign, begun.asked, begun.created, updated.label("updated")).order_by(begun.seq)
        return [
            CampaignRecord(
                campaign=row.campaign, asked=json.loads(row.asked), started=row.created, updated=row.updated or row.created
            )
            for row in self._database.rows(wanted)
        ]


def _last_said(campaign: str, key: str) -> Select[Any]:
    columns = tables.campaign_facts.c
    wanted = select(columns.payload).where(columns.campaign == campaign, columns.key == key)
    return wanted.order_by(columns.seq.desc()).limit(1)
