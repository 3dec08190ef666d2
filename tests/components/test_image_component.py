from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from component_support import ACCOUNT, PROJECT, REGION, SITE, UNKNOWN, Declared, declared

from components.image import WorkerImage
from pipeline.content import content_tag, image_files

WORKER = "word_count"
FILES = [
    "jobs/__init__.py",
    "workers/Dockerfile",
    "workers/__init__.py",
    "workers/engines/__init__.py",
    "workers/engines/text/language.py",
    "workers/requirements.txt",
    "workers/runtime/__main__.py",
    "workers/word_count/data/stopwords.txt",
    "workers/word_count/handler.py",
    "workers/word_count/requirements.txt",
]
BESIDE = [
    "README.md",
    "components/image.py",
    "functions/api/handler.py",
    "jobs/__pycache__/__init__.cpython-311.pyc",
    "workers/other/handler.py",
    "workers/word_count/.notes.md",
    "workers/word_count/__pycache__/handler.cpython-311.pyc",
    "workers/word_count/worker.yaml",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for file in FILES + BESIDE:
        path = tmp_path / "project" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {file}\n")
    return tmp_path / "project"


def image(project: Path, *, architecture: str = "arm64", protect: bool = False, preview: bool = False) -> Declared:
    return declared(
        lambda: WorkerImage(WORKER, SITE, project, architecture=architecture, protect=protect), preview=preview
    )


def tag(project: Path, architecture: str = "arm64") -> str:
    return content_tag(project, WORKER, architecture)


@pytest.mark.parametrize("file", FILES)
def test_another_content_of_a_file_of_the_image_is_another_tag(project: Path, file: str) -> None:
    before = tag(project)
    (project / file).write_text("# changed\n")
    assert tag(project) != before


@pytest.mark.parametrize("file", BESIDE)
def test_what_is_not_in_the_image_does_not_change_its_tag(project: Path, file: str) -> None:
    before = tag(project)
    (project / file).write_text("# changed\n")
    assert tag(project) == before


def test_a_file_more_a_file_less_and_a_renamed_file_are_other_tags(project: Path) -> None:
    handler = project / "workers/word_count/handler.py"
    tags = {tag(project)}
    (handler.parent / "more.py").touch()
    tags.add(tag(project))
    (handler.parent / "more.py").rename(handler.parent / "renamed.py")
    tags.add(tag(project))
    (handler.parent / "renamed.py").unlink()
    handler.unlink()
    tags.add(tag(project))
    assert len(tags) == 4


def test_the_same_content_has_the_same_tag_wherever_it_lies(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "elsewhere")
    assert tag(tmp_path / "elsewhere") == tag(project)


def test_each_architecture_has_a_tag_of_its_own(project: Path) -> None:
    assert tag(project, "arm64") != tag(project, "x86_64")


def test_with_a_dockerfile_of_its_own_a_worker_does_not_depend_on_the_common_one(project: Path) -> None:
    (project / "workers/word_count/Dockerfile").write_text("FROM scratch\n")
    before = tag(project)
    (project / "workers/Dockerfile").write_text("# changed\n")
    assert tag(project) == before
    (project / "workers/word_count/Dockerfile").write_text("FROM alpine\n")
    assert tag(project) != before
    assert image(project).inputs("awsx:ecr:Image")["dockerfile"] == "workers/word_count/Dockerfile"


def test_dockerignore_and_the_tag_leave_out_the_same_files() -> None:
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    assert [line for line in ignored if not line.startswith("#")] == [
        "*",
        "!jobs",
        "!workers",
        "**/__pycache__",
        "**/worker.yaml",
        "**/.*",
    ]


def test_what_the_dockerfile_copies_is_what_the_tag_is_made_of() -> None:
    worker = "image_alt_generator"
    text = (PROJECT / "workers/Dockerfile").read_text().replace("tx[t]", "txt").replace("${WORKER}", worker)
    copies = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    copied = tuple(source for sources in copies for source in sources)
    files = {file.as_posix() for file in image_files(PROJECT, worker)} - {"workers/Dockerfile"}
    assert len(copied) >= 6
    for file in files:
        assert file.startswith(copied), f"{file} is in the tag but not in the image"
    for source in copied:
        if (PROJECT / source).exists():
            assert any(file.startswith(source) for file in files), f"{source} is in the image but not in the tag"


def test_the_image_is_pushed_under_its_content_tag_into_the_stacks_repository(project: Path) -> None:
    found = image(project)
    pushed = found.inputs("awsx:ecr:Image")
    assert pushed["imageTag"] == tag(project)
    assert pushed["repositoryUrl"] == found.one("awsx:ecr:Repository").outputs["url"]
    assert (pushed["context"], pushed["dockerfile"]) == (".", "workers/Dockerfile")
    assert pushed["args"] == {"WORKER": WORKER}
    assert pushed["platform"] == "linux/arm64"
    assert image(project, architecture="x86_64").inputs("awsx:ecr:Image")["platform"] == "linux/amd64"


def test_the_uri_is_known_at_preview_and_is_where_the_image_is_pushed(project: Path) -> None:
    component = image(project, preview=True).inputs("serverless-batch:image:WorkerImage")
    uri = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/serverless-batch-test-word-count:{tag(project)}"
    assert component["imageUri"] == uri
    assert image(project).one("awsx:ecr:Image").outputs["imageUri"] == uri
    assert image(project, preview=True).inputs("awsx:ecr:Image")["repositoryUrl"] == UNKNOWN


def test_the_arn_for_permissions_is_the_repositorys(project: Path) -> None:
    made: list[WorkerImage] = []
    found = declared(lambda: made.append(WorkerImage(WORKER, SITE, project, architecture="arm64", protect=False)))
    name = found.inputs("awsx:ecr:Repository")["name"]
    assert made[0].repository_arn == f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"


def test_in_another_partition_the_registry_has_its_own_domain(project: Path) -> None:
    china = replace(SITE, partition="aws-cn", region="cn-north-1")
    made: list[WorkerImage] = []
    declared(lambda: made.append(WorkerImage(WORKER, china, project, architecture="arm64", protect=False)))
    assert made[0].uri.startswith(f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn/")


def test_tags_are_immutable_images_are_scanned_and_old_ones_expire(project: Path) -> None:
    repository = image(project).inputs("awsx:ecr:Repository")
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    assert repository["lifecyclePolicy"] == {
        "rules": [{"description": "Keep the 20 newest images", "tagStatus": "any", "maximumNumberOfImages": 20}]
    }


@pytest.mark.parametrize("protect", [True, False])
def test_a_protected_repository_with_images_refuses_to_be_deleted(project: Path, protect: bool) -> None:
    assert image(project, protect=protect).inputs("awsx:ecr:Repository")["forceDelete"] is not protect


def test_no_path_of_this_machine_is_in_the_inputs(project: Path) -> None:
    assert str(project) not in json.dumps([resource.inputs for resource in image(project).all()])
