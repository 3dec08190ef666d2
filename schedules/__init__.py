"""When a schedule is due: the expressions of EventBridge Scheduler, by the clock of a time zone.

Ships inside functions, so it imports nothing but the standard library.
"""

from schedules.cron import Cron
from schedules.errors import Unreadable
from schedules.expression import parse
from schedules.rate import Rate
from schedules.timetable import Timetable

__all__ = ["Cron", "Rate", "Timetable", "Unreadable", "parse"]
