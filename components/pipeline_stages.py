"""The stages of the image pipeline, as CodePipeline reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.build_project import BuildProject
from components.pipeline_settings import ImageSource

# A push that touches none of these changes no image.
PATHS = ("jobs/**", "pipeline/**", "workers/**")


def stages(source: ImageSource, builds: Mapping[str, BuildProject], rollout: Mapping[str, BuildProject]) -> list[Any]:
    """builds: by architecture, all at once. rollout: by the stage's name, one after another, each with all images."""
    images = {architecture: f"Images_{architecture}" for architecture in builds}
    building = [
        _build(f"Build-{architecture}", project, ["Source"], [images[architecture]])
        for architecture, project in builds.items()
    ]
    return [
        {"name": "Source", "actions": [_source(source)]},
        {"name": "Build", "actions": building},
        *(
            {"name": stage, "actions": [_build(stage, project, ["Source", *images.values()], [])]}
            for stage, project in rollout.items()
        ),
    ]


def triggers(source: ImageSource) -> list[Any]:
    """What starts the pipeline when a connection tells of a push; CodeCommit tells by an event."""
    if not source.connection_arn:
        return []
    push = {"branches": {"includes": [source.branch]}, "file_paths": {"includes": list(PATHS)}}
    return [
        {
            "provider_type": "CodeStarSourceConnection",
            "git_configuration": {"source_action_name": "Source", "pushes": [push]},
        }
    ]


def _source(source: ImageSource) -> dict[str, Any]:
    """The pipeline's first action."""
    if source.connection_arn:
        provider, configuration = "CodeStarSourceConnection", {
            "ConnectionArn": source.connection_arn,
            "FullRepositoryId": source.repository,
            "BranchName": source.branch,
            "OutputArtifactFormat": "CODE_ZIP",
            "DetectChanges": "false",  # the trigger does, and looks at the paths
        }  # fmt: skip
    else:
        provider, configuration = "CodeCommit", {
            "RepositoryName": source.repository,
            "BranchName": source.branch,
            "OutputArtifactFormat": "CODE_ZIP",
            "PollForSourceChanges": "false",  # the event rule tells
        }  # fmt: skip
    return _action("Source", "Source", provider, configuration, [], ["Source"])


def _build(name: str, project: BuildProject, takes: Sequence[str], leaves: Sequence[str]) -> dict[str, Any]:
    configuration: dict[str, Any] = {"ProjectName": project.name}
    if len(takes) > 1:
        configuration["PrimarySource"] = takes[0]
    return _action(name, "Build", "CodeBuild", configuration, takes, leaves)


def _action(
    name: str,
    category: str,
    provider: str,
    configuration: Mapping[str, Any],
    takes: Sequence[str],
    leaves: Sequence[str],
) -> dict[str, Any]:
    return {
        "name": name,
        "category": category,
        "owner": "AWS",
        "provider": provider,
        "version": "1",
        "configuration": configuration,
        "input_artifacts": list(takes),
        "output_artifacts": list(leaves),
    }
