"""Strategies for items: mostly sound, now and then with a value that a typing rule refuses."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

Image = dict[str, Any]

MAIN_KEYS = tuple(
    {"userID": {"S": user}, "campaignID": {"S": campaign}}
    for user, campaign in (("u1", "c1"), ("u1", "c2"), ("u2", "c1"))
)
LOOKUP_KEYS = ({"campaignID": {"S": "c1"}}, {"campaignID": {"S": "c2"}})


def keys_of(side: str, item: int, lane: int) -> Image:
    """The key of item number ``item`` in a lane: lane 0 has the plain ones, and no lane sees another's."""
    keys = (MAIN_KEYS if side == "main" else LOOKUP_KEYS)[item]
    return keys if lane == 0 else {name: {"S": f"{value['S']}.{lane}"} for name, value in keys.items()}


_DAYS: tuple[Image, ...] = (
    {"createdAt": {"S": "2026-01-01T08:00:00Z"}},
    {"createdAt": {"S": "2026-01-02T00:30:00+07:00"}},
    {"createdAt": {"S": "2026-01-04"}},
    {"createdAt": {"S": "2026-01-01T08:00:00.000001Z"}},
    {"createdAt": {"S": "2026-01-02"}},
    {"createdAt": {"S": "2026-01-03"}},
    {"createdAt": {"N": "1767398400"}},
    {"createdAt": {"N": "1767398400123"}},
)
_BAD_DAYS: tuple[Image, ...] = (
    {},
    {"createdAt": {"S": ""}},
    {"createdAt": {"S": "2026-02-30"}},
    {"createdAt": {"BOOL": True}},
    {"createdAt": {"S": "2200-01-01"}},
)
_REST: tuple[Image, ...] = (
    {},
    {"updatedAt": {"S": "2026-02-01T10:00:00.123456Z"}, "totalTaskRewardsEarned": {"N": "1E3"}},
    {"userCampaignProgressState": {"S": "dönE 🎉"}, "totalTaskRewardsEarned": {"S": "2.250000"}},
    {"userCampaignProgressState": {"S": ""}, "updatedAt": {"NULL": True}, "totalTaskRewardsEarned": {"NULL": True}},
    {"undeclared": {"M": {"x": {"NS": ["1"]}}}, "updatedAt": {"S": ""}},
)
_BAD_REST: tuple[Image, ...] = (
    {"updatedAt": {"N": "-1"}},
    {"totalTaskRewardsEarned": {"N": "0.00000001"}},
    {"totalTaskRewardsEarned": {"S": "much"}},
    {"userCampaignProgressState": {"N": "1"}},
)
_TASKS: tuple[Image, ...] = (
    {"taskID": {"S": "t1"}},
    {"taskID": {"S": "t2"}},
    {"taskID": {"S": "t1"}, "rewardEarned": {"N": "1.5"}, "validatedAt": {"S": "2026-01-01T00:00:00Z"}},
    {"taskID": {"S": "t2"}, "userCampaignTaskProgressState": {"S": "done"}, "validatedAt": {"NULL": True}},
    {"taskID": {"S": "t3"}, "validationFailureReason": {"S": "Too late"}},
)
_BAD_TASKS: tuple[Image, ...] = (
    {},
    {"taskID": {"N": "1"}},
    {"taskID": {"S": "t1"}, "rewardEarned": {"N": "1234567890123"}},
    {"taskID": {"S": "t1"}, "validatedAt": {"N": "1767398400"}},
)
_DEADLINES: tuple[Image, ...] = (
    {"taskID": {"S": "t1"}, "taskDeadline": {"S": "2026-05-01T00:00:00Z"}},
    {"taskID": {"S": "t1"}, "taskDeadline": {"S": "2026-06-01"}},
    {"taskID": {"S": "t2"}, "taskDeadline": {"S": "2026-07-01T00:00:00+02:00"}},
    {"taskID": {"S": "t2"}},
    {"taskID": {"S": "t3"}, "taskDeadline": {"NULL": True}},
)
_BAD_DEADLINES: tuple[Image, ...] = (
    {"taskDeadline": {"S": "2026-05-01"}},
    {"taskID": {"S": "t1"}, "taskDeadline": {"S": "whenever"}},
    {"taskID": {"S": "t1"}, "taskDeadline": {"N": "1780000000000"}},
)
_ODD_LISTS: tuple[Any, ...] = (None, {"NULL": True}, {"S": "none"}, {"L": [{"S": "t1"}]})


def mostly(sound: tuple[Any, ...], bad: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """A sound value, or about once in sixteen times a bad one."""
    repeated = max(1, round(15 * len(bad) / len(sound)))
    return st.sampled_from(sound * repeated + bad)


def _lists(sound: tuple[Image, ...], bad: tuple[Image, ...]) -> tuple[Any, ...]:
    """A fixed collection of lists of up to three entries, the plain ones first: one draw instead of many keeps histories quick."""
    chance = random.Random(2026)
    drawn = [chance.choices(sound, k=chance.randint(0, 3)) for _ in range(60)]
    drawn += [[*chance.choices(sound, k=chance.randint(0, 2)), odd] for odd in bad]
    plain = [[], *([entry] for entry in sound)]
    return (*({"L": [{"M": entry} for entry in entries]} for entries in [*plain, *drawn]), *_ODD_LISTS)


def _item(list_name: str, days: Image, rest: Image, entries: Any) -> Image:
    return {**days, **rest} if entries is None else {**days, **rest, list_name: entries}


MAIN_ITEMS = st.builds(
    _item,
    st.just("progressDetails"),
    mostly(_DAYS, _BAD_DAYS),
    mostly(_REST, _BAD_REST),
    st.sampled_from(_lists(_TASKS, _BAD_TASKS)),
)
LOOKUP_ITEMS = st.builds(
    _item,
    st.just("campaignTasks"),
    mostly(_DAYS, _BAD_DAYS),
    st.just({}),
    st.sampled_from(_lists(_DEADLINES, _BAD_DEADLINES)),
)
