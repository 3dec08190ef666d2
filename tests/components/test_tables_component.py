from __future__ import annotations

import dataclasses

import pytest
from component_support import SITE, Declared, declared, idempotency_table, jobs_table

from components.tables import LISTING_INDEX, JobsTable
from jobs import store
from jobs.record import Job

TABLE = "aws:dynamodb/table:Table"


def jobs(*, recovery: bool = False, protect: bool = False) -> Declared:
    return declared(lambda: JobsTable("jobs", SITE, point_in_time_recovery=recovery, protect=protect))


def test_the_jobs_table_is_paid_by_request_and_encrypted() -> None:
    inputs = jobs().inputs(TABLE)
    assert inputs["billingMode"] == "PAY_PER_REQUEST"
    assert inputs["serverSideEncryption"] == {"enabled": True}


def test_the_tables_keys_are_those_of_a_jobs_record() -> None:
    inputs = jobs().inputs(TABLE)
    item = Job(job_id="j", worker="w", input={}, expires_at=1).to_item()
    [index] = inputs["globalSecondaryIndexes"]
    assert {inputs["hashKey"], index["hashKey"], index["rangeKey"]} == {a["name"] for a in inputs["attributes"]}
    assert {a["name"] for a in inputs["attributes"]} <= item.keys()
    assert all(isinstance(item[a["name"]], str) and a["type"] == "S" for a in inputs["attributes"])
    assert inputs["ttl"] == {"attributeName": "expires_at", "enabled": True}
    assert "expires_at" in {field.name for field in dataclasses.fields(Job)}


def test_the_listing_index_has_the_name_that_the_store_reads_and_holds_whole_records() -> None:
    [index] = jobs().inputs(TABLE)["globalSecondaryIndexes"]
    assert index["name"] == LISTING_INDEX == store.LISTING_INDEX
    assert index["projectionType"] == "ALL"


def test_the_stream_carries_the_new_record() -> None:
    inputs = jobs().inputs(TABLE)
    assert (inputs["streamEnabled"], inputs["streamViewType"]) == (True, "NEW_IMAGE")


@pytest.mark.parametrize("on", [True, False])
def test_recovery_and_protection_are_as_the_stack_wants_them(on: bool) -> None:
    inputs = jobs(recovery=on, protect=on).inputs(TABLE)
    assert inputs["pointInTimeRecovery"] == {"enabled": on}
    assert inputs["deletionProtectionEnabled"] is on


def test_what_is_remembered_to_happen_once_has_powertools_layout_and_is_forgotten() -> None:
    inputs = declared(idempotency_table).inputs(TABLE)
    assert (inputs["hashKey"], inputs["attributes"]) == ("id", [{"name": "id", "type": "S"}])
    assert inputs["ttl"] == {"attributeName": "expiration", "enabled": True}
    assert (inputs["billingMode"], inputs["serverSideEncryption"]) == ("PAY_PER_REQUEST", {"enabled": True})


@pytest.mark.parametrize("table", [jobs_table, idempotency_table])
def test_name_and_arn_are_known_beforehand(table) -> None:
    made: list = []
    found = declared(lambda: made.append(table()))
    assert made[0].table_name == found.inputs(TABLE)["name"]
    assert made[0].arn == found.one(TABLE).outputs["arn"]
