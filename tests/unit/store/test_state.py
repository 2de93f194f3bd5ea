"""States, their seal, and what an erasure covers."""

from hypothesis import given
from hypothesis import strategies as st

from linewatch.store.chain import START, Link
from linewatch.store.notes import Erasure
from linewatch.store.scan import Erased
from linewatch.store.state import Progress, change, cursors_digest, seal_of, states_digest

SPACES = ("decision", "signal", "source", "signal_source", "outbox")
BODIES = st.dictionaries(st.sampled_from("abc"), st.binary(max_size=3), max_size=3)
STATES = st.dictionaries(st.sampled_from(SPACES), BODIES, max_size=5)


@given(STATES, STATES, st.sets(st.sampled_from(SPACES)))
def test_a_change_writes_what_differs_and_removes_what_is_replaced(
    first: dict[str, dict[str, bytes]], second: dict[str, dict[str, bytes]], replaced: set[str]
) -> None:
    table: dict[tuple[str, str], bytes] = {}
    digests: dict[tuple[str, str], bytes] = {}
    for new in (first, second):
        changed = change(digests, new, replaced)  # type: ignore[arg-type]
        for key in changed.gone:
            del table[key]
        table |= {(space, key): body for space, key, body in changed.rows}
        digests = changed.digests
        again = change(digests, new, replaced)  # type: ignore[arg-type]
        assert (again.rows, again.gone, again.digests) == ([], [], digests)
    kept = {
        (space, key): body for space, bodies in first.items() for key, body in bodies.items() if space not in replaced
    }
    assert table == kept | {(space, key): body for space, bodies in second.items() for key, body in bodies.items()}
    assert list(digests) == sorted(table)


@given(STATES, STATES, st.integers(0, 3), st.integers(0, 3))
def test_the_digest_of_states_tells_any_two_apart(
    one: dict[str, dict[str, bytes]], other: dict[str, dict[str, bytes]], tick: int, other_tick: int
) -> None:
    def told(states: dict[str, dict[str, bytes]], index: int) -> tuple[bytes, bytes]:
        digests = change({}, states).digests  # type: ignore[arg-type]
        return states_digest(Progress(index, None), digests), cursors_digest(digests)

    def without(states: dict[str, dict[str, bytes]], *, cursors: bool) -> dict[tuple[str, str], bytes]:
        rows = {(space, key): body for space, bodies in states.items() for key, body in bodies.items()}
        return {key: body for key, body in rows.items() if (key[0] == "outbox") == cursors}

    same = without(one, cursors=False) == without(other, cursors=False) and tick == other_tick
    assert (told(one, tick)[0] == told(other, other_tick)[0]) == same
    assert (told(one, 0)[1] == told(other, 0)[1]) == (without(one, cursors=True) == without(other, cursors=True))


def test_the_seal_covers_both_ends_the_states_and_the_cursors() -> None:
    parts = (Link(3, b"r" * 32), Link(2, b"a" * 32), b"s" * 32, b"c" * 32)
    seals = {seal_of(*parts)}
    seals |= {seal_of(*parts[:index], START if index < 2 else bytes(32), *parts[index + 1 :]) for index in range(4)}  # type: ignore[arg-type]
    assert len(seals) == 5


RANGES = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 4)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=4
)
ERASURES = st.lists(
    st.builds(
        Erasure,
        chain=st.sampled_from(["record", "audit"]),
        ranges=RANGES.map(tuple),
        piece=st.sampled_from(["", "who"]),
        files=st.just(()),
        reason=st.just(""),
    ),
    max_size=4,
)


@given(ERASURES)
def test_an_erasure_covers_its_ranges_and_nothing_else(erasures: list[Erasure]) -> None:
    erased = Erased(erasures)
    for chain in ("record", "audit"):
        for piece in ("", "who", "text"):
            named = [each for each in erasures if (each.chain, each.piece) == (chain, piece)]
            for seq in range(-1, 20):
                inside = any(first <= seq <= last for each in named for first, last in each.ranges)
                assert erased.covers(chain, seq, piece) == inside  # type: ignore[arg-type]
