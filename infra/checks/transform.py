"""Prints a template as SAM transforms it: the CloudFormation that AWS sees, as JSON.

    .venv/lint/bin/python infra/checks/transform.py template.yaml [Parameter=value ...]

Parameters matter to the few properties that SAM itself reads (CanaryDeployment). Nothing is sent anywhere.
"""

import json
import os
import sys
from pathlib import Path

# The transform asks for a Region, and nothing else of AWS.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse


def transform(path, parameters=None):
    """The CloudFormation that SAM makes of the file. `CodeUri` needs a bucket, which `sam deploy` fills in."""
    template = yaml_parse(Path(path).read_text())
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    # Managed policies' names, which SAM would ask IAM for, are given: there are none.
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=os.environ["AWS_DEFAULT_REGION"]))
    return translator.translate(template, parameters or {})


if __name__ == "__main__":
    print(json.dumps(transform(sys.argv[1], dict(argument.split("=", 1) for argument in sys.argv[2:]))))
