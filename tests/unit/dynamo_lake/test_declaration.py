"""Declarations: the shipped one is sound, and every mistake is reported with path and remedy, all at once."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from zipfile import Path as ZipPath
from zipfile import ZipFile

import pytest

from include.dynamo_lake.declaration import Attribute, Pipeline, parse_declaration, pipeline_names, read_declaration
from include.dynamo_lake.errors import DeclarationError

SHIPPED = files("include.pipelines").joinpath("campaign.toml").read_text(encoding="utf-8")


def parse(text: str, name: str = "campaign") -> Pipeline:
    return parse_declaration(name, text.encode(), f"{name}.toml")


def mistakes_of(text: str, name: str = "campaign") -> dict[str, str]:
    with pytest.raises(DeclarationError) as raised:
        parse(text, name)
    assert all(mistake.remedy for mistake in raised.value.mistakes)
    return {mistake.path: str(mistake) for mistake in raised.value.mistakes}


def test_the_shipped_declaration_says_what_the_target_is() -> None:
    pipeline = read_declaration("campaign")
    assert pipeline_names() == ("campaign",)
    assert [column.name for column in pipeline.target.columns][:3] == ["user_id", "campaign_id", "created_at"]
    assert pipeline.target.column("reward_earned").decimal == (18, 6)
    assert pipeline.target.column("task_id").attribute == Attribute("progressDetails", "taskID")
    assert pipeline.target.column("position").origin == "position"
    assert pipeline.target.column("created_at").accept == ("S", "N")
    assert pipeline.target.column("task_deadline").origin == "lookup"
    assert (pipeline.main.id, pipeline.lookup_source and pipeline.lookup_source.id) == (
        "user_campaign",
        "campaign_info",
    )


def test_a_declaration_is_read_from_a_zip_as_from_a_folder(tmp_path: Path) -> None:
    archive = tmp_path / "library.zip"
    with ZipFile(archive, "w") as written:
        written.writestr("pipelines/campaign.toml", SHIPPED)
    folder = ZipPath(archive, "pipelines/")
    assert read_declaration("campaign", folder) == read_declaration("campaign")  # type: ignore[arg-type]


def test_an_unknown_pipeline_names_the_known_ones() -> None:
    with pytest.raises(DeclarationError, match=r"campain.*Known: campaign\."):
        read_declaration("campain")


def test_every_mistake_is_reported_at_once() -> None:
    text = SHIPPED.replace('title = "Campaign progress by task"\n', "titel = 1\n").replace(
        'policy = "daily"', 'policy = "weekly"'
    )
    text = text.replace("time_travel_days = 7", 'time_travel_days = "7"').replace(
        'type = "decimal(18,6)", from = "total', 'type = "money", from = "total'
    )
    assert set(mistakes_of(text)) == {
        "titel",
        "title",
        "crawl.policy",
        "retention.time_travel_days",
        "target.columns[5].type",
    }


def test_broken_rules_are_reported_beside_malformed_fields() -> None:
    text = SHIPPED.replace('policy = "daily"', 'policy = "often"').replace('"0 * * * *"', '"61 * * * *"')
    text = text.replace('partition = "created_at"', 'partition = "createdat"').replace(
        '"user_id", "campaign_id", "pos', '"nope", "pos'
    )
    assert set(mistakes_of(text)) == {"crawl.policy", "schedule.cron", "target.partition", "target.row_key"}


def test_a_malformed_column_hides_no_broken_rule_of_others() -> None:
    text = SHIPPED.replace('name = "validated_at"', 'name = "Validated At"')
    text = text.replace('partition = "created_at"', 'partition = "createdat"')
    text = text.replace('row_key = ["user_id", ', 'row_key = ["user", ')
    text = text.replace('from = "progressDetails[].rewardEarned"', 'from = "others[].rewardEarned"')
    text = text.replace('from = "updatedAt" }', 'from = "updatedAt", lookup = "campaignTasks[].x" }')
    text = text.replace('{ target = "task_id", lookup', '{ target = "task", lookup')
    text = text.replace('from = "userID", required = true', 'from = "userID"')
    assert set(mistakes_of(text)) == {
        "target.columns[10].name",
        "target.partition",
        "target.row_key",
        "target.columns[9].from",
        "target.columns[3]",
        "lookup.on[1].target",
        "target.columns.user_id.required",
    }


def test_a_number_among_names_is_named_and_not_read_further() -> None:
    text = SHIPPED.replace('"campaign_id", "position"]', '"campaign_id", 1]')
    assert set(mistakes_of(text)) == {"target.row_key[2]", "target.row_key"}


def test_a_number_key_is_looked_up_by_a_decimal() -> None:
    text = SHIPPED.replace('[{ name = "campaignID", type = "S" }]', '[{ name = "campaignID", type = "N" }]')
    assert "no lookup item could be typed" in mistakes_of(text)["lookup.on[0].target"]


READINGS = (Path(__file__).parents[2] / "pipelines" / "readings.toml").read_text()
TIMED = READINGS.replace(
    'key = [{ name = "meter", type = "S" }]',
    'key = [{ name = "meter", type = "S" }, { name = "installedAt", type = "S" }]',
).replace(
    '  { name = "kwh"',
    '  { name = "installed", type = "string", from = "installedAt", required = true },\n  { name = "kwh"',
)


def test_a_sort_key_is_the_partitions_time_and_beside_it_a_key_column() -> None:
    text = TIMED.replace('row_key = ["meter", "reading"]', 'row_key = ["meter", "installed", "reading"]')
    assert parse(text, "readings").target.row_key == ("meter", "installed", "reading")


def test_a_row_key_of_a_time_that_two_keys_may_spell_is_refused() -> None:
    lines = TIMED.splitlines()
    key_column = next(line for line in lines if '"installed"' in line)
    first = TIMED.replace(key_column + "\n", "").replace("columns = [\n", f"columns = [\n{key_column}\n")
    text = first.replace('row_key = ["meter", "reading"]', 'row_key = ["meter", "installed_at", "reading"]')
    assert "Declare string" in mistakes_of(text, "readings")["target.columns.installed_at.type"]


@pytest.mark.parametrize("cron", ["*/15 * * * *", "0 0-6/2 1,15 * 1-5", "59 23 31 12 7"])
def test_a_cron_expression_in_range_is_taken(cron: str) -> None:
    assert parse(SHIPPED.replace("0 * * * *", cron)).schedule.cron == cron


@pytest.mark.parametrize(
    "cron", ["60 * * * *", "0 24 * * *", "0 0 0 * *", "5-1 * * * *", "*/0 * * * *", "0 0 * * MON", "0 * * *"]
)
def test_a_cron_expression_that_the_scheduler_would_not_read_is_refused(cron: str) -> None:
    assert "schedule.cron" in mistakes_of(SHIPPED.replace("0 * * * *", cron))


CHANGES: list[tuple[str, str, str]] = [
    ('title = "Campaign', 'title = Campaign', "file"),
    ('cron = "0 * * * *"', 'cron = "hourly"', "schedule.cron"),
    ('reconcile = "30 4 * * 0"', 'reconcile = "weekly"', "schedule.reconcile"),
    ('reconcile = "30 4 * * 0"', 'reconcile = "99 99 * * *"', "schedule.reconcile"),
    ('[sources.campaign_info]', '[sources.CampaignInfo]', "sources.CampaignInfo"),
    ('}, { name = "campaignID", type = "S" }]', '}, { name = "userID", type = "S" }]', "sources.user_campaign.key"),
    ('table = "campaignInfo"', 'table = "user_Campaign"', "sources"),
    ('source = "user_campaign"', 'source = "users"', "target.source"),
    ('name = "campaign_id", type', 'name = "user_id", type', "target.columns[1].name"),
    ('from = "updatedAt" }', 'from = "updatedAt", lookup = "campaignTasks[].x" }', "target.columns[3]"),
    (', from = "updatedAt" }', "}", "target.columns[3]"),
    ('from = "progressDetails[].rewardEarned"', 'from = "others[].rewardEarned"', "target.columns[9].from"),
    ('lookup = "campaignTasks[].taskDeadline" }', 'lookup = "others[].taskDeadline" }', "target.columns[12].lookup"),
    ('[].taskDeadline" }', '[].taskDeadline", required = true }', "target.columns[12].required"),
    ('{ name = "position", type = "int", from = "progressDetails[#]" },', "", "target.columns"),
    ('name = "position", type = "int"', 'name = "position", type = "string"', "target.columns[6].type"),
    ("decimal(18,6)\", from = \"total", "decimal(5,6)\", from = \"total", "target.columns[5].type"),
    ('from = "userCampaignProgressState" }', 'from = "userCampaignProgressState", accept = ["N"] }', "target.columns[4].accept"),
    ('from = "createdAt", required = true', 'from = "createdAt", required = true, on_error = "null"', "target.columns[2].on_error"),
    ('table = "user_campaign_tasks"', 'table = "quarantine"', "target.table"),
    ('table = "user_campaign_tasks"', 'table = "mirror_campaign_info"', "target.table"),
    ('partition = "created_at"', 'partition = "day"', "target.partition"),
    ('partition = "created_at"', 'partition = "updated_at"', "target.partition"),
    ('row_key = ["user_id", ', 'row_key = ["user", ', "target.row_key"),
    ('row_key = ["user_id", ', "row_key = [", "target.row_key"),
    ('from = "userID", required = true', 'from = "userID"', "target.columns.user_id.required"),
    ('source = "campaign_info"', 'source = "campaigns"', "lookup.source"),
    ('source = "campaign_info"', 'source = "user_campaign"', "lookup.source"),
    ('{ target = "campaign_id", lookup', '{ target = "campaign", lookup', "lookup.on[0].target"),
    ('{ target = "task_id", lookup', '{ target = "updated_at", lookup', "lookup.on[1].target"),
    ('{ target = "task_id", lookup', '{ target = "campaign_id", lookup', "lookup.on"),
    ('lookup = "campaignTasks[].taskID"', 'lookup = "others[].taskID"', "lookup.on[1].lookup"),
    ('lookup = "campaignTasks[].taskID"', 'lookup = "title"', "lookup.on"),
    ('run = ["row_key_unique", ', 'run = ["rows_are_nice", ', "checks.run[0]"),
    ("max_quarantined_share = 0.5", "max_quarantined_share = 1.5", "checks.max_quarantined_share"),
    ("max_quarantined_share = 0.5", "max_quarantined_share = nan", "checks.max_quarantined_share"),
    ("erase_within_days = 45", "erase_within_days = 41", "retention.erase_within_days"),
    ("time_travel_days = 7", "time_travel_days = 60", "retention.erase_within_days"),
    ("max_run_mib = 256", "max_run_mib = true", "inbox.max_run_mib"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path"), CHANGES, ids=[f"{path}: {new[:30]}" for _, new, path in CHANGES])
def test_a_mistake_is_named_by_its_path(old: str, new: str, path: str) -> None:
    assert old in SHIPPED
    assert path in mistakes_of(SHIPPED.replace(old, new, 1))


def test_a_source_that_nothing_uses_is_named() -> None:
    extra = '\n[sources.extra]\ntable = "extra"\nkey = [{ name = "id", type = "S" }]\n'
    assert "sources.extra" in mistakes_of(SHIPPED + extra)


def test_a_main_sources_day_is_the_partitions_attribute() -> None:
    assert "sources.user_campaign.day" in mistakes_of(SHIPPED.replace('day = "createdAt"', 'day = "updatedAt"', 1))


def test_a_lookup_by_the_position_is_refused() -> None:
    required = SHIPPED.replace('from = "progressDetails[#]"', 'from = "progressDetails[#]", required = true')
    text = required.replace('{ target = "task_id", lookup', '{ target = "position", lookup')
    assert "is the position in the list" in mistakes_of(text)["lookup.on[1].target"]


@pytest.mark.parametrize("name", ["Campaign", "1st", "a-b", "a" * 31, ""])
def test_a_name_that_aws_would_not_take_is_refused(name: str) -> None:
    assert name in mistakes_of(SHIPPED, name)


TWO_LEVELS = [
    ('list = "progressDetails"', 'list = "groups[].progressDetails"', "target.list"),
    ('from = "progressDetails[].taskID"', 'from = "progressDetails[].steps[].taskID"', "target.columns[7].from"),
    ('from = "progressDetails[].taskID"', 'from = "progressDetails[].meta.taskID"', "target.columns[7].from"),
    ('lookup = "campaignTasks[].taskDeadline"', 'lookup = "campaignTasks[].steps[].due"', "target.columns[12].lookup"),
]


@pytest.mark.parametrize(("old", "new", "path"), TWO_LEVELS)
def test_two_list_levels_are_refused_and_a_view_is_named(old: str, new: str, path: str) -> None:
    assert old in SHIPPED
    assert "One list level is flattened" in mistakes_of(SHIPPED.replace(old, new, 1))[path]


def test_a_lookup_of_a_lookup_is_refused_and_a_view_is_named() -> None:
    text = SHIPPED.replace('{ target = "task_id", lookup', '{ target = "task_deadline", lookup')
    mistake = mistakes_of(text)["lookup.on[1].target"]
    assert "task_deadline is itself looked up: a lookup of a lookup" in mistake
    assert "a view over the target" in mistake


def test_a_second_lookup_is_refused() -> None:
    text = SHIPPED.replace("[lookup]", "[[lookup]]").replace("[checks]", '[[lookup]]\nsource = "other"\n\n[checks]')
    assert "not a table" in mistakes_of(text)["lookup"]
