"""When a schedule is due, by the clock of a time zone: the expressions of EventBridge Scheduler, and `Crontab`, those
of a Kubernetes CronJob.

Ships inside functions, so it imports nothing but the standard library.
"""

from schedules.cron import Cron
from schedules.crontab import Crontab
from schedules.errors import Unreadable
from schedules.expression import parse
from schedules.rate import Rate
from schedules.timetable import Timetable

__all__ = ["Cron", "Crontab", "Rate", "Timetable", "Unreadable", "parse"]
