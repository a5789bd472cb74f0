"""Whoever opens the database and changes what was served is found, by the answer that it is about."""

from __future__ import annotations

import pytest
from databases import tampering
from journals import a_beginning, a_making, a_server, answered

from rung.registry.feedback import Word
from rung.registry.home import Home
from rung.registry.segments import link_of
from rung.registry.served_tables import CHAINED


@pytest.fixture
def journal(registry: Home) -> Home:
    """Six answers, sealed after the third and closed behind the last; something was said of the second."""
    head = answered(registry, a_server(registry), "id-1", "id-2", "id-3")
    head = registry.segments.seal(head)
    head = registry.feedback.add(head, Word(id="fb-1", answer="id-2", tenant="tenant-a", key="k", thumb="up"))
    head = answered(registry, head, "id-4", "id-5", making=a_making("legal@2"))
    registry.segments.seal(answered(registry, head, "id-6"), closed=True)
    assert registry.integrity.faults() == []
    assert registry.integrity.remarks() == []
    return registry


TAMPERED = [
    ("UPDATE served SET tenant = 'tenant-b' WHERE id = 'id-2'", "the beginning of id-2 was changed"),
    ("UPDATE served SET ref = 'spam@9' WHERE id = 'id-4'", "the beginning of id-4 was changed"),
    (
        "UPDATE served SET making = (SELECT making FROM served WHERE id = 'id-4') WHERE id = 'id-1'",
        "the beginning of id-1 was changed",
    ),
    ("UPDATE served SET created = '2020' WHERE id = 'id-6'", "the beginning of id-6 was changed"),
    ("UPDATE served_ends SET answer = 'x' WHERE id = 'id-3'", "the end of id-3 was changed"),
    ("UPDATE served_ends SET completion_tokens = 4 WHERE id = 'id-6'", "the end of id-6 was changed"),
    ("UPDATE served_ends SET latency_s = 0.25 WHERE id = 'id-5'", "the end of id-5 was changed"),
    ("UPDATE served_ends SET link = 'x' WHERE id = 'id-3'", "rows 1 to 6 of the journal"),
    ("UPDATE feedback SET thumb = 'down'", "the feedback fb-1 was changed"),
    ("DELETE FROM feedback", "row 7 is gone from the journal"),
    ("DELETE FROM served WHERE id = 'id-2'", "between the end of id-1 and the end of id-2"),
    ("DELETE FROM served_ends WHERE id = 'id-4'", "between the beginning of id-4 and the beginning of id-5"),
    ("DELETE FROM served_ends WHERE id = 'id-6'", "row 13 is gone from the journal"),
    ("DELETE FROM served_makings WHERE body LIKE '%legal@2%'", "is gone from the journal"),
    ("UPDATE served_makings SET body = replace(body, 'local 1', 'local 2')", "what answers were made with"),
    ("UPDATE seals SET link = 'x' WHERE rows = 6", "seals was changed"),
    ("DELETE FROM seals WHERE rows = 6", "is gone from seals"),
    ("DELETE FROM segments", "is gone from segments"),
    ("UPDATE served SET segment = 'serve-other' WHERE id = 'id-6'", "no server began serve-other"),
]


@pytest.mark.parametrize(("statement", "words"), TAMPERED, ids=[statement for statement, _ in TAMPERED])
def test_a_tampered_row_is_found_and_named(journal: Home, statement: str, words: str) -> None:
    with tampering(journal.path) as raw:
        assert raw.execute(statement).rowcount, statement
    assert any(words in fault for fault in journal.integrity.faults()), journal.integrity.faults()


def insertion(place: int) -> str:
    columns = "tenant, key, endpoint, model, ref, making, fingerprint, rollout, arm, session, question, times"
    return (
        f"INSERT INTO served (segment, place, id, {columns}, link, created) "
        f"SELECT segment, {place}, 'id-new', {columns}, link, created FROM served WHERE id = 'id-2'"
    )


@pytest.mark.parametrize("place", [4, 14, -5])
def test_a_row_that_was_put_in_is_named(journal: Home, place: int) -> None:
    with tampering(journal.path) as raw:
        assert raw.execute(insertion(place)).rowcount == 1
    found = journal.integrity.faults()
    assert any("id-new" in fault or "rows 14 to 14" in fault for fault in found), found


def test_whoever_computes_the_whole_chain_anew_meets_the_seal(journal: Home) -> None:
    """All digests fit again; the audit says others, and which rows it is about."""
    with tampering(journal.path) as raw:
        raw.execute("UPDATE served SET model = 'another' WHERE id = 'id-5'")
    segment = journal.served.find(limit=1)[0].server
    link = ""
    with journal.audit._database.reading() as connection:
        rows = sorted(
            ((table, dict(row._mapping)) for table in CHAINED for row in connection.execute(table.select())),
            key=lambda entry: entry[1]["place"],
        )
    with tampering(journal.path) as raw:
        for table, row in rows:
            link = link_of(link, table, row)
            raw.execute(f"UPDATE {table.name} SET link = '{link}' WHERE segment = '{segment}' AND place = {row['place']}")
    (fault,) = journal.integrity.faults()
    assert "rows 7 to 13 of the journal" in fault
    assert "were rewritten" in fault


def test_one_change_is_one_fault(journal: Home) -> None:
    with tampering(journal.path) as raw:
        raw.execute("UPDATE served SET model = 'x' WHERE id = 'id-5'")
    assert len(journal.integrity.faults()) == 1


def test_rows_of_a_killed_server_that_no_seal_covers_are_told_of(registry: Home) -> None:
    head = registry.served.begin(a_server(registry), a_beginning("id-1"))
    assert registry.integrity.faults() == []
    assert [head.segment in remark and "1 rows" in remark for remark in registry.integrity.remarks()] == [True]
