"""What a comparison of the mirrors with their tables found, as people read it."""

from __future__ import annotations

from dataclasses import replace

from lake_airflow.steps.differences import NOTE_CHARACTERS, build_note

from include.dynamo_lake.reports import DifferenceCounts, ReconcileReport

NOTHING = DifferenceCounts(compared=10, newer=2, missing=0, extra=0, different=0)
FOUND = ReconcileReport(
    at="2026-11-24T02:00:00Z",
    repaired=False,
    sources={"users": DifferenceCounts(1000, 0, 1, 2, 3), "campaigns": NOTHING},
    examples=({"source": "users", "key": '[{"S":"u1"}]', "kind": "missing"},),
    differences="runs/b/differences/",
)


def test_a_note_counts_by_source_and_kind_and_says_where_all_keys_are() -> None:
    assert build_note(FOUND, "bucket").splitlines() == [
        "Mirrors compared with full exports at 2026-11-24T02:00:00Z:",
        "- users: 1 missing, 2 extra, 3 different of 1000 items",
        "- campaigns: no difference of 10 items, 2 changed since",
        '  missing users [{"S":"u1"}]',
        "All of them: s3://bucket/runs/b/differences/",
        "Nothing was changed: run again with repair to put it right.",
    ]


def test_a_repair_says_so() -> None:
    assert build_note(replace(FOUND, repaired=True), "bucket").endswith("Repaired.")


def test_where_nothing_differs_the_note_is_the_counts() -> None:
    note = build_note(replace(FOUND, sources={"campaigns": NOTHING}, examples=()), "bucket")
    assert note.splitlines()[1:] == ["- campaigns: no difference of 10 items, 2 changed since"]


def test_a_note_fits_into_airflows_field_however_long_the_keys_are() -> None:
    examples = tuple({"source": "users", "key": "k" * 300, "kind": "extra"} for _ in range(20))
    note = build_note(replace(FOUND, examples=examples), "bucket")
    assert len(note) <= NOTE_CHARACTERS
    assert note.count("k" * 300) == 2
    assert note.endswith("put it right.")
