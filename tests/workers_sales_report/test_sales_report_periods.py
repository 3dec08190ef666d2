"""sales_report: the last complete period in a time zone, also where the clocks are changed, and its hours and days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from report_support import Shop, row

from workers.sales_report.names import days_of, may_hold
from workers.sales_report.orders import Window
from workers.sales_report.period import last_complete


@pytest.mark.parametrize(
    ("kind", "moment", "zone", "name", "start", "end"),
    [
        ("day", "2025-11-03T05:00:00Z", "Europe/Berlin", "2025-11-02", "2025-11-01T23:00", "2025-11-02T23:00"),
        ("day", "2025-11-03T00:00:00Z", "UTC", "2025-11-02", "2025-11-02T00:00", "2025-11-03T00:00"),
        ("day", "2025-11-02T23:59:59Z", "UTC", "2025-11-01", "2025-11-01T00:00", "2025-11-02T00:00"),
        ("day", "2025-11-03T05:00:00Z", "America/Los_Angeles", "2025-11-01", "2025-11-01T07:00", "2025-11-02T07:00"),
        ("day", "2025-03-01T00:30:00Z", "Asia/Kolkata", "2025-02-28", "2025-02-27T18:30", "2025-02-28T18:30"),
        ("week", "2025-11-03T05:00:00Z", "Europe/Berlin", "2025-W44", "2025-10-26T23:00", "2025-11-02T23:00"),
        ("week", "2025-11-02T22:59:00Z", "Europe/Berlin", "2025-W43", "2025-10-19T22:00", "2025-10-26T23:00"),
        ("week", "2027-01-06T05:00:00Z", "UTC", "2026-W53", "2026-12-28T00:00", "2027-01-04T00:00"),
        ("week", "2025-01-06T05:00:00Z", "UTC", "2025-W01", "2024-12-30T00:00", "2025-01-06T00:00"),
        ("month", "2025-11-03T05:00:00Z", "Europe/Berlin", "2025-10", "2025-09-30T22:00", "2025-10-31T23:00"),
        ("month", "2025-01-01T00:00:00Z", "UTC", "2024-12", "2024-12-01T00:00", "2025-01-01T00:00"),
        ("month", "2025-10-31T23:30:00Z", "Europe/Berlin", "2025-10", "2025-09-30T22:00", "2025-10-31T23:00"),
    ],
)
def test_the_period_is_the_last_that_is_over_in_the_zone(kind, moment, zone, name, start, end):
    period = last_complete(kind, datetime.fromisoformat(moment), ZoneInfo(zone))
    assert period.name == name
    assert f"{period.start.astimezone(UTC):%Y-%m-%dT%H:%M}" == start
    assert f"{period.end.astimezone(UTC):%Y-%m-%dT%H:%M}" == end
    assert period.before().end == period.start
    assert period.before().kind == kind


@pytest.mark.parametrize(
    ("day", "zone", "hours", "first", "last"),
    [
        ("2025-10-26", "Europe/Berlin", 25, "00:00", "23:00"),
        ("2025-03-30", "Europe/Berlin", 23, "00:00", "23:00"),
        ("2025-11-02", "America/New_York", 25, "00:00", "23:00"),
        ("2025-09-07", "America/Santiago", 23, "01:00", "23:00"),  # there is no midnight
        ("2025-04-05", "America/Santiago", 25, "00:00", "23:00"),  # eleven o'clock at night comes twice
        ("2025-10-05", "Australia/Lord_Howe", 23.5, "00:00", "23:30"),
        ("2025-11-02", "UTC", 24, "00:00", "23:00"),
    ],
)
def test_the_day_on_which_the_clocks_are_changed_has_as_many_hours_as_it_has(day, zone, hours, first, last):
    noon_after = datetime.fromisoformat(day).replace(hour=12, tzinfo=ZoneInfo(zone)) + timedelta(days=1)
    period = last_complete("day", noon_after, ZoneInfo(zone))
    slots = period.slots()
    assert (period.name, period.hours) == (day, hours)
    assert (slots[0].label, slots[-1].label) == (first, last)
    moment, seen = period.start.astimezone(UTC), 0
    while moment < period.end:  # every quarter of an hour is in the slot that has begun last
        index = period.slot(moment)
        assert slots[index].start <= moment
        assert index + 1 == len(slots) or moment < slots[index + 1].start
        moment, seen = moment + timedelta(minutes=15), seen + 1
    assert seen == hours * 4
    assert len({slot.match for slot in slots}) == len(slots)


def test_orders_of_the_longest_day_are_in_the_hour_that_they_were_placed_in(shop: Shop):
    made = shop.of(
        row("1", at="2025-10-26T02:30:00+02:00", price=1), row("2", at="2025-10-26T02:30:00+01:00", price=2),
        row("3", at="2025-10-26T23:59:59+01:00", price=4), row("4", at="2025-10-27T00:00:00+01:00", price=8),
        row("5", at="2025-10-26T00:00:00+02:00", price=16), row("6", at="2025-10-25T23:59:59+02:00", price=32),
        row("7", at="2025-10-25T02:10:00+02:00", price=64),
        scheduled_at="2025-10-27T05:00:00+00:00", timezone="Europe/Berlin",
    )  # fmt: skip
    assert (made.euro(), made.euro("previous")["net"]) == ("23.00", "96.00")
    slots = made.euro("slots")
    assert len(slots) == 25
    assert [(slot["label"], slot["net"]) for slot in slots if slot["orders"]] == [
        ("00:00", "16.00"), ("02:00", "1.00"), ("02:00", "2.00"), ("23:00", "4.00")
    ]  # fmt: skip
    # The first two o'clock is compared with that of the day before; the second has none to be compared with.
    assert [slot["previous_net"] for slot in slots if slot["label"] == "02:00"] == ["64.00", None]
    assert "the clocks were changed, it has 25 hours" in made.pages[0]


def test_the_day_after_the_longest_one_is_compared_with_both_of_its_two_o_clocks(shop: Shop):
    made = shop.of(
        row("1", at="2025-10-26T02:30:00+02:00", price=1), row("2", at="2025-10-26T02:30:00+01:00", price=2),
        row("3", at="2025-10-27T02:30:00+01:00", price=4), row("4", at="2025-10-26T03:30:00+01:00", price=8),
        scheduled_at="2025-10-28T05:00:00+00:00", timezone="Europe/Berlin",
    )  # fmt: skip
    slots = {slot["label"]: (slot["net"], slot["previous_net"]) for slot in made.euro("slots")}
    assert (slots["02:00"], slots["03:00"]) == (("4.00", "3.00"), ("0.00", "8.00"))


def test_a_day_of_the_shorter_month_is_compared_with_that_of_the_longer_one(shop: Shop):
    made = shop.of(
        row("1", at="2025-03-31T12:00:00Z"), row("2", at="2025-02-28T12:00:00Z", price=3),
        row("3", at="2025-03-28T12:00:00Z"), period="month", scheduled_at="2025-04-01T06:00:00Z",
    )  # fmt: skip
    slots = made.euro("slots")
    assert [slot["label"] for slot in slots] == [str(day) for day in range(1, 32)]
    assert [slot["previous_net"] for slot in slots[27:]] == ["3.00", None, None, None]
    assert "March 2025 UTC · scheduled" in made.pages[0]


@pytest.mark.parametrize(
    ("key", "opened", "covering"),
    [
        ("orders/2025-11-02.csv", True, True),
        ("orders/2025-11-01.csv", True, False),
        ("orders/2025-10-31.csv", True, False),  # named after the day in another zone
        ("orders/2025-11-03T0100.csv", True, False),
        ("orders/2025-10-30.csv", False, False),
        ("orders/2025-11-04.csv", False, False),
        ("orders/20251102.csv", True, True),
        ("orders/20251104.csv", False, False),
        ("orders/2025/11/02/part-0.parquet", True, True),
        ("orders/2025/11/14/part-0.parquet", False, False),
        ("orders/year=2025/month=11/day=2/a.parquet", True, True),
        ("orders/year=2025/month=11/a.parquet", True, True),
        ("orders/year=2025/month=9/a.parquet", False, False),
        ("orders/2025-11.csv", True, True),
        ("orders/2025-10.csv", True, False),
        ("orders/2025-09.csv", False, False),
        ("orders/2025-10-01_2025-12-31.csv", True, True),
        ("orders/2024-01-01_2024-12-31.csv", False, False),
        ("orders/all.csv", True, True),
        ("orders/export-7.csv", True, True),
        ("orders/12345678901234.csv", True, True),
        ("orders/20241399.csv", True, True),  # no date
        ("orders/2024-13-01.csv", True, True),
    ],
)
def test_an_object_is_opened_if_the_dates_in_its_key_are_near(key: str, opened: bool, covering: bool):
    window = Window(last_complete("day", datetime(2025, 11, 3, 5, tzinfo=UTC), ZoneInfo("Europe/Berlin")))
    assert window.period.first == date(2025, 11, 2)
    assert (may_hold(key, window), date(2025, 11, 2) in days_of(key, window)) == (opened, covering)
