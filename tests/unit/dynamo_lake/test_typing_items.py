"""Typing rules, item by item: rows' values, the first rejection, and what is never looked at."""

# ruff: noqa: DTZ001 - naive UTC is the contract of the lake's timestamps

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.typing_rules import Rejection, placement_day, type_item, type_lookup_item
from tests.histories.declarations import mended_declaration

CAMPAIGN = read_declaration("campaign")
KEY = {"userID": {"S": "u1"}, "campaignID": {"S": "c1"}}
SOUND: dict[str, Any] = {**KEY, "createdAt": {"S": "2026-11-24"}}


def with_entries(*entries: Any) -> dict[str, Any]:
    return {**SOUND, "progressDetails": {"L": list(entries)}}


def entry(**members: Any) -> dict[str, Any]:
    return {"M": {"taskID": {"S": "t1"}, **members}}


def test_an_item_is_typed_column_by_column() -> None:
    image = {**with_entries(entry(rewardEarned={"N": "1.5"}), entry()), "totalTaskRewardsEarned": {"N": "2"}}
    typed = type_item(CAMPAIGN, image)
    assert typed.columns == {
        "user_id": "u1",
        "campaign_id": "c1",
        "created_at": datetime(2026, 11, 24),
        "updated_at": None,
        "user_campaign_progress_state": None,
        "total_task_rewards_earned": Decimal(2),
    }
    assert [one["reward_earned"] for one in typed.entries] == [Decimal("1.5"), None]
    assert list(typed.entries[0]) == [
        "task_id",
        "user_campaign_task_progress_state",
        "reward_earned",
        "validated_at",
        "validation_failure_reason",
    ]


@pytest.mark.parametrize("raw", [None, {"NULL": True}, {"L": []}])
def test_an_absent_null_or_empty_list_gives_no_entry(raw: Any) -> None:
    image = {**SOUND, "progressDetails": raw} if raw else SOUND
    assert type_item(CAMPAIGN, image).entries == ()


@pytest.mark.parametrize(
    ("changed", "rejection"),
    [
        ({"createdAt": None}, Rejection("createdAt", None, "required")),
        ({"createdAt": {"NULL": True}}, Rejection("createdAt", '{"NULL":true}', "required")),
        ({"createdAt": {"S": ""}}, Rejection("createdAt", '{"S":""}', "required")),
        ({"createdAt": {"S": "soon"}}, Rejection("createdAt", '{"S":"soon"}', "timestamp")),
        ({"updatedAt": {"BOOL": True}}, Rejection("updatedAt", '{"BOOL":true}', "timestamp")),
        (
            {"totalTaskRewardsEarned": {"N": "1e-9"}},
            Rejection("totalTaskRewardsEarned", '{"N":"1e-9"}', "decimal(18,6)"),
        ),
        ({"userCampaignProgressState": {"N": "1"}}, Rejection("userCampaignProgressState", '{"N":"1"}', "string")),
        ({"progressDetails": {"S": "x"}}, Rejection("progressDetails", '{"S":"x"}', "list")),
        ({"progressDetails": {"M": {}}}, Rejection("progressDetails", '{"M":{}}', "list")),
        ({"progressDetails": {"SS": ["t1"]}}, Rejection("progressDetails", '{"SS":["t1"]}', "list")),
        ({"progressDetails": {"L": [{"S": "t1"}]}}, Rejection("progressDetails[0]", '{"S":"t1"}', "list")),
        (
            {"progressDetails": {"L": [entry(), {"NULL": True}]}},
            Rejection("progressDetails[1]", '{"NULL":true}', "list"),
        ),
        ({"progressDetails": {"L": [{"M": {}}]}}, Rejection("progressDetails[0].taskID", None, "required")),
        (
            {"progressDetails": {"L": [entry(), entry(), entry(), entry(validatedAt={"S": "x"})]}},
            Rejection("progressDetails[3].validatedAt", '{"S":"x"}', "timestamp"),
        ),
    ],
)
def test_one_bad_value_rejects_the_item_and_names_path_value_and_rule(
    changed: dict[str, Any], rejection: Rejection
) -> None:
    image = {name: raw for name, raw in {**SOUND, **changed}.items() if raw is not None}
    assert type_item(CAMPAIGN, image) == rejection


def test_the_first_rejection_is_the_items_own_columns_then_the_list_then_its_entries_in_order() -> None:
    bad = with_entries(
        entry(rewardEarned={"S": "x"}),
        {"S": "t"},
        entry(userCampaignTaskProgressState={"N": "1"}, rewardEarned={"S": "y"}),
    )
    assert (
        type_item(CAMPAIGN, {**bad, "updatedAt": {"S": "x"}, "userCampaignProgressState": {"N": "1"}}).path
        == "updatedAt"
    )
    assert type_item(CAMPAIGN, bad).path == "progressDetails[0].rewardEarned"
    entries = bad["progressDetails"]["L"]
    assert type_item(CAMPAIGN, with_entries(*entries[1:])).path == "progressDetails[0]"
    assert type_item(CAMPAIGN, with_entries(*entries[2:])).path == "progressDetails[0].userCampaignTaskProgressState"


def test_a_reason_counts_paths_without_their_index() -> None:
    assert (
        Rejection("progressDetails[3].validatedAt", None, "timestamp").reason
        == "progressDetails[].validatedAt: timestamp"
    )
    assert Rejection("progressDetails[3]", None, "list").reason == "progressDetails[]: list"
    assert Rejection("createdAt", None, "required").reason == "createdAt: required"


def test_a_long_rejected_value_is_cut() -> None:
    rejection = type_item(CAMPAIGN, {**SOUND, "updatedAt": {"S": "é" * 1000}})
    assert rejection.value == '{"S":"' + "é" * 494


def test_attributes_that_are_not_declared_are_never_looked_at() -> None:
    odd = {"undeclared": {"two": 1, "tags": 2}, "campaignTasks": {"S": "not a list"}, "position": {"S": "x"}}
    image = {**with_entries({"M": {"taskID": {"S": "t1"}, "undeclared": None}}), **odd}
    assert len(type_item(CAMPAIGN, image).entries) == 1


def test_a_lenient_field_becomes_null_and_is_counted() -> None:
    typed = type_item(
        mended_declaration(), with_entries(entry(rewardEarned={"S": "x"}), entry(rewardEarned={"BOOL": True}), entry())
    )
    assert [one["reward_earned"] for one in typed.entries] == [None, None, None]
    assert typed.nulled == {"progressDetails[].rewardEarned": 2}


def lookup(*tasks: Any, **more: Any) -> dict[str, Any]:
    return {"campaignID": {"S": "c1"}, "campaignTasks": {"L": [{"M": task} for task in tasks]}, **more}


def test_a_lookup_items_entries_carry_what_they_are_matched_by() -> None:
    typed = type_lookup_item(
        CAMPAIGN, lookup({"taskID": {"S": "t1"}, "taskDeadline": {"N": "0"}}, {"taskID": {"S": "t1"}})
    )
    assert [(one.match, one.values) for one in typed.entries] == [
        (("c1", "t1"), {"task_deadline": datetime(1970, 1, 1)}),
        (("c1", "t1"), {"task_deadline": None}),
    ]


@pytest.mark.parametrize(
    ("image", "path", "rule"),
    [
        (lookup({"taskDeadline": {"S": "2026-01-01"}}), "campaignTasks[0].taskID", "required"),
        (lookup({"taskID": {"N": "1"}}), "campaignTasks[0].taskID", "string"),
        (lookup({"taskID": {"S": "t1"}, "taskDeadline": {"S": "x"}}), "campaignTasks[0].taskDeadline", "timestamp"),
        (lookup(campaignTasks={"S": "x"}), "campaignTasks", "list"),
    ],
)
def test_a_lookup_item_with_a_bad_used_value_is_rejected(image: dict[str, Any], path: str, rule: str) -> None:
    rejection = type_lookup_item(CAMPAIGN, image)
    assert (rejection.path, rejection.rule) == (path, rule)


def test_unused_attributes_of_a_lookup_item_may_be_anything() -> None:
    image = lookup({"taskID": {"S": "t1"}, "rewardAmount": {"S": "x"}}, createdAt={"S": "soon"}, title={"N": "1"})
    assert len(type_lookup_item(CAMPAIGN, image).entries) == 1


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ({"S": "2025-01-01T00:00:00+07:00"}, date(2024, 12, 31)),
        ({"N": "1764028799.999999"}, date(2025, 11, 24)),
        ({"S": "soon"}, None),
        ({"S": ""}, None),
        (None, None),
    ],
)
def test_the_day_is_the_utc_day_or_nothing(raw: Any, day: date | None) -> None:
    for source in CAMPAIGN.sources:
        assert placement_day(CAMPAIGN, source, {"createdAt": raw}) == day
