#!/usr/bin/env python3
"""Asks a real API server about each case, and writes down what it answers.

record.py CASES KUBECONFIG: for each line of CASES (gzip, a JSON object with a manifest) kubectl applies the manifest with
--dry-run=server and strict validation; the line gets "taken" and, if it is refused, "said". The first line names the versions.
"""
import gzip, json, subprocess, sys

path, kubeconfig = sys.argv[1:3]
kubectl = ["kubectl", "--kubeconfig", kubeconfig]
version = json.loads(subprocess.check_output([*kubectl, "version", "-o", "json"]))
cases = [json.loads(line) for line in gzip.open(path, "rt", encoding="utf-8")]
cases = [case for case in cases if "manifest" in case]
with gzip.GzipFile(path, "wb", mtime=0) as file:
    def write(record):
        file.write(json.dumps(record, ensure_ascii=True).encode() + b"\n")
    write({"server": version["serverVersion"]["gitVersion"], "kubectl": version["clientVersion"]["gitVersion"]})
    for case in cases:
        told = subprocess.run([*kubectl, "apply", "--dry-run=server", "--validate=strict", "-f", "-"],
                              input=case["manifest"].encode(), capture_output=True)
        record = {"manifest": case["manifest"], "taken": told.returncode == 0}
        if told.returncode:
            record["said"] = told.stderr.decode().strip()[:300]
        write(record)
