"""A workflow as a state machine in Amazon States Language.

Names of helping states have a space or a colon, which no stage's name has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.given_input import BadInputStates, opening
from workflows.graph import in_order
from workflows.model import OVER_COUNT, OVER_ITEMS, OVER_PREFIX, Runner, Stage, Work, Workflow, following
from workflows.references import entry, expression, references, template
from workflows.tasks import Piece, State, Surroundings, leaves, read_result, retries_of_a_call, task

DONE, FAILED = "Done", "Failed"
TELL_SUCCESS, TELL_FAILURE = "Tell of the success", "Tell of the failure"
UNDO = "undo_{}"
# In the description of a job that AWS Batch gives as the cause, which may be too long to be read as JSON. An attempt
# over its time, always the last, may be killed in the same way. So may one that was reclaimed, and then gets more
# memory than it needs: of several attempts the text does not say which was the last.
LACKED_MEMORY = ('*"ExitCode":137*', '*"ExitCode": 137*', "*OutOfMemoryError*")
OVER_TIME = "*Job attempt duration exceeded timeout*"


def definition(workflow: Workflow, runners: Mapping[str, Runner], around: Surroundings) -> dict[str, Any]:
    """Of a workflow without mistakes. runners: of all its workers, by name."""
    return _Machine(workflow, runners, around).definition()


def results_read(workflow: Workflow) -> set[str]:
    """Names of the stages whose results other stages refer to."""
    return {
        one.first
        for stage in workflow.stages
        for value in _values(stage)
        for one in references(value)
        if one.rest[:1] == ("result",)
    }


class _Machine:
    def __init__(self, workflow: Workflow, runners: Mapping[str, Runner], around: Surroundings):
        self._workflow, self._runners, self._around = workflow, runners, around
        self._compensated = [stage for stage in reversed(in_order(workflow)) if stage.compensate]
        self._read = results_read(workflow)

    def definition(self) -> dict[str, Any]:
        workflow, after = self._workflow, following(self._workflow)
        first = _entry(workflow.stages[0])
        states: dict[str, State] = dict(opening(workflow, first, BadInputStates()))
        start = next(iter(states))
        success = TELL_SUCCESS if "success" in workflow.notify else DONE
        known = {stage.name: _entry(stage) for stage in workflow.stages}
        for stage in workflow.stages:
            target = after[stage.name]
            states |= self._stage(stage, known[target] if target else success, known.get(stage.catch or ""))
        states |= self._undoing()
        states |= self._endings()
        return {
            "Comment": workflow.description,
            "StartAt": start,
            "TimeoutSeconds": workflow.timeout,
            "States": _reached(start, states),
        }

    def _runner(self, work: Work) -> Runner:
        if work.kind == "function":
            return Runner(kind="function", name=work.name, target=work.name)
        return self._runners[work.name]

    # --- stages ----------------------------------------------------------------------------------------------

    def _stage(self, stage: Stage, following: str, catch: str | None) -> dict[str, State]:
        failed = f"{stage.name}: failed"
        states = self._fan_out(stage, following, failed) if stage.fan_out else self._single(stage, following, failed)
        handling = catch or self._giving_up()
        return states | {failed: {"Type": "Pass", "Result": stage.name, "ResultPath": "$.failed", "Next": handling}}

    def _single(self, stage: Stage, following: str, failed: str) -> dict[str, State]:
        piece = Piece(work=stage.work, key=stage.name, stage=stage)
        runner = self._runner(stage.work)
        result = f"{stage.name}: result"
        reads = stage.name in self._read and stage.work.kind != "function"
        kept = {"ResultSelector": leaves(piece, runner, self._around), "ResultPath": f"$.stages.{stage.name}"}
        states = self._work(stage.name, piece, kept | {"Next": result if reads else following}, failed, "$.error")
        if reads:
            read = read_result(piece, runner, self._around)
            read |= {"ResultPath": f"$.stages.{stage.name}.result", "Catch": _catch(failed), "Next": following}
            states[result] = read
        return states

    def _fan_out(self, stage: Stage, following: str, failed: str) -> dict[str, State]:
        fan_out = stage.fan_out
        assert fan_out is not None
        of_objects = fan_out.over == OVER_PREFIX
        piece = Piece(work=stage.work, key=stage.name, stage=stage, fan_out=fan_out)
        each, broken = f"{stage.name} each", f"{stage.name} each: failed"
        inner = self._work(each, piece, {"ResultSelector": {}, "End": True}, broken, "$.error", of_objects=of_objects)
        inner[broken] = _fail()
        carried = {f"{key}.$": f"$.{key}" for key in ("input", "run", "stages")}
        runner, states = self._runner(stage.work), {}
        state: State = {
            "Type": "Map",
            "Label": stage.name,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": f"{each}: input",
                "States": _reached(f"{each}: input", inner),
            },
            "ItemSelector": {"item.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index", **carried},
            "MaxConcurrency": fan_out.concurrency,
            "ToleratedFailurePercentage": float(fan_out.tolerate),
            # What the pieces wrote is in the bucket; what the state machine hears of them is nothing, however many.
            "ResultSelector": {
                "bucket": self._around.buckets["results"],
                "prefix.$": f"States.Format('{runner.name}/{{}}-{stage.name}/', $$.Execution.Name)",
            },
            "ResultPath": f"$.stages.{stage.name}",
            "Catch": _catch(failed),
            "Next": following,
        }
        if of_objects:
            key, prefix = entry("Prefix", fan_out.value)
            bucket = self._around.buckets[fan_out.bucket]
            state["ItemReader"] = {
                "Resource": self._around.resource("s3:listObjectsV2"),
                "Parameters": {"Bucket": bucket, key: prefix},
            }
        elif fan_out.over == OVER_ITEMS:
            state["ItemsPath"] = expression(fan_out.value)
        else:
            assert fan_out.over == OVER_COUNT
            states[f"{stage.name}: numbers"] = {
                "Type": "Pass",
                "Parameters": {"numbers.$": f"States.ArrayRange(0, {int(fan_out.value) - 1}, 1)"},
                "ResultPath": "$.work",
                "Next": stage.name,
            }
            state["ItemsPath"] = "$.work.numbers"
        return states | {stage.name: state}

    def _work(
        self, name: str, piece: Piece, then: State, failed: str, error: str, *, of_objects: bool = False
    ) -> dict[str, State]:
        """Its input, then the work itself, in the next size if it lacked memory."""
        runner = self._runner(piece.work)
        sizes = list(runner.sizes) or [None]
        tasks = [name, *(f"{name} (size {number})" for number in range(2, len(sizes) + 1))]
        begin = f"{name}: size?" if of_objects and len(sizes) > 1 else name
        states: dict[str, State] = {
            f"{name}: input": {
                "Type": "Pass",
                "Parameters": {"input": template(piece.work.input, of_objects=of_objects)},
                "ResultPath": "$.work",
                "Next": begin,
            }
        }
        if begin != name:
            states[begin] = {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.item.Size", "NumericLessThanEquals": size.up_to, "Next": target}
                    for size, target in zip(runner.sizes, tasks, strict=True)
                    if size.up_to is not None
                ],
                "Default": tasks[-1],
            }
        for number, (size, this) in enumerate(zip(sizes, tasks, strict=True)):
            catch = _catch(failed, error)
            if number + 1 < len(tasks):
                why = f"{this}: memory?"
                catch = [{"ErrorEquals": ["States.TaskFailed"], "ResultPath": error, "Next": why}, *catch]
                states[why] = _memory(f"{error}.Cause", tasks[number + 1], failed)
            states[this] = {**task(piece, runner, self._around, size), **then, "Catch": catch}
        return states

    # --- what follows a failure, and the ends ----------------------------------------------------------------

    def _giving_up(self) -> str:
        """The state that a failure leads to which nothing catches."""
        if self._compensated:
            return f"{UNDO.format(self._compensated[0].name)}: due?"
        return TELL_FAILURE if "failure" in self._workflow.notify else FAILED

    def _undoing(self) -> dict[str, State]:
        """Compensations, the latest stage's first, of those that had succeeded. One that fails stops no other."""
        states: dict[str, State] = {}
        end = TELL_FAILURE if "failure" in self._workflow.notify else FAILED
        names = [UNDO.format(stage.name) for stage in self._compensated]
        follow = [*(f"{one}: due?" for one in names), end][1:]
        for stage, name, later in zip(self._compensated, names, follow, strict=True):
            assert stage.compensate is not None
            states[f"{name}: due?"] = {
                "Type": "Choice",
                "Choices": [{"Variable": f"$.stages.{stage.name}", "IsPresent": True, "Next": f"{name}: input"}],
                "Default": later,
            }
            piece = Piece(work=stage.compensate, key=name, stage=Stage(name=name, work=stage.compensate))
            states |= self._work(name, piece, {"ResultPath": None, "Next": later}, later, f"$.undoing.{stage.name}")
        return states

    def _endings(self) -> dict[str, State]:
        machine = self._around.machine
        success = "States.Format('The execution {} has succeeded.', $.run)"
        failure = (
            "States.Format('Stage {} of the execution {} failed ({}), and so did the execution. {}', "
            "$.failed, $.run, $.error.Error, $.error.Cause)"
        )
        return {
            TELL_SUCCESS: self._tell(f"{machine} succeeded", success, DONE),
            TELL_FAILURE: self._tell(f"{machine} failed", failure, FAILED),
            DONE: {"Type": "Succeed"},
            FAILED: _fail("States.Format('Stage {} failed ({}). {}', $.failed, $.error.Error, $.error.Cause)"),
        }

    def _tell(self, subject: str, message: str, following: str) -> State:
        """Whoever cannot be told changes nothing."""
        return {
            "Type": "Task",
            "Resource": self._around.resource("sns:publish"),
            "Parameters": {"TopicArn": self._around.topic, "Subject": subject, "Message.$": message},
            "TimeoutSeconds": 60,
            "ResultPath": None,
            "Retry": retries_of_a_call(),
            "Catch": _catch(following, "$.untold"),
            "Next": following,
        }


def _entry(stage: Stage) -> str:
    """The state with which a stage begins."""
    if stage.fan_out is None:
        return f"{stage.name}: input"
    return f"{stage.name}: numbers" if stage.fan_out.over == OVER_COUNT else stage.name


def _values(stage: Stage) -> list[Any]:
    """All that may have references."""
    works: list[Work | None] = [stage.work, stage.compensate]
    return [*(work.input for work in works if work), stage.fan_out.value if stage.fan_out else None]


def _memory(cause: str, larger: str, failed: str) -> State:
    lacked = [{"Variable": cause, "StringMatches": text} for text in LACKED_MEMORY]
    in_time = {"Not": {"Variable": cause, "StringMatches": OVER_TIME}}
    return {"Type": "Choice", "Choices": [{"And": [{"Or": lacked}, in_time], "Next": larger}], "Default": failed}


def _catch(target: str, error: str = "$.error") -> list[dict[str, Any]]:
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": error, "Next": target}]


def _fail(cause: str = "$.error.Cause") -> State:
    # The error's own name may be a reserved one, which no state may raise.
    return {"Type": "Fail", "Error": "StageFailed", "CausePath": cause}


def _reached(start: str, states: Mapping[str, State]) -> dict[str, State]:
    """Without states that nothing leads to, which AWS refuses."""
    found, waiting = {start}, [start]
    while waiting:
        for name in leads(states[waiting.pop()]):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return {name: state for name, state in states.items() if name in found}


def leads(state: State) -> list[str]:
    """The states that come next, whatever happens."""
    ways = [state, *state.get("Catch", ()), *state.get("Choices", ())]
    return [way["Next"] for way in ways if "Next" in way] + ([state["Default"]] if "Default" in state else [])
