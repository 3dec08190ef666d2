"""What the pipeline is made of: stages, projects, roles, encryption, retention, who starts it and who hears of it."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from components.image import WorkerImage
from components.pipeline_stages import PATHS
from pipeline.stack import Stack

sys.path.append(str(Path(__file__).parents[1] / "components"))
from component_support import (
    ACCOUNT,
    BATCH_WORKERS,
    BUILDS,
    KUBERNETES_WORKERS,
    PROJECT,
    REGION,
    SITE,
    TASK_WORKERS,
    Declared,
    containers,
    declared,
    job_containers,
    platform,
    settings,
)

PIPELINE, CODEBUILD = "aws:codepipeline/pipeline:Pipeline", "aws:codebuild/project:Project"
PARAMETER, IMAGE = "aws:ssm/parameter:Parameter", "awsx:ecr:Image"
CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/01234567-89ab-cdef-0123-456789abcdef"
GITHUB = {"provider": "github", "repository": "example/batch", "branch": "main", "connectionArn": CONNECTION}
CODECOMMIT = {"provider": "codecommit", "repository": "batch", "branch": "main"}
DIGEST = "sha256:" + "a" * 64
ARCHITECTURES = {
    worker.name: worker.manifest.resources.architecture
    for worker in settings("dev").workers
    if not worker.manifest.trigger.kubernetes  # whose images `pulumi up` builds
}
WORKERS = tuple(ARCHITECTURES)
JOB_DEFINITION = "aws:batch/jobDefinition:JobDefinition"


@cache
def shipped(source: str = "github", *, canary: bool = True, preview: bool = False) -> Declared:
    """The stack dev with a pipeline from this provider."""
    settings = {"source": {"github": GITHUB, "codecommit": CODECOMMIT}[source]} | ({"canary": True} if canary else {})
    return platform({"pipeline": settings}, preview=preview)


def actions(found: Declared) -> dict[str, list[dict[str, Any]]]:
    """Stage → its actions, in their order."""
    return {stage["name"]: stage["actions"] for stage in found.inputs(PIPELINE)["stages"]}


def environment(found: Declared, project: str) -> dict[str, str]:
    variables = found.inputs(CODEBUILD, project)["environment"]["environmentVariables"]
    return {variable["name"]: variable["value"] for variable in variables}


def test_without_a_source_nothing_of_a_pipeline_is_there() -> None:
    found = platform({"pipeline": {}})
    assert not [r for r in found.all() if "codepipeline" in r.type or "codebuild" in r.type or r.type == PARAMETER]


def test_a_push_goes_through_source_build_canary_and_release() -> None:
    assert list(actions(shipped())) == ["Source", "Build", "Canary", "Release"]
    assert list(actions(shipped(canary=False))) == ["Source", "Build", "Release"]
    assert "canary" not in shipped(canary=False).names(CODEBUILD)


def test_it_is_of_the_second_type_and_a_newer_push_overtakes() -> None:
    pipeline = shipped().inputs(PIPELINE)
    assert (pipeline["pipelineType"], pipeline["executionMode"]) == ("V2", "SUPERSEDED")


def test_each_stage_takes_what_those_before_it_left() -> None:
    stages = actions(shipped())
    made = {artifact for action in stages["Source"] + stages["Build"] for artifact in action["outputArtifacts"]}
    assert made == {"Source", *(f"Images_{architecture}" for architecture in ARCHITECTURES.values())}
    for stage in ("Canary", "Release"):
        [action] = stages[stage]
        assert set(action["inputArtifacts"]) == made
        assert action["configuration"]["PrimarySource"] == "Source"
        assert action["outputArtifacts"] == []


def test_every_project_is_run_by_one_action_and_reads_a_build_specification_that_exists() -> None:
    found = shipped()
    run = [a["configuration"]["ProjectName"] for stage in list(actions(found).values())[1:] for a in stage]
    projects = {project.inputs["name"]: project.inputs for project in found.all(CODEBUILD)}
    assert sorted(run) == sorted(projects)
    for project in projects.values():
        assert (PROJECT / project["source"]["buildspec"]).is_file()
        assert project["source"]["type"] == project["artifacts"]["type"] == "CODEPIPELINE"


def test_there_is_a_build_for_each_architecture_that_a_worker_needs(project: Path) -> None:
    manifest = project / "workers/content_analyzer/worker.yaml"
    manifest.write_text(manifest.read_text().replace("architecture: arm64", "architecture: x86_64"))
    found = platform({"pipeline": {"source": GITHUB, "computeType": "large"}}, project=project)
    machines = {
        name: (environment["type"], environment["image"].partition("-")[2], environment["computeType"])
        for name in ("build-arm64", "build-x86_64")
        for environment in [found.inputs(CODEBUILD, name)["environment"]]
    }
    assert machines == {
        "build-arm64": ("ARM_CONTAINER", "aarch64-standard:3.0", "BUILD_GENERAL1_LARGE"),
        "build-x86_64": ("LINUX_CONTAINER", "x86_64-standard:5.0", "BUILD_GENERAL1_LARGE"),
    }
    assert "content_analyzer:x86_64" in environment(found, "build-x86_64")["WORKERS"].split(",")
    assert "content_analyzer" not in environment(found, "build-arm64")["WORKERS"]
    assert len(actions(found)["Build"]) == 2
    [release] = actions(found)["Release"]
    assert release["inputArtifacts"] == ["Source", "Images_arm64", "Images_x86_64"]


def test_only_what_builds_images_is_privileged() -> None:
    privileged = {p.name: p.inputs["environment"]["privilegedMode"] for p in shipped().all(CODEBUILD)}
    assert privileged == {**dict.fromkeys(BUILDS, True), "canary": False, "release": False}


@pytest.mark.parametrize("preview", [False, True])
def test_a_project_gets_every_variable_that_its_step_reads_and_no_other(preview: bool) -> None:
    found = shipped(preview=preview)
    common = {"NAME_PREFIX", "PARAMETERS", "WORKERS"}
    network = {"SUBNETS", "SECURITY_GROUPS", "ASSIGN_PUBLIC_IP"}
    given = {p.name: environment(found, p.name).keys() for p in found.all(CODEBUILD)}
    assert given == {
        **dict.fromkeys(BUILDS, common | {"REGISTRY", "CACHE"}),
        "canary": common | network | {"STEP", "CLUSTER", "JOB_DEFINITIONS", "SAMPLED", "UPLOADS_BUCKET"},
        "release": common | {"STEP", "CLUSTER", "JOB_DEFINITIONS", "SERVICES"},
    }
    source = (PROJECT / "pipeline/__main__.py").read_text() + (PROJECT / "pipeline/stack.py").read_text()
    read = {word for name in set().union(*given.values()) if f'"{name}"' in source for word in [name]}
    assert set().union(*given.values()) - read == {"STEP"}  # the build specification reads it


def test_the_steps_name_things_as_the_program_does() -> None:
    found = shipped()
    stack = Stack.of(environment(found, "release"))
    assert set(stack.architectures) == set(WORKERS)
    for worker in TASK_WORKERS:
        assert found.inputs("aws:ecs/taskDefinition:TaskDefinition", worker)["family"] == stack.family(worker)
    for worker in WORKERS:
        assert found.inputs("awsx:ecr:Repository", worker)["name"] == stack.family(worker)
        assert found.inputs(PARAMETER, f"{worker}-{ARCHITECTURES[worker]}")["name"] == stack.parameter(worker)
    assert stack.job_definitions == {worker: [found.inputs(JOB_DEFINITION, worker)["name"]] for worker in BATCH_WORKERS}
    assert Stack.of(environment(found, "canary")) == stack
    assert environment(found, "release")["SERVICES"] == "image_processor"
    service = found.inputs("aws:ecs/service:Service", "image_processor")
    assert service["name"] == stack.family("image_processor")
    assert environment(found, "release")["CLUSTER"] == service["cluster"].rpartition("/")[2]
    canary = [s for s in found.statements("canary-project") if s["Action"] == ["ecs:RunTask"]]
    families = {stack.canary_family(worker) for worker in WORKERS}
    assert {arn.rpartition("/")[2].removesuffix(":*") for arn in canary[0]["Resource"]} == families


def test_artifacts_are_encrypted_private_tls_only_and_expire() -> None:
    found = shipped()
    bucket = found.one("aws:s3/bucket:Bucket", "artifacts")
    assert found.inputs(PIPELINE)["artifactStores"] == [{"type": "S3", "location": bucket.id}]
    encryption = found.inputs("aws:s3/bucketServerSideEncryptionConfiguration:*", "artifacts")
    assert encryption["rules"][0]["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "AES256"
    [rule] = found.inputs("aws:s3/bucketLifecycleConfiguration:*", "artifacts")["rules"]
    assert rule["expiration"] == {"days": 30}
    [refusal] = json.loads(found.inputs("aws:s3/bucketPolicy:*", "artifacts")["policy"])["Statement"]
    assert (refusal["Effect"], refusal["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_every_log_is_kept_as_long_as_the_stack_says() -> None:
    found = shipped()
    for project in found.all(CODEBUILD):
        group = found.inputs("aws:cloudwatch/logGroup:LogGroup", project.name)
        assert group["retentionInDays"] == 7
        assert project.inputs["logsConfig"]["cloudwatchLogs"] == {"groupName": group["name"]}


def test_layers_have_a_repository_whose_tags_may_change_and_images_have_not() -> None:
    found = shipped()
    layers = found.inputs("awsx:ecr:Repository", "layers")
    assert layers["imageTagMutability"] == "MUTABLE"
    assert layers["lifecyclePolicy"]["rules"][0] == {
        "description": "Forget layers that a newer build has replaced",
        "tagStatus": "untagged",
        "maximumAgeLimit": 1,
    }
    assert environment(found, "build-arm64")["CACHE"] == layers["name"]
    assert {found.inputs("awsx:ecr:Repository", w)["imageTagMutability"] for w in WORKERS} == {"IMMUTABLE"}


def granted(found: Declared, role: str) -> set[str]:
    return {action for statement in found.statements(role) for action in statement["Action"]}


PUSH = {
    "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
}  # fmt: skip
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
TAKE = {"s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectVersion"}
DEFINE = {"ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition", "ecs:TagResource", "iam:PassRole"}


def test_each_role_may_do_what_its_step_does_and_nothing_more() -> None:
    found = shipped()
    for build in BUILDS:
        assert granted(found, f"{build}-project") == (
            LOGS | TAKE | PUSH | {"s3:PutObject", "ecr:DescribeImages", "ecr:GetAuthorizationToken"}
        )
    assert granted(found, "canary-project") == LOGS | TAKE | DEFINE | {
        "batch:DescribeJobDefinitions", "ecs:DescribeTasks", "ecs:RunTask", "ecs:StopTask", "s3:PutObject",
        "ssm:GetParameter",
    }  # fmt: skip
    assert granted(found, "release-project") == LOGS | TAKE | DEFINE | {
        "batch:DescribeJobDefinitions", "batch:RegisterJobDefinition", "batch:TagResource", "ecs:DescribeServices",
        "ecs:UpdateService", "ssm:GetParameter", "ssm:PutParameter",
    }  # fmt: skip
    assert granted(found, "image-pipeline") == TAKE | {
        "codebuild:BatchGetBuilds", "codebuild:StartBuild", "codeconnections:UseConnection", "s3:GetBucketVersioning",
        "s3:PutObject", "s3:PutObjectAcl",
    }  # fmt: skip
    assert "codecommit:GetBranch" in granted(shipped("codecommit"), "image-pipeline")
    assert granted(shipped("codecommit"), "pipeline-source") == {"codepipeline:StartPipelineExecution"}


def test_a_star_stands_only_where_the_action_knows_no_resource() -> None:
    found = shipped()
    known = (["ecr:GetAuthorizationToken"], ["ecs:DescribeTaskDefinition"], ["batch:DescribeJobDefinitions"])
    projects = [f"{build}-project" for build in BUILDS]
    for role in (*projects, "canary-project", "release-project", "image-pipeline"):
        for statement in found.statements(role):
            if "*" in statement["Resource"]:
                assert statement["Action"] in known


def test_a_canary_may_define_no_revision_that_anybody_else_runs() -> None:
    [define] = [s for s in shipped().statements("canary-project") if "ecs:RegisterTaskDefinition" in s["Action"]]
    assert all(arn.endswith("_canary:*") for arn in define["Resource"])


def test_the_roles_that_are_handed_over_are_those_of_the_workers_tasks_and_jobs() -> None:
    found = shipped()
    for step in ("canary-project", "release-project"):
        [passing] = [s for s in found.statements(step) if s["Action"] == ["iam:PassRole"]]
        tasks = found.all("aws:ecs/taskDefinition:TaskDefinition")
        used = {task.inputs[key] for task in tasks for key in ("taskRoleArn", "executionRoleArn")}
        used |= {job[key] for job in job_containers(found).values() for key in ("jobRoleArn", "executionRoleArn")}
        assert set(passing["Resource"]) == used
        assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}


def test_a_push_to_the_branch_that_touches_an_image_starts_it() -> None:
    found = shipped()
    [trigger] = found.inputs(PIPELINE)["triggers"]
    [push] = trigger["gitConfiguration"]["pushes"]
    assert trigger["gitConfiguration"]["sourceActionName"] == actions(found)["Source"][0]["name"]
    assert push["branches"] == {"includes": ["main"]}
    assert push["filePaths"] == {"includes": list(PATHS)}
    [source] = actions(found)["Source"]
    assert source["configuration"]["DetectChanges"] == "false"  # else each push would start it twice
    assert len(PATHS) <= 8  # as many as CodePipeline takes


def test_every_file_of_an_image_is_below_a_path_that_starts_the_pipeline() -> None:
    from pipeline.content import image_files

    folders = tuple(path.removesuffix("**") for path in PATHS)
    for worker in WORKERS:
        assert all(file.as_posix().startswith(folders) for file in image_files(PROJECT, worker))


def test_a_change_of_a_codecommit_branch_starts_it_by_an_event() -> None:
    found = shipped("codecommit")
    assert found.inputs(PIPELINE)["triggers"] == []
    assert actions(found)["Source"][0]["configuration"]["PollForSourceChanges"] == "false"
    pattern = json.loads(found.inputs("aws:cloudwatch/eventRule:EventRule", "pipeline-source")["eventPattern"])
    assert pattern["resources"] == [f"arn:aws:codecommit:{REGION}:{ACCOUNT}:batch"]
    assert pattern["detail"]["referenceName"] == ["main"]
    target = found.inputs("aws:cloudwatch/eventTarget:EventTarget", "pipeline-source")
    assert target["arn"] == found.one(PIPELINE).outputs["arn"]
    assert target["roleArn"] == found.one("aws:iam/role:Role", "pipeline-source").outputs["arn"]


def test_a_failure_is_told_on_the_topic_of_alarms() -> None:
    found = shipped()
    rule = found.one("aws:cloudwatch/eventRule:EventRule", "pipeline-failed")
    pattern = json.loads(rule.inputs["eventPattern"])
    assert pattern["detail"] == {"pipeline": [found.inputs(PIPELINE)["name"]], "state": ["FAILED"]}
    target = found.inputs("aws:cloudwatch/eventTarget:EventTarget", "pipeline-failed")
    topic = found.one("aws:sns/topic:Topic", "alerts").outputs["arn"]
    assert (target["arn"], target["rule"]) == (topic, rule.inputs["name"])
    transformer = target["inputTransformer"]
    for name in transformer["inputPaths"]:
        assert f"<{name}>" in json.loads(transformer["inputTemplate"])
    policy = json.loads(found.inputs("aws:sns/topicPolicy:TopicPolicy", "alerts")["policy"])["Statement"]
    [events] = [s for s in policy if s["Principal"] == {"Service": "events.amazonaws.com"}]
    assert rule.outputs["arn"] in events["Condition"]["ArnEquals"]["aws:SourceArn"]


@pytest.mark.parametrize("source", ["github", "codecommit"])
def test_what_a_rule_cannot_deliver_is_kept(source: str) -> None:
    found = shipped(source)
    queue = found.one("aws:sqs/queue:Queue", "pipeline-undelivered")
    rules = {r.outputs["arn"] for r in found.all("aws:cloudwatch/eventRule:EventRule") if r.name.startswith("pipeline")}
    for target in found.all("aws:cloudwatch/eventTarget:EventTarget"):
        if target.name.startswith("pipeline"):
            assert target.inputs["deadLetterConfig"] == {"arn": queue.outputs["arn"]}
    policy = json.loads(found.inputs("aws:sqs/queuePolicy:QueuePolicy", "pipeline-undelivered")["policy"])["Statement"]
    [sending] = [s for s in policy if s["Effect"] == "Allow"]
    assert set(sending["Condition"]["ArnEquals"]["aws:SourceArn"]) == rules


def test_each_step_that_fails_raises_an_alarm() -> None:
    found = shipped()
    watched = {
        alarm.inputs["dimensions"]["ProjectName"]
        for alarm in found.all("aws:cloudwatch/metricAlarm:MetricAlarm")
        if alarm.inputs.get("namespace") == "AWS/CodeBuild"
    }
    assert watched == {project.inputs["name"] for project in found.all(CODEBUILD)}


def test_the_first_run_finds_everything_that_it_ships_to() -> None:
    """A new pipeline starts by itself."""
    found = shipped()
    before = found.depends_on(found.one(PIPELINE))
    for worker in TASK_WORKERS:
        assert ("aws:ecs/taskDefinition:TaskDefinition", worker) in before
    for worker in BATCH_WORKERS:
        assert (JOB_DEFINITION, worker) in before
    assert ("aws:ecs/service:Service", "image_processor") in before


# --- who says which image runs -------------------------------------------------------------------------------------


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch):
    """What SSM answers: (architecture, worker) → image."""
    from sandbox.invented import Invented

    invoke = Invented.invoke
    images: dict[tuple[str, str], str] = {}

    def answer(self: Invented, token: str, args: dict[str, Any]) -> dict[str, Any]:
        found = invoke(self, token, args)
        if token == "aws:ssm/getParametersByPath:getParametersByPath":
            assert args["recursive"] is True
            names = [f"{args['path']}/{architecture}/{worker}" for architecture, worker in images]
            return found | {"names": names, "values": list(images.values())}
        return found

    monkeypatch.setattr(Invented, "invoke", answer)
    return images


def test_a_worker_that_has_no_image_yet_gets_one_built_and_remembered() -> None:
    found = shipped()
    assert found.names(IMAGE) == sorted([*WORKERS, *KUBERNETES_WORKERS])
    running = containers(found) | job_containers(found)
    for worker, architecture in ARCHITECTURES.items():
        parameter = f"{worker}-{architecture}"
        assert found.inputs(PARAMETER, parameter)["insecureValue"] == running[worker]["image"]
        assert (IMAGE, worker) in found.depends_on(found.one(PARAMETER, parameter))


def test_a_worker_that_has_one_runs_it_and_nothing_is_built(released) -> None:
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/serverless-batch-dev-content-analyzer@{DIGEST}"
    released["arm64", "content_analyzer"] = image
    for preview in (True, False):
        found = platform({"pipeline": {"source": GITHUB}}, preview=preview)
        assert "content_analyzer" not in found.names(IMAGE)
        assert "content_analyzer" in found.names("awsx:ecr:Repository")
        assert found.one("serverless-batch:image:WorkerImage", "content_analyzer").inputs["imageUri"] == image
    assert containers(found)["content_analyzer"]["image"] == image


def test_jobs_of_batch_have_the_image_that_was_released_and_nothing_is_built(released) -> None:
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/serverless-batch-dev-data-processor@{DIGEST}"
    released[ARCHITECTURES["data_processor"], "data_processor"] = image
    for preview in (True, False):
        found = platform({"pipeline": {"source": GITHUB}}, preview=preview)
        assert "data_processor" not in found.names(IMAGE)
        [jobs] = found.all("serverless-batch:batch_jobs:BatchJobs")
        assert jobs.inputs["containers"]["fargate"]["image"] == image
    assert job_containers(found)["data_processor"]["image"] == image


def test_a_stack_without_batch_workers_has_nothing_of_them_in_its_pipeline() -> None:
    given = {worker: {} for worker in TASK_WORKERS}
    found = platform({"pipeline": {"source": GITHUB, "canary": True}, "workers": given, "workflows": {}})
    for step in ("canary", "release"):
        assert "JOB_DEFINITIONS" not in environment(found, step)
        assert not [action for action in granted(found, f"{step}-project") if action.startswith("batch:")]


def test_a_stack_with_nothing_but_batch_workers_has_nothing_of_task_definitions_in_its_release() -> None:
    workers = {worker: {} for worker in BATCH_WORKERS}
    found = platform({"pipeline": {"source": GITHUB}, "workers": workers, "workflows": {}})
    assert not [action for action in granted(found, "release-project") if action.startswith("ecs:")]
    assert environment(found, "release")["WORKERS"] == ",".join(f"{w}:{ARCHITECTURES[w]}" for w in BATCH_WORKERS)


@pytest.mark.parametrize("pipeline", [{}, {"source": GITHUB}])
def test_an_image_outlives_the_resource_that_built_it(pipeline: dict[str, Any]) -> None:
    """The next `pulumi up` finds it released and builds none; deleting the resource would delete what runs."""
    for image in platform({"pipeline": pipeline}).all(IMAGE):
        assert image.request.retainOnDelete


def test_of_another_architecture_it_is_another_parameter(project: Path) -> None:
    """A resource that were replaced would keep the value that is ignored: an image for other machines."""
    manifest = project / "workers/content_analyzer/worker.yaml"
    before = platform({"pipeline": {"source": GITHUB}}, project=project)
    manifest.write_text(manifest.read_text().replace("architecture: arm64", "architecture: x86_64"))
    after = platform({"pipeline": {"source": GITHUB}}, project=project)
    parameters = [{r.urn for r in found.all(PARAMETER) if "content_analyzer" in r.name} for found in (before, after)]
    assert parameters[0].isdisjoint(parameters[1])


def test_an_image_of_another_architecture_is_none(released) -> None:
    released["x86_64", "content_analyzer"] = "an image for other machines"
    assert "content_analyzer" in platform({"pipeline": {"source": GITHUB}}).names(IMAGE)


def test_what_the_pipeline_has_released_is_never_written_back(released) -> None:
    released["arm64", "content_analyzer"] = f"elsewhere/x@{DIGEST}"
    parameter = platform({"pipeline": {"source": GITHUB}}).one(PARAMETER, "content_analyzer-arm64")
    assert list(parameter.request.ignoreChanges) == ["insecureValue"]


def test_without_a_pipeline_what_was_released_is_not_asked_for(released) -> None:
    released["arm64", "content_analyzer"] = f"elsewhere/x@{DIGEST}"
    assert "content_analyzer" in platform({"pipeline": {}}).names(IMAGE)


def test_a_refresh_follows_the_revisions_of_the_pipeline() -> None:
    for found, latest in ((shipped(), True), (platform({"pipeline": {}}), None)):
        for definition in found.all("aws:ecs/taskDefinition:TaskDefinition"):
            assert definition.inputs.get("trackLatest") is latest


def test_an_image_that_the_stack_names_is_not_shipped() -> None:
    image = f"registry.example/team/words@{DIGEST}"
    found = platform({"pipeline": {"source": GITHUB}, "images": {"content_analyzer": image}})
    assert "content_analyzer" not in environment(found, "release")["WORKERS"]
    assert "content_analyzer" not in found.names("awsx:ecr:Repository")
    assert "content_analyzer-arm64" not in found.names(PARAMETER)
    assert containers(found)["content_analyzer"]["image"] == image


@pytest.mark.parametrize("pipeline", [{}, {"source": GITHUB}])
def test_an_older_image_of_the_workers_own_repository_keeps_the_repository(pipeline: dict[str, Any]) -> None:
    """Otherwise naming it would delete it."""
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/serverless-batch-dev-content-analyzer@{DIGEST}"
    found = platform({"pipeline": pipeline, "images": {"content_analyzer": image}})
    assert "content_analyzer" in found.names("awsx:ecr:Repository")
    assert "content_analyzer" not in found.names(IMAGE)
    assert containers(found)["content_analyzer"]["image"] == image


def test_with_all_images_named_there_is_no_pipeline() -> None:
    images = {worker: f"registry.example/{worker}@{DIGEST}" for worker in WORKERS}
    assert platform({"pipeline": {"source": GITHUB}, "images": images}).all(PIPELINE) == []


def test_a_sample_is_given_to_workers_that_take_and_may_read_it(project: Path) -> None:
    manifest = project / "workers/content_analyzer/worker.yaml"
    manifest.write_text(manifest.read_text().replace("{read: uploads}", "{read: uploads/articles/}"))
    manifest = project / "workers/meta_desc_generator/worker.yaml"
    manifest.write_text(manifest.read_text().replace("required: [key]", "required: [key, bucket]"))
    found = platform({"pipeline": {"source": GITHUB, "canary": True}}, project=project)
    sampled = ["data_processor", "image_alt_generator", "image_processor"]
    assert environment(found, "canary")["SAMPLED"].split(",") == sampled
    written = [s["Resource"] for s in found.statements("canary-project") if s["Action"] == ["s3:PutObject"]]
    uploads = found.one("aws:s3/bucket:Bucket", "uploads").outputs["arn"]
    assert written == [[f"{uploads}/canary/{worker}/*"] for worker in sampled]


def test_no_sample_is_given_where_it_would_be_taken_for_an_upload(project: Path) -> None:
    manifest = project / "workers/image_processor/worker.yaml"
    manifest.write_text(manifest.read_text().replace("prefix: uploads/", "prefix: canary/"))
    found = platform({"pipeline": {"source": GITHUB, "canary": True}}, project=project)
    assert "image_processor" not in environment(found, "canary").get("SAMPLED", "").split(",")


def test_no_path_of_this_machine_is_in_the_inputs() -> None:
    assert str(PROJECT) not in json.dumps([resource.inputs for resource in shipped().all()])


def test_a_given_image_is_the_component_s() -> None:
    made: list[WorkerImage] = []
    declared(
        lambda: made.append(
            WorkerImage("content_analyzer", SITE, PROJECT, architecture="arm64", protect=False, uri=f"r/x@{DIGEST}")
        )
    )
    assert (made[0].uri, made[0].after) == (f"r/x@{DIGEST}", [])
