"""Merkle roots, and proofs that a digest is in a set or is not: each holds, and none holds that was changed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.merkle import SaltedSet, is_in, merkle_root

SECRET = bytes(range(32))


def named(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def test_merkle_root_is_that_of_rfc_6962() -> None:
    def leaf(text: str) -> bytes:
        return hashlib.sha256(b"\x00" + text.encode()).digest()

    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\x01" + left + right).digest()

    assert merkle_root([]) == hashlib.sha256(b"").hexdigest()
    assert merkle_root(["a"]) == leaf("a").hex()
    five = [leaf(text) for text in "abcde"]
    left = node(node(five[0], five[1]), node(five[2], five[3]))
    assert merkle_root(list("abcde")) == node(left, five[4]).hex()
    seven = [leaf(text) for text in "abcdefg"]
    right = node(node(seven[4], seven[5]), seven[6])
    assert merkle_root(list("abcdefg")) == node(left, right).hex()
    assert len({merkle_root(list(text)) for text in ("ab", "ba", "abb", "abbb", "aab")}) == 5


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 40), st.integers(0, 60))
def test_what_is_in_a_set_is_proved_and_what_is_not_as_well(n: int, asked: int) -> None:
    made = SaltedSet([named(number) for number in range(n)], SECRET)
    leaves = made.prove(named(asked))
    assert made.n == n
    assert is_in(named(asked), leaves, made.root, made.n) == (asked < n)
    assert len(leaves) <= (1 if asked < n else 2)


def test_a_set_has_each_entry_once_and_another_secret_gives_another_root() -> None:
    digests = [named(number) for number in range(9)]
    made = SaltedSet([*digests, *digests[::-1]], SECRET)
    assert (made.n, made.root) == (9, SaltedSet(digests, SECRET).root)
    assert made.root != SaltedSet(digests, bytes(32)).root
    assert made.root != merkle_root(sorted(digests))


def test_a_proof_that_something_is_there_tells_nothing_by_which_another_entry_could_be_guessed() -> None:
    digests = sorted(named(number) for number in range(8))
    (leaf,) = SaltedSet(digests, SECRET).prove(digests[3])
    shown = "".join(leaf.path)
    for other in digests:
        if other != digests[3]:
            for guess in (other, hashlib.sha256(b"\x00" + bytes.fromhex(other)).hexdigest(), merkle_root([other])):
                assert guess not in shown


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_no_changed_proof_holds(n: int) -> None:
    made = SaltedSet([named(number) for number in range(n)], SECRET)
    digest, missing = named(0), named(99)
    (leaf,) = made.prove(digest)
    beside = made.prove(missing)
    flipped = f"{leaf.salt[:-1]}{'0' if leaf.salt[-1] != '0' else '1'}"
    wrong = [
        (digest, (replace(leaf, salt=flipped),)),
        (digest, (replace(leaf, index=leaf.index + n),)),
        (digest, (replace(leaf, path=(*leaf.path, "00" * 32)),)),
        (digest, (replace(leaf, digest=missing),)),
        (digest, (replace(leaf, digest=leaf.digest.upper()),)),
        (missing, (replace(leaf, digest="no digest"),)),
        (digest, (leaf, leaf)),
        (missing, ()),
        *[(missing, beside[:at] + beside[at + 1 :]) for at in range(len(beside))],
        *([(digest, (replace(leaf, path=leaf.path[1:]),))] if n > 1 else []),
    ]
    for asked, leaves in wrong:
        with pytest.raises(ValueError, match=r"."):
            is_in(asked, leaves, made.root, made.n)
    for root, count in ((named(1), n), (made.root, n + 1)):
        with pytest.raises(ValueError, match=r"."):
            is_in(digest, (leaf,), root, count)


def test_leaves_that_are_not_beside_each_other_do_not_show_that_nothing_is_between_them() -> None:
    digests = sorted(named(number) for number in range(8))
    made = SaltedSet(digests, SECRET)
    (below,), (above,) = made.prove(digests[2]), made.prove(digests[4])
    with pytest.raises(ValueError, match="not those beside its place"):
        is_in(digests[3], (below, above), made.root, made.n)
    (first,) = made.prove(digests[0])
    with pytest.raises(ValueError, match="not those beside its place"):
        is_in(digests[1], (first,), made.root, made.n)
    assert SaltedSet([], SECRET).prove(digests[0]) == ()
    assert not is_in(digests[0], (), SaltedSet([], SECRET).root, 0)
