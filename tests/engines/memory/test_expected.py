"""What a log expects, kept in columns, is what a dictionary would hold."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.expected import Expected, LastWord

KEYS = [sha256(b"%d" % n).digest() for n in range(6)]
some_keys = st.lists(st.sampled_from(KEYS), min_size=1, max_size=6)
neighbours = st.tuples(st.integers(0, 5), st.integers(1, 6)).map(lambda s: KEYS[s[0] : sum(s)])
asked = some_keys | neighbours
salts = st.sampled_from([b"", b"s" * 32, b"t" * 32])
steps = st.lists(
    st.tuples(st.just("put"), asked, salts)
    | st.tuples(st.sampled_from(["drop", "take", "look"]), asked, st.just(b"")),
    max_size=12,
)


def word(seq: int, salt: bytes) -> LastWord:
    return LastWord(seq, salt, sha256(b"content %d" % seq).digest())


@given(steps)
def test_columns_answer_as_a_dictionary_does(done: list[tuple[str, list[bytes], bytes]]) -> None:
    expected, model = Expected(), dict[bytes, LastWord]()
    seq = 0
    for what, hashes, salt in done:
        if what == "put":
            words = [word(n, salt) for n in range(seq, seq + len(hashes))]
            seq += len(hashes)
            expected.put(hashes, *([*column] for column in zip(*words, strict=True)))
            model.update(zip(hashes, words, strict=True))
        elif what == "drop":
            for hashed in hashes:
                expected.drop(hashed)
                model.pop(hashed, None)
        elif what == "take":
            assert expected.take(hashes) == [model.pop(hashed, None) for hashed in hashes]
        else:
            look(expected, model, hashes)
        assert set(expected) == model.keys()
    for hashed in KEYS:
        assert expected.take([hashed]) == [model.pop(hashed, None)]


def look(expected: Expected, model: dict[bytes, LastWord], hashes: list[bytes]) -> None:
    seen = expected.look(hashes)
    known = [model[hashed] for hashed in hashes if hashed in model and model[hashed].salt]
    if len(known) < len(hashes) or len(set(hashes)) < len(hashes):
        assert seen is None
        return
    assert seen is not None
    assert [*seen.salts] == [each.salt for each in known]
    assert seen.contents == b"".join(each.content for each in known)
    expected.took(seen)
    for hashed in hashes:
        del model[hashed]


def test_nothing_is_said_of_no_keys() -> None:
    assert Expected().look([]) is None
    assert Expected().take([]) == []
