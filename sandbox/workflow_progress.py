"""What an execution of a workflow is doing, for people: a line for each state that begins or ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.check import console
from sandbox.workflow_execution import Execution
from workflows import Work, Workflow

SHOWN = 3  # pieces whose reasons are told
FAULTS = ("TaskFailed", "TaskTimedOut", "TaskSubmitFailed", "MapRunFailed")
DETAILS = ("taskFailedEventDetails", "taskTimedOutEventDetails", "mapRunFailedEventDetails")


class Progress:
    """Once the execution has ended: whether it has succeeded, and the keys of what its stages have written."""

    def __init__(self, workflow: Workflow, execution: Execution):
        self._execution = execution
        self._works = {stage.name: stage.work for stage in workflow.stages}
        self._works |= {f"undo_{stage.name}": stage.compensate for stage in workflow.stages if stage.compensate}
        self._seen = 0
        self._state, self._entered = "", 0.0
        self._fault: Mapping[str, str] = {}
        self._map_run, self._pieces = "", ""
        self.succeeded = False
        self.written: list[str] = []

    def look(self) -> bool:
        """Tell what is new; whether the execution has ended."""
        state = self._execution.state()
        for event in self._execution.history()[self._seen :]:
            self._seen += 1
            self._tell(event)
        self._tell_pieces()
        if state["status"] == "RUNNING":
            return False
        self._leave(state["stopDate"].timestamp())
        took = state["stopDate"] - state["startDate"]
        console.print(f"{state['status']} after {took.total_seconds():.1f} s")
        self.succeeded = state["status"] == "SUCCEEDED"
        for name, work in self._works.items():
            if work.kind != "function" and (keys := self._execution.objects(work.name, name)):
                self.written += keys
                console.print(f"Written by {name}: {self._execution.place(work.name, name)}", markup=False)
        if state.get("error"):
            console.print(f"{state['error']}: {_short(state.get('cause', ''))}", markup=False)
        return True

    def _tell(self, event: Mapping[str, Any]) -> None:
        kind, at = event["type"], event["timestamp"].timestamp()
        if kind in ("TaskStateEntered", "MapStateEntered"):
            self._leave(at)
            self._enter(event["stateEnteredEventDetails"]["name"], at)
        elif kind.endswith("StateExited") and event["stateExitedEventDetails"]["name"] == self._state:
            self._leave(at)
        elif kind in FAULTS:
            self._fault = next((event[key] for key in DETAILS if key in event), {})
        elif kind == "TaskScheduled" and self._fault:
            console.print(f"  {self._state} failed and is tried again:", markup=False)
            self._tell_why()
            self._fault = {}
        elif kind == "MapRunStarted":
            self._map_run = event["mapRunStartedEventDetails"]["mapRunArn"]

    def _enter(self, name: str, at: float) -> None:
        if ":" in name:  # a helping state
            return
        self._state, self._entered, self._fault = name, at, {}
        console.print(f"  {name} …", markup=False)

    def _leave(self, at: float) -> None:
        if not self._state:
            return
        self._tell_pieces()
        end = "failed" if self._fault else "done"
        console.print(f"  {self._state} {end}, {at - self._entered:.1f} s", markup=False)
        if self._fault:
            self._tell_why()
        self._state, self._map_run, self._pieces = "", "", ""

    def _tell_pieces(self) -> None:
        if not self._map_run:
            return
        counts = self._execution.pieces(self._map_run)
        failed = f", {counts['failed']} failed" if counts["failed"] else ""
        told = f"{counts['succeeded']} of {counts['total']}{failed}"
        if counts["total"] and told != self._pieces:
            self._pieces = told
            console.print(f"  {self._state}: {told}", markup=False)

    def _tell_why(self) -> None:
        """As the worker has told it, or else as Step Functions knows it."""
        stage = self._state.partition(" ")[0]  # without the size
        work = self._works.get(stage)
        reasons = self._told(stage, work) if work else []
        for reason in reasons or [f"{self._fault.get('error', '')} {_short(self._fault.get('cause', ''))}".strip()]:
            console.print(f"    {reason}", markup=False)

    def _told(self, stage: str, work: Work) -> list[str]:
        if work.kind == "function":
            return []
        keys = [key for key in self._execution.objects(work.name, stage) if key.endswith("/error.json")]
        told = []
        for key in keys[:SHOWN]:
            _, _, piece = key.removesuffix("/error.json").split("/", 1)[1].partition("/")
            reason = json.loads(self._execution.read(key))["reason"]
            told.append(f"piece {piece}: {reason}" if piece else reason)
        return told + ([f"and {len(keys) - SHOWN} more"] if len(keys) > SHOWN else [])


def _short(cause: str) -> str:
    """Of a job or a task, which are told whole, what matters."""
    before, brace, text = cause.partition("{")
    try:
        found = json.loads(brace + text)
    except ValueError:
        return cause
    containers = [found["Container"]] if "Container" in found else found.get("Containers", [])
    said = [found.get(key) for key in ("StatusReason", "StoppedReason", "errorMessage")]
    for container in containers:
        said += [container.get("Reason"), f"exit code {container['ExitCode']}" if "ExitCode" in container else None]
    return before + ("; ".join(one for one in said if one) or text)
