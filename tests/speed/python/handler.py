"""The authorizer by hand as a Lambda handler, with its key from Secrets Manager by boto3."""

import os
import time

import boto3
from authorizer import authorize, read_keys

client = boto3.client("secretsmanager")
held = None


def log(line):
    os.write(1, line.encode())


def handler(event, _context):
    global held
    now = time.time()
    if held is None or now - held[1] >= 60:
        secret = client.get_secret_value(SecretId=os.environ["COUNTERSIGN_SECRET"], VersionStage="AWSCURRENT")
        held = (read_keys(secret["SecretString"]), now)
    return authorize(event, held, log)
