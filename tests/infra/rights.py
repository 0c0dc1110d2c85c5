"""Rights by role: what each needs for its work, and what none may have."""

from __future__ import annotations

from tests.infra.template import ACCOUNT, PARAMETERS, REGION, Rendered

RENDERED = Rendered(PARAMETERS)
ROLES = ("AirflowRole", "SourceCrawlerRole", "OutputCrawlerRole", "GlueJobRole", "CaptureRole", "ReaderRole")
BUCKET = RENDERED.arn_of("Bucket")
GLUE = f"arn:aws:glue:{REGION}:{ACCOUNT}"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}"
WORKGROUP = f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup"

JOB_ROLE = f"arn:aws:iam::{ACCOUNT}:role/two-words-glue-job-{REGION}"

NEEDED = [
    ("AirflowRole", "dynamodb:ExportTableToPointInTime", f"{TABLE}/Orders"),
    ("AirflowRole", "dynamodb:DescribeExport", f"{TABLE}/Products/export/01"),
    ("AirflowRole", "s3:PutObjectAcl", f"{BUCKET}/exports/orders/x"),
    ("AirflowRole", "s3:AbortMultipartUpload", f"{BUCKET}/exports/orders/x"),
    ("AirflowRole", "s3:PutObject", f"{BUCKET}/state/coverage.json"),
    ("AirflowRole", "s3:DeleteObject", f"{BUCKET}/inbox/orders/x"),
    ("AirflowRole", "glue:StartJobRun", f"{GLUE}:job/two-words-merge"),
    ("AirflowRole", "glue:StartCrawler", f"{GLUE}:crawler/two-words-source-lookup"),
    ("AirflowRole", "glue:UpdateTable", f"{GLUE}:table/two_words_analytics/rows"),
    ("AirflowRole", "athena:StartQueryExecution", f"{WORKGROUP}/two-words"),
    ("AirflowRole", "sqs:ReceiveMessage", f"{QUEUE}:two-words-wake-up"),
    ("SourceCrawlerRole", "dynamodb:Scan", f"{TABLE}/Orders"),
    ("OutputCrawlerRole", "glue:UpdateTable", f"{GLUE}:table/two_words_analytics/rows"),
    ("GlueJobRole", "s3:DeleteObject", f"{BUCKET}/warehouse/rows/x"),
    ("GlueJobRole", "s3:PutObject", f"{BUCKET}/runs/b/report.json"),
    ("GlueJobRole", "glue:UpdateTable", f"{GLUE}:table/two_words_lake/rows"),
    ("GlueJobRole", "glue:GetCrawler", f"{GLUE}:crawler/two-words-output"),
    ("CaptureRole", "dynamodb:GetRecords", PARAMETERS["MainStreamArn"]),
    ("CaptureRole", "dynamodb:GetRecords", PARAMETERS["LookupStreamArn"]),
    ("CaptureRole", "s3:PutObject", f"{BUCKET}/inbox/orders/x"),
    ("CaptureRole", "s3:PutObject", f"{BUCKET}/rejected/orders/x"),
    ("CaptureRole", "sqs:SendMessage", f"{QUEUE}:two-words-wake-up"),
    ("CaptureRole", "sqs:SendMessage", f"{QUEUE}:two-words-capture-failed"),
    ("ReaderRole", "s3:GetObject", f"{BUCKET}/warehouse/rows/x"),
    ("ReaderRole", "glue:GetTable", f"{GLUE}:table/two_words_analytics/rows"),
]

_FORBIDDEN = [
    ("AirflowRole", "dynamodb:Scan", f"{TABLE}/Orders"),
    ("AirflowRole", "dynamodb:PutItem", f"{TABLE}/Orders"),
    ("AirflowRole", "dynamodb:ExportTableToPointInTime", f"{TABLE}/Other"),
    ("AirflowRole", "s3:PutObject", f"{BUCKET}/warehouse/rows/x"),
    ("AirflowRole", "s3:PutObject", f"{BUCKET}/code/x"),
    ("AirflowRole", "s3:DeleteObject", f"{BUCKET}/exports/x"),
    ("AirflowRole", "s3:DeleteObject", f"{BUCKET}/state/coverage.json"),
    ("AirflowRole", "glue:StartJobRun", f"{GLUE}:job/other-merge"),
    ("AirflowRole", "glue:UpdateJob", f"{GLUE}:job/two-words-merge"),
    ("AirflowRole", "glue:UpdateTable", f"{GLUE}:table/two_words_lake/rows"),
    ("AirflowRole", "glue:UpdateTable", f"{GLUE}:table/two_words_analytics/other"),
    ("AirflowRole", "athena:StartQueryExecution", f"{WORKGROUP}/primary"),
    ("AirflowRole", "sqs:DeleteMessage", f"{QUEUE}:two-words-capture-failed"),
    ("AirflowRole", "iam:PassRole", JOB_ROLE),
    ("SourceCrawlerRole", "dynamodb:Scan", f"{TABLE}/Other"),
    ("SourceCrawlerRole", "s3:GetObject", f"{BUCKET}/warehouse/rows/x"),
    ("SourceCrawlerRole", "glue:UpdateTable", f"{GLUE}:table/two_words_analytics/rows"),
    ("OutputCrawlerRole", "s3:GetObject", f"{BUCKET}/warehouse/mirror_orders/x"),
    ("OutputCrawlerRole", "s3:PutObject", f"{BUCKET}/warehouse/rows/x"),
    ("OutputCrawlerRole", "glue:UpdateTable", f"{GLUE}:table/two_words_lake/rows"),
    ("GlueJobRole", "glue:UpdateTable", f"{GLUE}:table/two_words_analytics/rows"),
    ("GlueJobRole", "s3:PutObject", f"{BUCKET}/state/coverage.json"),
    ("GlueJobRole", "s3:DeleteObject", f"{BUCKET}/exports/x"),
    ("GlueJobRole", "dynamodb:Scan", f"{TABLE}/Orders"),
    ("GlueJobRole", "glue:DeleteTable", f"{GLUE}:table/two_words_lake/rows"),
    ("CaptureRole", "dynamodb:GetRecords", f"{TABLE}/Orders/stream/2020-01-01T00:00:00.000"),
    ("CaptureRole", "dynamodb:Scan", f"{TABLE}/Orders"),
    ("CaptureRole", "s3:PutObject", f"{BUCKET}/state/coverage.json"),
    ("CaptureRole", "s3:GetObject", f"{BUCKET}/inbox/orders/x"),
    ("CaptureRole", "s3:DeleteObject", f"{BUCKET}/inbox/orders/x"),
    ("CaptureRole", "sqs:ReceiveMessage", f"{QUEUE}:two-words-wake-up"),
    ("ReaderRole", "s3:GetObject", f"{BUCKET}/warehouse/mirror_orders/x"),
    ("ReaderRole", "s3:GetObject", f"{BUCKET}/exports/x"),
    ("ReaderRole", "s3:PutObject", f"{BUCKET}/warehouse/rows/x"),
    ("ReaderRole", "glue:GetTable", f"{GLUE}:table/two_words_lake/rows"),
    ("ReaderRole", "glue:UpdateTable", f"{GLUE}:table/two_words_analytics/rows"),
]
# What no actor may do: change or delete data of others, the catalog, keys and rights, or act through another role.
_FOR_NOBODY = [
    ("dynamodb:PutItem", f"{TABLE}/Orders"),
    ("dynamodb:DeleteTable", f"{TABLE}/Orders"),
    ("dynamodb:Scan", f"{TABLE}/Other"),
    ("s3:DeleteBucket", BUCKET),
    ("s3:PutBucketPolicy", BUCKET),
    ("s3:DeleteObjectVersion", f"{BUCKET}/warehouse/rows/x"),
    ("s3:GetObject", "arn:aws:s3:::other-bucket/x"),
    ("glue:DeleteTable", f"{GLUE}:table/two_words_analytics/rows"),
    ("glue:DeleteDatabase", f"{GLUE}:database/two_words_lake"),
    ("glue:UpdateJob", f"{GLUE}:job/two-words-merge"),
    ("glue:StartJobRun", f"{GLUE}:job/other-merge"),
    ("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/other"),
    ("kms:GenerateDataKey", PARAMETERS["MainTableKeyArn"]),
    ("kms:ScheduleKeyDeletion", RENDERED.arn_of("Key")),
    ("iam:PassRole", JOB_ROLE),
    ("iam:PutRolePolicy", JOB_ROLE),
    ("sts:AssumeRole", JOB_ROLE),
    ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:two-words-capture"),
]
FORBIDDEN = [*_FORBIDDEN, *((role, action, arn) for role in ROLES for action, arn in _FOR_NOBODY)]
