"""The checks: what each finds, and what it leaves alone."""

import pytest

from rung.data.audit import inspect_examples, removal_findings
from rung.data.checks import pii
from rung.data.split import deduplicate
from rung.types import Example


def row(text: str, target="x", **fields) -> Example:
    return Example(**{"id": text, "messages": ({"role": "user", "content": text},), "target": target, **fields})


def found(examples, check: str) -> list[tuple[str, str, int]]:
    return [(f.severity, f.message, f.count) for f in inspect_examples(examples) if f.check == check]


def test_clean_rows_have_no_findings():
    examples = [row(f"question {n}", "ab"[n % 2], split=("train", "dev", "gate")[n % 3]) for n in range(60)]
    assert inspect_examples(examples) == []


def test_duplicates_and_conflicts():
    examples = [row("A b", "x", id="1"), row("a  B", "x", id="2"), row("A b", "x", id="3"), row("a b", "y", id="4")]
    assert found(examples, "duplicates") == [
        ("info", "exact duplicates in 1 row", 1),
        ("info", "duplicates but for case and blanks in 1 row", 1),
    ]
    assert found(examples, "labels") == [
        ("warning", "another answer to an earlier row's question in 1 row; the first of each counts", 1)
    ]
    assert [f.examples for f in removal_findings(deduplicate(examples))] == [("3",), ("2",), ("4",)]


def test_contamination_comes_first():
    examples = [row("Same", split="train"), row("same", split="gate", id="g"), row("mail a@b.example", split="gate")]
    findings = inspect_examples(examples)
    assert [f.severity for f in findings] == sorted((f.severity for f in findings), key=["error", "warning", "info"].index)
    assert found(examples, "contamination") == [("error", "1 of 2 gate rows stand in train too", 1)]


def test_balance():
    one_class = [row(f"q{n}", "yes" if n else "no") for n in range(40)]
    assert found(one_class, "balance") == [("warning", "98% of the rows are 'yes': always answering so scores as much", 39)]
    unseen = [row(f"q{n}", "new" if n > 37 else "ab"[n % 2], split="gate" if n > 35 else "train") for n in range(40)]
    assert ("warning", "2 gate rows are of classes that train never shows: new", 2) in found(unseen, "balance")
    rare = [row(f"q{n}", "rare" if n < 2 else "ab"[n % 2], split="train") for n in range(40)]
    assert ("info", "1 classes have fewer than 5 rows in train: rare", 1) in found(rare, "balance")
    assert found([row(f"q{n}", f"text {n}") for n in range(40)], "balance") == []


def test_origin():
    examples = [row("a", origin="synthetic", split="gate"), row("b", origin="augmented"), row("c"), row("d", origin="log")]
    assert found(examples, "origin") == [
        ("warning", "1 gate rows are synthetic or augmented: the verdict is about made-up rows in that part", 1),
        ("info", "2 of 4 rows (50%) are synthetic or augmented", 2),
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jane.doe+x@mail.example.org please", "e-mail addresses"),
        ("call +44 20 7946 0958 now", "phone numbers"),
        ("call (415) 555-0132", "phone numbers"),
        ("card 4111 1111 1111 1111", "payment card numbers"),
        ("pay to DE89 3704 0044 0532 0130 00", "bank account numbers"),
    ],
)
def test_personal_data(text, kind):
    assert [(f.message.split(" in ")[0], f.count) for f in inspect_examples([row(text)]) if f.check == "pii"] == [(kind, 1)]
    in_target = [row("who?", text)]
    assert found(in_target, "pii")


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "order 1234567890123456",
        "DE88 3704 0044 0532 0130 00",
        "@handle said a@b",
        "pi is 3.14159265358979",
        "0000 0000 0000 0000",
    ],
)
def test_what_only_looks_like_personal_data(text):
    assert found([row(text)], "pii") == []


def test_check_digits():
    assert pii.luhn("79927398713") and not pii.luhn("79927398710")
    assert pii.iban("GB82 WEST 1234 5698 7654 32") and not pii.iban("GB82 WEST 1234 5698 7654 33")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("AKIA" + "ABCDEFGHIJKLMNOP", "AWS access keys"),
        ("ghp_" + "a1" * 18, "GitHub tokens"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "private keys"),
        ("sk-proj-" + "aB3_" * 10, "OpenAI or Anthropic keys"),
    ],
)
def test_secrets_are_found_and_not_repeated(text, kind):
    (finding,) = [f for f in inspect_examples([row(f"my key is {text} ok?")]) if f.check == "secrets"]
    assert finding.message == f"{kind} in 1 row: revoke them and take them out"
    assert text not in str(finding.message)


def test_ordinary_text_holds_no_secret():
    assert found([row("the task-" + "abc" * 20 + " of AKIA and hf_ things, sk-ip")], "secrets") == []
