"""`python -m pipeline`, its artifacts, and the build specifications that call it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipeline_cloud import CLUSTER, REGISTRY, SERVICE, STACK, Cloud, Docker, image

from pipeline import __main__ as command
from pipeline import images
from pipeline.stack import Stack, names

PROJECT = Path(__file__).resolve().parents[2]
BUILDSPECS = ("buildspec.yml", "rollout.yml")


def specification(file: str) -> dict[str, Any]:
    return yaml.safe_load((PROJECT / "pipeline" / file).read_text())


def commands(file: str) -> list[str]:
    return [line for phase in specification(file)["phases"].values() for line in phase["commands"]]


def test_a_step_reads_its_stack_from_the_environment() -> None:
    variables = {"NAME_PREFIX": "p-dev", "PARAMETERS": "/p/dev/images", "WORKERS": "one:arm64,my_two:x86_64"}
    stack = Stack.of(variables)
    assert stack.architectures == {"one": "arm64", "my_two": "x86_64"}
    assert (stack.family("my_two"), stack.parameter("my_two")) == ("p-dev-my-two", "/p/dev/images/x86_64/my_two")
    assert names("") == ()
    assert stack.job_definitions == {}
    with_jobs = Stack.of(variables | {"JOB_DEFINITIONS": "my_two:p-dev-my-two,my_two:p-dev-my-two_ec2"})
    assert with_jobs.job_definitions == {"my_two": ["p-dev-my-two", "p-dev-my-two_ec2"]}


def test_no_workers_family_is_that_of_a_canary() -> None:
    """A worker may be called `one_canary`; families of workers have no underscore."""
    assert STACK.canary_family("one") != STACK.family("one_canary")
    assert "_" not in STACK.family("one_canary")


def test_the_images_of_all_builds_come_together(tmp_path: Path) -> None:
    for name in ("arm64", "x86_64"):
        (tmp_path / name).mkdir()
        images.write({f"{name}_worker": f"{name}@sha256:1"}, tmp_path / name)
    variables = {f"CODEBUILD_SRC_DIR_Images_{name}": str(tmp_path / name) for name in ("arm64", "x86_64")}
    assert images.read(variables | {"CODEBUILD_SRC_DIR": "/the/source"}) == {
        "arm64_worker": "arm64@sha256:1",
        "x86_64_worker": "x86_64@sha256:1",
    }


def test_a_release_by_the_command(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images.write({"report": image("report", "1")}, tmp_path)
    variables = {
        "NAME_PREFIX": STACK.prefix, "PARAMETERS": STACK.parameters, "WORKERS": "report:arm64,resize:arm64",
        "CLUSTER": CLUSTER, "SERVICES": SERVICE, "CODEBUILD_SRC_DIR_Images_arm64": str(tmp_path),
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert command.main(["release"]) == 0
    assert cloud.runs("report") == image("report", "1")


def test_a_build_by_the_command_ends_with_what_went_wrong(
    cloud: Cloud, docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(PROJECT)
    variables = {
        "NAME_PREFIX": STACK.prefix, "PARAMETERS": STACK.parameters, "WORKERS": "resize:arm64",
        "REGISTRY": REGISTRY, "CACHE": "layers",
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    docker.fails_on.write_text("buildx build")
    assert command.main(["build"]) == 1
    assert capfd.readouterr().err.splitlines()[-1].startswith("FAILED: resize: `docker buildx build` ended with 17")
    assert not (PROJECT / images.FILE).exists()


@pytest.mark.parametrize("arguments", [[], ["deploy"], ["build", "now"]])
def test_another_command_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(arguments) == 2
    assert "build|canary|release" in capsys.readouterr().err


def test_the_steps_need_nothing_but_boto3_and_the_standard_library() -> None:
    """What the build specifications install is all that there is."""
    code = "import sys, pipeline.__main__; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    installed = {"boto3", "botocore", "s3transfer", "dateutil", "jmespath", "urllib3", "six"}
    outside = set(loaded.stdout.split()) - sys.stdlib_module_names - installed - {"pipeline"}
    ours = {folder.name for folder in PROJECT.iterdir() if folder.is_dir()}
    assert not outside & (ours | {"pulumi", "pulumi_aws", "pydantic", "yaml", "moto"})


@pytest.mark.parametrize("file", BUILDSPECS)
def test_a_build_specification_has_the_shape_that_codebuild_reads(file: str) -> None:
    spec = specification(file)
    assert spec.keys() <= {"version", "env", "phases", "artifacts"}
    assert spec["version"] == 0.2
    assert spec["env"] == {"shell": "bash"}
    assert set(spec["phases"]) == {"install", "build"}
    assert spec["phases"]["install"]["runtime-versions"] == {"python": 3.12}
    assert spec["phases"]["build"]["on-failure"] == "ABORT"


@pytest.mark.parametrize("file", BUILDSPECS)
def test_every_command_of_a_build_specification_is_one_that_bash_reads_and_that_exists(file: str) -> None:
    for line in commands(file):
        subprocess.run(["bash", "-n", "-c", line], check=True)
        assert line.startswith("python -m ")
        module = line.split()[2]
        assert module == "pip" or (PROJECT / module / "__main__.py").is_file()
        for word in line.split():
            if word.endswith(".txt"):
                assert (PROJECT / word).is_file()


def test_what_a_build_leaves_is_what_the_next_step_reads() -> None:
    assert specification("buildspec.yml")["artifacts"] == {"files": [images.FILE]}
    assert "artifacts" not in specification("rollout.yml")


def test_the_build_specification_runs(tmp_path: Path) -> None:
    """Its commands, as CodeBuild's shell would run them, but for the installation; there is nothing to build."""
    environment = os.environ | {
        "NAME_PREFIX": "p", "PARAMETERS": "/p", "WORKERS": "", "REGISTRY": REGISTRY, "CACHE": "c",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    (tmp_path / "python").symlink_to(sys.executable)
    shutil.copytree(PROJECT / "pipeline", tmp_path / "source/pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    for line in commands("buildspec.yml"):
        if " pip " not in line:
            subprocess.run(["bash", "-c", line], cwd=tmp_path / "source", env=environment, check=True)
    assert json.loads((tmp_path / "source" / images.FILE).read_text()) == {}
