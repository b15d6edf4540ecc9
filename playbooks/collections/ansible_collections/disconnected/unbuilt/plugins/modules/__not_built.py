#!/usr/bin/python
# Stands in for each module where the checkout has none built and the collection is not installed: the last in the plays' list of collections.
import json

print(json.dumps({
    "failed": True,
    "changed": False,
    "msg": "the modules of Registry Passthrough are not here: run make modules in the checkout, unpack the tarball of make dist instead of it, "
           "or install the collection with ansible-galaxy collection install disconnected-passthrough-1.0.0.tar.gz",
}))
