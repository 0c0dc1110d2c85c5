"""Settings of the stack, and the demo's live traffic."""

from __future__ import annotations

import base64
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.laptop.stack.clock import past_start
from include.laptop.stack.settings import StackSecrets, api_settings, bundle_settings, free_port
from include.local_aws import demo

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)


def test_tasks_find_the_api_server_on_the_port_it_got() -> None:
    port = free_port()
    settings = api_settings(port)
    assert settings["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == f"http://127.0.0.1:{port}/execution/"
    assert (settings["AIRFLOW__API__HOST"], settings["AIRFLOW__API__PORT"]) == ("127.0.0.1", str(port))


def test_every_start_has_keys_of_its_own_that_airflow_can_use() -> None:
    one, two = StackSecrets(), StackSecrets()
    assert not set(one.settings().values()) & set(two.settings().values())
    assert len(base64.urlsafe_b64decode(one.fernet_key)) == 32


def test_the_clock_starts_hours_back() -> None:
    assert past_start(NOW) == "2026-11-23T22:00:00Z"


def test_traffic_writes_each_key_once_and_deletes_what_is_there() -> None:
    campaigns, users = demo.build_campaigns(5, NOW), demo.build_users(60, 5, NOW)
    traffic = demo.LiveTraffic(users, campaigns, seed=3)
    present = {(one["userID"]["S"], one["campaignID"]["S"]) for one in users}
    kinds = set()
    for step in range(40):
        changes = traffic.build_writes(10, NOW + timedelta(minutes=step))
        put = [(one["userID"]["S"], one["campaignID"]["S"]) for one in changes.puts[demo.USERS_TABLE]]
        left = [(one["userID"]["S"], one["campaignID"]["S"]) for one in changes.deletes[demo.USERS_TABLE]]
        assert len({*put, *left}) == len(put) + len(left)
        assert present.issuperset(left)
        kinds |= {"join" for key in put if key not in present} | {"leave" for _ in left}
        kinds |= {"deadline" for _ in changes.puts[demo.CAMPAIGNS_TABLE]}
        present = (present | set(put)) - set(left)
    assert kinds == {"join", "leave", "deadline"}


def test_traffic_of_one_seed_is_the_same_again() -> None:
    campaigns, users = demo.build_campaigns(3, NOW), demo.build_users(30, 3, NOW)
    random.Random(1).shuffle(users)
    first, second = (demo.LiveTraffic(list(order), campaigns, seed=5) for order in (users, reversed(users)))
    assert first.build_writes(12, NOW) == second.build_writes(12, NOW)


def test_a_folder_of_ones_own_is_a_second_place_for_dag_files() -> None:
    assert bundle_settings(Path("/repo/dags"), None) == {}
    (listed,) = bundle_settings(Path("/repo/dags"), Path("/mine")).values()
    places = {bundle["name"]: bundle["kwargs"] for bundle in json.loads(listed)}
    assert places == {"dags-folder": {"path": "/repo/dags"}, "own": {"path": "/mine"}}
