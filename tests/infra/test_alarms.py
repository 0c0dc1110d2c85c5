"""What the stack tells: each alarm and rule names its entry in the runbook, and nobody else's reaches the topic."""

from __future__ import annotations

import re

from lake_airflow.run_log import LAG_HOURS, NAMESPACE, TO_LOOK_AT

from tests.infra.template import ACCOUNT, PARAMETERS, REGION, ROOT, Rendered


def test_every_alarm_names_its_entry_in_the_runbook(rendered: Rendered) -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    alarms = rendered.of_type("AWS::CloudWatch::Alarm")
    named = {name: re.findall(r'docs/runbook\.md, "([^"]+)"', a["AlarmDescription"]) for name, a in alarms.items()}
    assert {name: entries for name, entries in named.items() if len(entries) != 1 or entries[0] not in headings} == {}
    assert len(named) == 8
    for rule in rendered.of_type("AWS::Events::Rule").values():
        (entry,) = re.findall(r'docs/runbook\.md, "([^"]+)"', rule["Description"])
        assert entry in headings
        assert f"docs/runbook.md, {entry}" in rule["Targets"][0]["InputTransformer"]["InputTemplate"]


def test_a_failed_merge_is_told_whatever_ended_it(rendered: Rendered) -> None:
    (rule,) = rendered.of_type("AWS::Events::Rule").values()
    assert rule["EventPattern"]["detail"] == {"jobName": [rendered.outputs["MergeJob"]], "state": ["FAILED", "TIMEOUT"]}
    publishes = rendered.resources["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert "events.amazonaws.com" in {one["Principal"]["Service"] for one in publishes}


def test_of_cloudwatch_only_the_pipelines_own_alarms_reach_topic_and_key(rendered: Rendered) -> None:
    own = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:two-words-*"},
    }
    documents = (
        rendered.resources["AlarmTopicPolicy"]["Properties"]["PolicyDocument"],
        rendered.resources["Key"]["Properties"]["KeyPolicy"],
    )
    for document in documents:
        services = {one["Principal"].get("Service"): one.get("Condition") for one in document["Statement"]}
        assert services["cloudwatch.amazonaws.com"] == own
        assert services["events.amazonaws.com"] is None, "EventBridge hands the key no source"


def test_freshness_is_watched_unless_only_changes_start_runs(rendered: Rendered) -> None:
    alarm = rendered.resources["FreshnessAlarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (NAMESPACE, LAG_HOURS)
    assert alarm["TreatMissingData"] == "breaching"
    assert "FreshnessAlarm" not in Rendered(PARAMETERS | {"FreshnessHours": "0"}).resources


def test_runs_that_somebody_has_to_look_at_are_told_one_by_one(rendered: Rendered) -> None:
    alarm = rendered.resources["RunsToLookAtAlarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == (NAMESPACE, TO_LOOK_AT, "Sum")
    assert (alarm["Threshold"], alarm["TreatMissingData"]) == (0, "notBreaching")
