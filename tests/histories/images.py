"""Strategies for items: mostly sound, now and then with a value that a typing rule refuses."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

DAYS = (
    {"S": "2026-01-01T08:00:00Z"},
    {"S": "2026-01-02T00:30:00+07:00"},
    {"N": "1767398400"},
    {"N": "1767398400123"},
    {"S": "2026-01-04"},
)
BAD_TIMES = ({"S": "soon"}, {"S": "2026-02-30"}, {"BOOL": True}, {"N": "-1"}, {"S": "2200-01-01"})
TIMES = (*DAYS, None, {"NULL": True}, {"S": ""})
AMOUNTS = ({"N": "1.5"}, {"S": "2.250000"}, {"N": "1E3"}, None, {"NULL": True})
BAD_AMOUNTS = ({"N": "0.00000001"}, {"S": "much"}, {"N": "1234567890123"})
TEXTS = ({"S": "open"}, {"S": "dönE 🎉"}, {"S": ""}, None)
TASKS = ({"S": "t1"}, {"S": "t2"}, {"S": "t3"})
BAD_TASKS = (None, {"N": "1"}, {"NULL": True})

Image = dict[str, Any]


def one_of(good: tuple[Any, ...], bad: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """A value out of the good ones, and about once in sixteen times out of the bad ones."""
    if not bad:
        return st.sampled_from(good)
    return st.integers(0, 15).flatmap(lambda number: st.sampled_from(bad if number == 15 else good))


def _attributes(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[Image]:
    return st.fixed_dictionaries(values).map(
        lambda image: {name: raw for name, raw in image.items() if raw is not None}
    )


def _list_of(entries: st.SearchStrategy[Image]) -> st.SearchStrategy[Any]:
    whole = st.lists(entries.map(lambda entry: {"M": entry}), max_size=3).map(lambda entries: {"L": entries})
    oddities = (None, {"NULL": True}, {"S": "none"}, {"L": [{"S": "t1"}]})
    return st.integers(0, 15).flatmap(lambda number: st.sampled_from(oddities) if number == 15 else whole)


PROGRESS = _attributes(
    taskID=one_of(TASKS, BAD_TASKS),
    userCampaignTaskProgressState=one_of(TEXTS),
    rewardEarned=one_of(AMOUNTS, BAD_AMOUNTS),
    validatedAt=one_of(TIMES, BAD_TIMES),
)
MAIN_ITEMS = _attributes(
    createdAt=one_of(DAYS, (*BAD_TIMES, None)),
    updatedAt=one_of(TIMES, BAD_TIMES),
    totalTaskRewardsEarned=one_of(AMOUNTS, BAD_AMOUNTS),
    progressDetails=_list_of(PROGRESS),
    undeclared=one_of((None, {"BOOL": True}, {"M": {"x": {"NS": ["1"]}}})),
)
LOOKUP_ITEMS = _attributes(
    createdAt=one_of(DAYS, (*BAD_TIMES, None)),
    campaignTasks=_list_of(_attributes(taskID=one_of(TASKS, BAD_TASKS), taskDeadline=one_of(TIMES, BAD_TIMES))),
)
MAIN_KEYS = tuple(
    {"userID": {"S": user}, "campaignID": {"S": campaign}}
    for user, campaign in (("u1", "c1"), ("u1", "c2"), ("u2", "c1"))
)
LOOKUP_KEYS = ({"campaignID": {"S": "c1"}}, {"campaignID": {"S": "c2"}})
