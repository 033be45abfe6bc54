"""Do ids sort as they were made, and carry the marks of UUIDv7?"""

from kit.ids import new_id


def test_ids_are_version_7_unique_and_sorted() -> None:
    ids = [new_id() for _ in range(20_000)]
    assert ids == sorted(set(ids))
    assert {(id.version, id.variant) for id in ids} == {(7, "specified in RFC 4122")}
