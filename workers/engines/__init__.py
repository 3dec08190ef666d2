"""The models that a worker may ask, behind one small interface.

`engine_from(ENGINE)` gives the engine of the deployment, or None for `offline`: then each worker answers with its own
baseline, which needs no network. Only what is used gets imported.
"""

from __future__ import annotations

import json
import os

from workers.engines.base import Engine, EngineBusy, EngineError, EngineRefused, Unusable

__all__ = ["Engine", "EngineBusy", "EngineError", "EngineRefused", "Unusable", "engine_from"]


def engine_from(setting: str) -> Engine | None:
    """The engine that the environment variable ENGINE describes; None means offline. ValueError if it is no engine.

    setting: `{"kind": "offline"}`, `{"kind": "bedrock", "model": …}` or
        `{"kind": "openai", "model": …, "endpoint": "https://…/v1"}` with the key in OPENAI_API_KEY.
    """
    fields = json.loads(setting)
    match fields:
        case {"kind": "offline"}:
            return None
        case {"kind": "bedrock", "model": str(model)}:
            from workers.engines.bedrock import Bedrock

            return Bedrock(model)
        case {"kind": "openai", "model": str(model), "endpoint": str(endpoint)}:
            from workers.engines.openai import OpenAI

            return OpenAI(model, endpoint, key=os.environ.get("OPENAI_API_KEY"))
    raise ValueError(f"ENGINE is none of offline, bedrock with a model, openai with a model and an endpoint: {setting}")
