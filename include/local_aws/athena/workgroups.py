"""What a workgroup says about a query: whether it may run, where its result goes, how much it may scan."""

from __future__ import annotations

from dataclasses import dataclass

from include.local_aws.calls import AwsError, Call, Json
from include.local_aws.core import LocalAws


@dataclass(frozen=True)
class Terms:
    """`output_prefix` ends with a slash."""

    output_prefix: str
    encryption: Json
    cutoff_bytes: int | None


def workgroup_arn(call: Call, workgroup: str) -> str:
    return f"arn:aws:athena:{call.region}:{call.account}:workgroup/{workgroup}"


async def read_terms(call: Call, aws: LocalAws, workgroup: str) -> Terms:
    """Resolve the workgroup's terms for one request. Raises AwsError when it is unknown or disabled or gives no location."""
    found = (await get_workgroup(aws, workgroup))["WorkGroup"]
    if found.get("State") == "DISABLED":
        raise AwsError("InvalidRequestException", f"WorkGroup {workgroup} is disabled: enable it with UpdateWorkGroup")
    configuration = found.get("Configuration") or {}
    own = configuration.get("ResultConfiguration") or {}
    asked = call.body.get("ResultConfiguration") or {}
    enforced = str(configuration.get("EnforceWorkGroupConfiguration", False)).lower() == "true"
    chosen = own if enforced or not asked.get("OutputLocation") else asked
    location = str(chosen.get("OutputLocation") or "")
    if not location.startswith("s3://"):
        message = (
            "No output location provided. An output location is required either through the Workgroup result "
            "configuration setting or as an API input."
        )
        raise AwsError("InvalidRequestException", message)
    cutoff = configuration.get("BytesScannedCutoffPerQuery")
    prefix = location if location.endswith("/") else location + "/"
    return Terms(prefix, chosen.get("EncryptionConfiguration") or {}, int(cutoff) if cutoff else None)


async def get_workgroup(aws: LocalAws, workgroup: str) -> Json:
    """Raises InvalidRequestException when it is unknown."""
    try:
        return await aws.forward("AmazonAthena.GetWorkGroup", {"WorkGroup": workgroup})
    except AwsError as error:
        raise AwsError("InvalidRequestException", f"WorkGroup {workgroup} is not found.") from error
