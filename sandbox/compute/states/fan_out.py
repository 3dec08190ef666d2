"""Changes to how moto's interpreter runs a Distributed Map."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sandbox.compute.states.tasks import failure

EXCEEDED = "States.ExceedToleratedFailureThreshold"
CAUSE = "The specified tolerated failure threshold was exceeded"  # as AWS says it


def lister(client: Callable[[str], Any]) -> Callable[..., None]:
    """For `_handle_list_objects_v2`: all objects, as an ItemReader of Step Functions shows them."""

    def list_objects(env: Any, *_: Any, **__: Any) -> None:
        pages = client("s3").get_paginator("list_objects_v2").paginate(**env.stack.pop())
        env.stack.append([_item(one) for page in pages for one in page.get("Contents", [])])

    return list_objects


def _item(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "Etag": found["ETag"],
        "Key": found["Key"],
        "LastModified": found["LastModified"].timestamp(),
        "Size": found["Size"],
        "StorageClass": found.get("StorageClass", "STANDARD"),
    }


def map_run(component: Any, env: Any, eval_input: Any) -> None:
    """For `_map_run`: so many pieces at a time; none is begun once more have failed than are tolerated."""
    items, record = env.stack.pop(), eval_input.map_run_record
    counts = record.item_counter
    counts.total.count(len(items))
    counts.pending.count(len(items))
    program = component._get_iteration_program()
    worker = component._create_worker(env=env, eval_input=eval_input, job_pool=None)

    def failed() -> bool:
        return 100 * counts.failed.get() > record.tolerated_failure_percentage * len(items)

    def piece(index: int) -> Any:
        if failed() or not env.is_running():
            return None
        counts.pending.offset(-1)
        counts.running.count()
        outer = env.open_frame()
        frame = outer.open_inner_frame()
        try:
            return _run(frame, worker, program, index, items[index], counts)
        finally:
            counts.running.offset(-1)
            outer.delete_frame(frame)
            env.delete_frame(outer)

    with ThreadPoolExecutor(record.max_concurrency or max(1, len(items))) as threads:
        outputs = list(threads.map(piece, range(len(items))))
    if failed():
        raise failure(env, EXCEEDED, CAUSE)
    env.stack.append(outputs)


def _run(frame: Any, worker: Any, program: Any, index: int, item: Any, counts: Any) -> Any:
    """A piece, as an execution of its own."""
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramStopped
    from moto.stepfunctions.parser.asl.eval.states import ItemData, MapData

    frame.states.context_object.context_object_data["Map"] = MapData(Item=ItemData(Index=index, Value=item))
    frame.states.reset(item)
    frame.stack.append(frame.states.get_input())
    worker._eval_input(env_frame=frame)
    program.eval(frame)
    ended = frame.program_state()
    if isinstance(ended, ProgramEnded):
        counts.succeeded.count()
        return frame.states.get_input()
    (counts.aborted if isinstance(ended, ProgramStopped) else counts.failed).count()
    return None
