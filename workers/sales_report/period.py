"""The period that a report is about: the last complete day, week or month of a time zone, and its parts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

HOUR = 3600  # seconds


@dataclass(frozen=True)
class Slot:
    """A part of a period: an hour of a day, or a day of a week or month.

    label: what a chart shows below it. match: the same in the slot of another period that it is compared with.
    """

    start: datetime
    label: str
    match: tuple[int, int]


@dataclass(frozen=True)
class Period:
    """kind: day, week (Monday to Sunday) or month. first: its first date; after: the date after its last."""

    kind: str
    first: date
    after: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """Its first moment, in the zone."""
        return _midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first moment that is no longer in it."""
        return _midnight(self.after, self.zone)

    @property
    def hours(self) -> float:
        """How long it is. A day has 23 or 25 hours when the clocks are changed."""
        return (self.end.astimezone(UTC) - self.start.astimezone(UTC)) / timedelta(hours=1)

    @property
    def name(self) -> str:
        """2025-11-02, 2025-W44 or 2025-11."""
        if self.kind == "week":
            year, week, _ = self.first.isocalendar()
            return f"{year}-W{week:02}"
        return self.first.isoformat()[: 10 if self.kind == "day" else 7]

    def before(self) -> Period:
        """The period of the same kind that ends where this one starts."""
        return _ending(self.kind, self.first, self.zone)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range((self.after - self.first).days)]

    def slots(self) -> list[Slot]:
        if self.kind == "day":
            start = self.start.astimezone(UTC)
            moments = [(start + timedelta(hours=n)).astimezone(self.zone) for n in range(-int(-self.hours // 1))]
            # The hour that comes twice is told apart by its fold.
            return [Slot(moment, f"{moment:%H:%M}", (moment.hour, moment.fold)) for moment in moments]
        if self.kind == "week":
            return [Slot(_midnight(day, self.zone), f"{day:%a}", (day.weekday(), 0)) for day in self.days]
        return [Slot(_midnight(day, self.zone), str(day.day), (day.day, 0)) for day in self.days]

    def slot(self, moment: datetime) -> int:
        """Index of the slot that a moment of this period belongs to."""
        if self.kind == "day":
            return int((moment - self.start.astimezone(UTC)).total_seconds() // HOUR)
        return (moment.astimezone(self.zone).date() - self.first).days


def last_complete(kind: str, moment: datetime, zone: ZoneInfo) -> Period:
    """The last period of a kind that is over at a moment."""
    today = moment.astimezone(zone).date()
    if kind == "week":
        return _ending(kind, today - timedelta(days=today.weekday()), zone)
    return _ending(kind, today.replace(day=1) if kind == "month" else today, zone)


def _ending(kind: str, after: date, zone: ZoneInfo) -> Period:
    last = after - timedelta(days=1)
    first = {"day": last, "week": after - timedelta(days=7), "month": last.replace(day=1)}[kind]
    return Period(kind, first, after, zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day. Where the clocks skip midnight that is one o'clock: the way by UTC finds it."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).astimezone(zone)
