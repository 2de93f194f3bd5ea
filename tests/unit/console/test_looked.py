"""A look that a page takes by itself is told once a minute for each person, and no oftener."""

from linewatch.console.looked import AGAIN_NS, Looked


def test_the_same_person_and_picture_are_told_once_a_minute() -> None:
    looked = Looked()
    assert looked.is_new("watch1", "one", 0)
    assert not looked.is_new("watch1", "one", AGAIN_NS - 1)
    assert looked.is_new("watch1", "one", AGAIN_NS)
    assert looked.is_new("watch2", "one", AGAIN_NS) and looked.is_new("watch1", "two", AGAIN_NS)
