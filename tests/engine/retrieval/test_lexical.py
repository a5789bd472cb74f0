"""Lexical search: in every language as well as in English, by near forms, and by the words that an index was measured with."""

from __future__ import annotations

from pathlib import Path

import bm25s
import numpy as np
import pytest

from rung.engine.retrieval.index import Index, store_index
from rung.engine.retrieval.lexical import lexical
from rung.engine.retrieval.retriever import Retriever
from rung.engine.retrieval.words import FIRST
from rung.errors import BrokenEnvironment
from rung.progress import Silent
from rung.registry.store import BlobStore

HANDBOOK = Path(__file__).parent / "handbook"
TWINS = ("de", "zh", "ja", "ar", "th")


def twin(language):
    """(passage, question that it answers) of a ferry company's handbook."""
    rows = [line.split(" || ") for line in (HANDBOOK / f"{language}.txt").read_text("utf-8").splitlines()]
    return [passage for passage, _ in rows], [question for _, question in rows]


def recall_at_5(language, version="2"):
    passages, questions = twin(language)
    search = lexical(passages, version)
    found = [np.argsort(-search.scores(question), kind="stable")[:5] for question in questions]
    return sum(place in places for place, places in enumerate(found)) / len(questions)


def test_the_handbooks_twins_say_the_same_in_their_places():
    sizes = {language: tuple(map(len, twin(language))) for language in ("en", *TWINS)}
    assert set(sizes.values()) == {(45, 45)}


@pytest.mark.parametrize("language", TWINS)
def test_every_language_is_searched_as_well_as_english(language):
    english = recall_at_5("en")
    assert english >= 0.95
    assert recall_at_5(language) >= english - 0.1
    assert recall_at_5(language) >= recall_at_5(language, FIRST)


def best(passages, question):
    scores = lexical(passages).scores(question)
    return int(np.argmax(scores)) if scores.max() > 0 else None


@pytest.mark.parametrize(
    ("passages", "question", "place"),
    [
        (["Plan B: half speed.", "Plan C: drop the anchor.", "A plan of the house."], "what is plan c", 1),
        (["Vitamin D in winter.", "Vitamin A for the eyes.", "A vitamin is a thing."], "what does vitamin a do", 1),
        (["written in C", "written in C++", "written in C#"], "C++?", 1),
        (["Section 5: breaks.", "Section 15: leave.", "Section 51: fees."], "§ 15", 1),
        (["Hamlet: to be or not to be.", "The gate opens at nine."], "to be or not to be", 0),
        (["Die Frist endet im Mai.", "Die Kündigungsfrist endet im Juni."], "Kündigung", 1),
        (["the car", "the key"], "keys?", 1),
        (["السيارة في الميناء", "الكتاب في البيت"], "سيارة", 0),
        (["הספר על השולחן", "המכונית בחוץ"], "ספר", 0),
        (["税は十パーセント", "橋は長い"], "税", 0),
        (["रेलगाड़ी नौ बजे", "पुल लंबा है"], "रेलगाड़ी", 0),
        (["ភាសាខ្មែរ", "ស្ពានវែង"], "ភាសា", 0),
        (["ພາສາລາວ", "ຂົວຍາວ"], "ພາສາ", 0),
        (["မြန်မာဘာသာ", "တံတားရှည်"], "ဘာသာ", 0),
        (["회사는 휴가를 준다", "다리가 길다"], "휴가", 0),
        (["The gate opens.", "Red means stop."], "zebra", None),
        (["The gate opens.", "Red means stop."], "?!", None),
        (["The gate opens.", "Red means stop."], "what is a zebra", None),
    ],
)
def test_questions_of_every_kind(passages, question, place):
    assert best(passages, question) == place


def test_stop_words_are_those_of_the_passages_own_languages():
    german = ["Die Fähre ist im Hafen und sie hat einen Motor.", "Das Tor war rot und nicht grün."] * 3
    english = ["The hat was red and the die is cast in the war.", "It is a gate and not a door for the man."] * 3
    assert {"die", "war", "hat"} <= lexical(german).stop_words
    assert not {"die", "war", "hat", "man"} & lexical(english).stop_words
    assert lexical(["AB-1", "CD-2"]).stop_words == frozenset()


def test_no_passages_and_no_words():
    assert lexical([]).scores("gate").shape == (0,)
    assert lexical(["!!!", "..."]).scores("gate").tolist() == [0.0, 0.0]


def chunk(place, text, source="a.md"):
    return {"id": f"{place:08x}", "source": source, "headings": [], "start": 0, "end": len(text), "text": text}


TEXTS = ("The gate opens at nine.", "The window closes in the rain.", "Red means stop, 手机.", "Green means go, always.")


def test_an_index_of_before_is_searched_by_the_words_of_before(tmp_path):
    """Its blob has no number of words in it; a new one has, so that the two are not taken for each other."""
    blobs = BlobStore(tmp_path / "blobs", writable=True)
    chunks = [chunk(place, text) for place, text in enumerate(TEXTS)]
    new = blobs.local(store_index(chunks, None, blobs, Silent()))
    old = tmp_path / "old"
    old.mkdir()
    (old / "chunks.jsonl").write_bytes((new / "chunks.jsonl").read_bytes())
    alone = bm25s.BM25()
    alone.index(bm25s.tokenize(list(TEXTS), show_progress=False), show_progress=False)
    question = "when does the gate open, red gate"
    places, scores = alone.retrieve(bm25s.tokenize([question], show_progress=False), k=2, show_progress=False)
    searched = Retriever(index=Index.read(old), mode="lexical", k=2, form="cited").search(question, 2)
    assert [int(passage["id"], 16) for passage in searched.passages] == places[0].tolist()
    assert searched.surety == pytest.approx(scores[0][0])
    assert not Index.read(old).lexical("手").any() and Index.read(new).lexical("手").any()
    (old / "words.txt").write_text("9")
    later = tmp_path / "later"
    old.rename(later)
    with pytest.raises(BrokenEnvironment, match="another version of lexical search"):
        Index.read(later).lexical("gate")
