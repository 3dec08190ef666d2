"""Each function as it is deployed: its own files, `scaling` and the catalogue, AWS by moto."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.mocked_aws import POWERTOOLS, mocked_aws
from tests.queue_functions.queue_support import BUCKET, CATALOGUE, REGION, TABLE, Account

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    catalogue = tmp_path_factory.mktemp("account") / "catalogue.json"
    catalogue.write_text(json.dumps(CATALOGUE), encoding="utf-8")
    with mocked_aws(REGION, **POWERTOOLS, UPLOADS_BUCKET=BUCKET, SCALING_TABLE=TABLE):
        yield Account(catalogue)


@pytest.fixture(autouse=True)
def account(shared: Account) -> Account:
    shared.begin()
    return shared


@pytest.fixture(scope="module")
def load(shared: Account, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModuleType]:
    """`load(function)`: a fresh `handler` module, from the folder that its archive would hold."""

    def load(function: str) -> ModuleType:
        folder = tmp_path_factory.mktemp(function)
        for file in (PROJECT / "functions" / function).glob("*.py"):
            shutil.copy(file, folder)
        (folder / "catalogue.json").write_text(json.dumps(CATALOGUE), encoding="utf-8")
        own = {file.stem for file in folder.glob("*.py")}
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(folder))
            for name in own & sys.modules.keys():  # other functions have modules of the same names
                patch.delitem(sys.modules, name)
            module = importlib.import_module("handler")
            for name in own & sys.modules.keys():
                del sys.modules[name]
        return module

    return load
