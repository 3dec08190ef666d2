"""Asks ECS not to choose this task for scale-in or a deployment while it works on messages."""

from __future__ import annotations

import math
import time
from threading import Condition, Thread

import urllib3
from aws_lambda_powertools import Logger

LINGER_SECONDS = 2.0  # idle for so long before protection is given up: a pause between two messages is none
RETRY_SECONDS = 60.0
SLACK_MINUTES = 5  # protection beyond one message's timeout, so that it is renewed this often and not for each message
MAX_MINUTES = 2880
CHECK_SECONDS = 1.0


class Protection:
    """Protects the task while it is busy. A context manager, which gives protection up at its end.

    agent_uri: of the ECS agent; None where there is none, and then nothing is asked.
    timeout_seconds: of a message; each that begins has protection for at least so long.

    A deployment that waits for protected tasks makes ECS refuse (DEPLOYMENT_BLOCKED). Then `yielding` is true until
    the task is idle: it should take no more messages, so that protection ends and the deployment can go on. A task
    without protection goes on working: SIGTERM costs it nothing but time.
    """

    def __init__(self, agent_uri: str | None, timeout_seconds: float, log: Logger):
        self._url = f"{agent_uri}/task-protection/v1/state" if agent_uri else None
        self._timeout = timeout_seconds
        self._minutes = min(MAX_MINUTES, math.ceil(timeout_seconds / 60) + SLACK_MINUTES)
        self._log = log
        self._changed = Condition()
        self._busy = False
        self._idle_since = -math.inf
        self._protected_until = 0.0  # time.monotonic(); 0 without protection
        self._not_before = {True: 0.0, False: 0.0}  # after a refusal of that change
        self._ending = False
        self._yielding = False
        self._thread = Thread(target=self._run, daemon=True)

    @property
    def yielding(self) -> bool:
        return self._yielding

    def __enter__(self) -> Protection:
        if self._url:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ending, self._busy, self._idle_since = True, False, -math.inf
            self._changed.notify()
        if self._url:
            self._thread.join()

    def set_busy(self, busy: bool) -> None:
        """Returns at once."""
        if busy == self._busy:
            return
        with self._changed:
            self._busy = busy
            if not busy:
                self._idle_since = time.monotonic()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._ending and not self._protected_until:
                    return
                change = self._due(time.monotonic())
                if change is None:
                    if self._ending:
                        return
                    self._changed.wait(CHECK_SECONDS if self._busy or self._protected_until else None)
                    continue
            self._ask(change)

    def _due(self, now: float) -> bool | None:
        """What to ask for now: protection, its end, or nothing."""
        if self._busy:
            soon = now + self._timeout >= self._protected_until
            return True if soon and now >= self._not_before[True] and not self._yielding else None
        ended = self._protected_until and now >= self._idle_since + LINGER_SECONDS
        return False if ended and (now >= self._not_before[False] or self._ending) else None

    def _ask(self, enabled: bool) -> None:
        wanted = {"ProtectionEnabled": enabled} | ({"ExpiresInMinutes": self._minutes} if enabled else {})
        asked = time.monotonic()
        try:
            assert self._url
            answer = urllib3.request("PUT", self._url, json=wanted, timeout=5.0, retries=False).json()
            problem = _problem(answer)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            problem = f"the ECS agent did not answer: {type(error).__name__}"
        if problem is None:
            self._protected_until = asked + self._minutes * 60 if enabled else 0.0
            self._yielding = False
            return
        self._not_before[enabled] = asked + RETRY_SECONDS
        self._log.warning("task protection was not changed", wanted=enabled, reason=problem)
        if problem == "DEPLOYMENT_BLOCKED" and self._protected_until > asked:
            self._yielding = True
        if not enabled and self._ending:
            self._protected_until = 0.0  # the task ends, and its protection with it


def _problem(answer: object) -> str | None:
    """Why the agent did not do what was asked."""
    match answer:
        case {"protection": _}:
            return None
        case {"failure": {"Reason": str(reason)}}:
            return reason
        case {"error": {"Code": str(code)}}:
            return code
        case _:
            return "the ECS agent's answer was not understood"
