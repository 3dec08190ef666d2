"""Asks checkov of each policy of the corpus and writes `checkov.json`, by its own virtual environment.

    python3 -m venv /tmp/checkov/venv && /tmp/checkov/venv/bin/pip install "checkov>=3,<4"
    python tests/policies/iam_corpus/ask_checkov.py /tmp/checkov/venv/bin/checkov

checkov's pins conflict with the project's boto3, so the tests read its answers and do not run it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent
ANSWERS = CORPUS / "checkov.json"
# How the name of a policy begins → type of the Terraform resource, its property with the policy, and the others.
RESOURCES: dict[str, tuple[str, str, dict[str, str]]] = {
    "identity": ("aws_iam_policy", "policy", {}),
    "trust": ("aws_iam_role", "assume_role_policy", {}),
    "sqs": (
        "aws_sqs_queue_policy",
        "policy",
        {"queue_url": "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs"},
    ),
    "sns": ("aws_sns_topic_policy", "policy", {"arn": "arn:aws:sns:eu-central-1:123456789012:jobs"}),
    "s3": ("aws_s3_bucket_policy", "policy", {"bucket": "files"}),
    "ecr": ("aws_ecr_repository_policy", "policy", {"repository": "jobs"}),
    "kms": ("aws_kms_key", "policy", {}),
}
CHECKS = {
    "CKV_AWS_62", "CKV_AWS_63", "CKV_AWS_355", "CKV_AWS_286", "CKV_AWS_60", "CKV_AWS_61", "CKV_AWS_168", "CKV_AWS_387",
    "CKV_AWS_169", "CKV_AWS_70", "CKV_AWS_32", "CKV_AWS_33",
}  # fmt: skip


def terraform(file: Path) -> str:
    """The policy in a resource of its kind."""
    type_, place, others = RESOURCES[file.stem.partition("-")[0]]
    values = {place: file.read_text(encoding="utf-8"), **others}
    # JSON's texts are Terraform's but for its placeholders.
    lines = [f"  {name} = {json.dumps(value).replace('${', '$${')}" for name, value in values.items()]
    return "\n".join([f'resource "{type_}" "{file.stem}" {{', *lines, "}"])


def main(checkov: str) -> None:
    files = sorted(CORPUS.glob("*-*.json"))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "main.tf").write_text("\n".join(map(terraform, files)), encoding="utf-8")
        options = ["--framework", "terraform", "--check", ",".join(sorted(CHECKS)), "--output", "json", "--quiet"]
        report = json.loads(run(checkov, "--directory", folder, *options, "--skip-download", "--soft-fail"))
    failed: dict[str, set[str]] = {file.stem: set() for file in files}
    for found in report["results"]["failed_checks"]:
        failed[found["resource"].split(".")[1]].add(found["check_id"])
    answers = {
        "version": run(checkov, "--version").strip(),
        "command": "python tests/policies/iam_corpus/ask_checkov.py /tmp/checkov/venv/bin/checkov",
        "failed": {name: sorted(checks) for name, checks in failed.items()},
    }
    ANSWERS.write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")


def run(*command: str) -> str:
    # checkov asks the terminal for an account unless there is none.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    main(sys.argv[1])
