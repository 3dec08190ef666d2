from __future__ import annotations

from typing import Any

import pytest
from component_support import ACCOUNT, SITE, Declared, bucket, declared, policy

from components.site import Site
from components.storage import Bucket


def storage(**changes: Any) -> Declared:
    return declared(lambda: Bucket("results", SITE, **{"expire_days": 7, "protect": False} | changes))


def of(found: Declared, kind: str) -> dict[str, Any]:
    """Inputs of one of the bucket's guards, which must be on the bucket."""
    inputs = found.inputs(f"aws:s3/bucket{kind}:Bucket{kind}")
    assert inputs.pop("bucket") == found.one("aws:s3/bucket:Bucket").id
    return inputs


def test_a_bucket_has_no_public_access() -> None:
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert of(storage(), "PublicAccessBlock") == dict.fromkeys(switches, True)


def test_a_bucket_has_no_access_lists_its_owner_owns_every_object() -> None:
    assert of(storage(), "OwnershipControls") == {"rule": {"objectOwnership": "BucketOwnerEnforced"}}


def test_objects_are_encrypted_at_rest() -> None:
    [rule] = of(storage(), "ServerSideEncryptionConfiguration")["rules"]
    assert rule == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}


def test_calls_without_tls_are_refused_for_the_bucket_and_its_objects() -> None:
    found = storage()
    [statement] = policy(of(found, "Policy")["policy"])
    arn = found.one("aws:s3/bucket:Bucket").outputs["arn"]
    assert (statement["Effect"], statement["Action"], statement["Principal"]) == ("Deny", ["s3:*"], "*")
    assert statement["Resource"] == [arn, f"{arn}/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_policy_waits_for_the_public_access_block() -> None:
    found = storage()
    guard = found.one("aws:s3/bucketPolicy:BucketPolicy")
    assert ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "results") in found.depends_on(guard)


@pytest.mark.parametrize("days", [1, 90])
def test_objects_expire_and_unfinished_uploads_do_not_stay(days: int) -> None:
    [rule] = of(storage(expire_days=days), "LifecycleConfiguration")["rules"]
    assert rule == {
        "id": "expire",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "expiration": {"days": days},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
    }


@pytest.mark.parametrize("protect", [True, False])
def test_a_protected_bucket_with_objects_refuses_to_be_deleted(protect: bool) -> None:
    assert storage(protect=protect).inputs("aws:s3/bucket:Bucket")["forceDestroy"] is not protect


def test_the_name_and_the_arn_are_known_beforehand() -> None:
    made: list[Bucket] = []
    found = declared(lambda: made.append(bucket()))
    resource = found.one("aws:s3/bucket:Bucket")
    assert made[0].bucket_name == resource.inputs["bucket"] == f"serverless-batch-test-results-{ACCOUNT}"
    assert made[0].arn == resource.outputs["arn"]


def test_the_name_fits_into_63_characters_for_the_longest_name_of_a_stack() -> None:
    site = Site(project="serverless-batch", stack="s" * 20, account=ACCOUNT, region="ap-southeast-1", partition="aws")
    assert len(site.bucket_name("uploads")) <= 63


@pytest.mark.parametrize("announce", [True, False])
def test_eventbridge_hears_of_objects_only_where_somebody_listens(announce: bool) -> None:
    found = storage(announce=announce)
    notifications = found.all("aws:s3/bucketNotification:BucketNotification")
    assert [n.inputs["eventbridge"] for n in notifications] == [True] * announce
