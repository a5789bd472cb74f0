"""Words in every script: what is one word to a reader is one word to the search, however it was typed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.engine.retrieval.words import VERSION, _pairs, fold, split
from rung.json_form import digest


def words(text, **options):
    return set(split(text, **options).words)


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("the con\ufb01guration file", "configuration"),  # a ligature
        ("the con\u00adfig\u00adu\u00adra\u00adtion", "configuration"),  # soft hyphens
        ("config\u200buration", "configuration"),  # a zero-width space
        ("a long config-\n  uration line", "configuration"),  # the end of a line
        ("the e\u2011mail", "email"),
        ("E-Mail", "e-mail"),
        ("AB-1234", "AB1234"),
        ("AB 1234", "ab-1234"),
        ("AB1234", "AB 1234"),
        ("max_seq_length", "maxSeqLength"),
        ("a Wi-Fi point", "WIFI"),
        ("Python 3.11.7", "3.11"),
        ("1,000 pieces", "1000"),
        ("1.000 Stück", "1000"),
        ("ＡＢＣ ｶﾀｶﾅ", "abc"),
        ("ﾊﾞｽ", "バス"),
        ("Straße", "STRASSE"),
        ("İSTANBUL", "istanbul"),
        ("Isparta", "ısparta"),
        ("café naïve", "CAFE"),
        ("cafe\u0301", "café"),
        ("Łódź", "lodz"),
        ("smørrebrød", "smorrebrod"),
        ("ёлка", "елка"),
        ("ΆΝΘΡΩΠΟΣ", "ανθρωπος"),
        ("كِتَابٌ", "كتاب"),  # Arabic points
        ("كتــــاب", "كتاب"),  # the stretched line
        ("إجازة", "اجازه"),
        ("١٢٣", "123"),
        ("کتاب", "كتاب"),  # the Persian letter
        ("می\u200cخواهم", "میخواهم"),
        ("שָׁלוֹם", "שלום"),  # Hebrew points
        ('צה"ל', "צה״ל"),
        ("हिन्दी भाषा", "हिन्दी"),
        ("தமிழ் மொழி", "தமிழ்"),
        ("第5条", "5条"),
        ("한국어는", "한국어"),
    ],
)
def test_one_word_in_two_spellings(written, asked):
    assert words(asked, asked=True) & words(written)
    assert any(len(word) > 1 for word in words(asked, asked=True) & words(written))


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("Plan C applies", {"c", "planc"}),
        ("written in C++ and C#", {"c", "c++", "c#"}),
        ("§ 5 says", {"5", "§5"}),
        ("at 9:30", {"9:30"}),
        ("version v3.11.7", {"3.11", "3.11.7", "3", "11", "7"}),
        ("Article 12", {"article", "12", "article12"}),
        ("O'Brien's coat", {"brien", "obrien", "coat"}),
        ("l'entreprise", {"entreprise"}),
        ("iPhone手机", {"phone", "手机"}),
        ("ข้อ 5", {"5"}),
        ("नमस्ते दुनिया", {"नमस्ते", "दुनिया"}),
    ],
)
def test_names_numbers_and_compounds_are_kept(text, holds):
    assert holds <= words(text)


def test_what_is_two_words_is_no_whole():
    assert "plana" not in words("build a plan a day")
    assert "plana" in words("what is in plan a", asked=True)
    assert "endstart" not in words("end. Start")
    assert "cplan" not in words("c\nplan")
    assert words("it's") == {"it"}


def test_dakuten_and_hangul_keep_what_tells_them_apart():
    assert fold("が") == "が" != fold("か")
    assert fold("한") == "한"
    assert not words("はし") & words("ばじ")


def test_characters_with_their_vowels_are_pairs():
    assert _pairs("กำลัง", asked=True) == ["กำ" + "ลั", "ลัง"]
    assert _pairs("手机", asked=False) == ["手", "机", "手机"]
    assert _pairs("手机", asked=True) == ["手机"]
    assert _pairs("税", asked=True) == ["税"]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(max_size=60), st.booleans())
def test_any_text_has_words_and_twice_the_same(text, asked):
    found = split(text, asked=asked)
    assert found == split(text, asked=asked)
    assert all(found.words) and set(found.spelled) <= set(found.words)
    assert not any(character.isspace() for word in found.words for character in word)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(alphabet="aAbZ09-_.'&+#:, \n", max_size=40))
def test_english_takes_the_short_way_to_the_same_words(text):
    """A letter of another script at the end sends the whole text through the general pattern."""
    assert split(text).words == split(text + "\n\u4e00").words[:-1]


def test_words_without_end_are_split_in_time():
    for text in ("a" * 50_000, "a-" * 25_000, "a." * 25_000, "1." * 25_000, "กำ" * 20_000, "手" * 50_000):
        assert split(text).words


def test_another_splitting_is_another_version():
    """Stored indexes name the version that they were measured with: who changes a word raises VERSION, and this digest with it."""
    sample = "Config-\nuration of AB-1234, C++; plan C, § 5 at 9:30: 1,000 e-mails, don't. Straße İstanbul كِتَابٌ שָׁלוֹם 第5条"
    sample += " バス ภาษาไทย 한국어 हिन्दी"
    assert (VERSION, digest([list(split(sample).words), list(split(sample, asked=True).words)])[:12]) == ("2", "408f13fcb607")
