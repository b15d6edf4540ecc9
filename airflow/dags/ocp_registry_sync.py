# SPDX-License-Identifier: Apache-2.0
"""
Registry Passthrough from end to end: download, setup, push, apply, validate.

    airflow dags trigger ocp_registry_sync --conf '{"target_registry": "mirror-registry", "enable_passthrough": true}'

Everything that `--conf` does not say comes from `extra_vars/passthrough-vars.yml`. Each task calls one playbook of the pack, so
every one of them can be run by hand, and running the DAG again goes on where it stopped.

Airflow variables, all optional:

* `ocp_registry_sync_path`: where the pack is (`/root/ocp4-disconnected-helper`)
* `ocp_registry_sync_vars`: the variables file (`extra_vars/passthrough-vars.yml`; relative to the pack)
* `ocp_registry_sync_inventory`: the inventory (`playbooks/inventory`; relative to the pack)
* `ocp_registry_sync_arguments`: more words for every ansible-playbook, for example `-e @/root/vault.yml --vault-password-file /root/.vault`
* `ocp_registry_sync_host`: run on this host by ssh (`root@host`) rather than where Airflow's worker is
* `ocp_registry_sync_graph_url`: where newest versions are asked for; `{channel}` and `{arch}` are filled in

Passwords belong in a vault file or in the worker's environment (REGISTRY_USERNAME, REGISTRY_PASSWORD), never in `--conf`.
"""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta

try:  # Airflow 3
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG, Param, TriggerRule
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.models.param import Param
    from airflow.operators.bash import BashOperator
    from airflow.utils.trigger_rule import TriggerRule

MINOR = r"^4\.[0-9]{1,3}$"
REGISTRIES = ["mirror-registry", "quay", "harbor", "jfrog", "distribution"]
GRAPH_URL = "https://api.openshift.com/api/upgrades_info/v1/graph?channel={channel}&arch={arch}"

# Values are quoted by the filter "quote" below. The heredoc is given to the shell as it is, here or at the other end of ssh. "exit 99" is "skipped".
BEGIN = """
{% set host = var.value.get('ocp_registry_sync_host', '') %}
{{ 'ssh -o BatchMode=yes ' ~ host | quote ~ ' bash -s' if host else 'bash -s' }} <<'END_OF_STEP'
set -euo pipefail
pack={{ var.value.get('ocp_registry_sync_path', '/root/ocp4-disconnected-helper') | quote }}
vars={{ var.value.get('ocp_registry_sync_vars', 'extra_vars/passthrough-vars.yml') | quote }}
inventory={{ var.value.get('ocp_registry_sync_inventory', 'playbooks/inventory') | quote }}
case $vars in /*) ;; *) vars=$pack/$vars ;; esac
case $inventory in /* | *,) ;; *) inventory=$pack/$inventory ;; esac
registry={{ params.target_registry | quote }}
releases=$(dirname "$vars")/ocp-registry-sync-releases.json
stop() { echo "ERROR: $*" >&2; exit 1; }
play() { # PLAYBOOK [ARGUMENT]...
  local playbook=$1
  shift
  cd "$pack/playbooks"
  set -- ansible-playbook -i "$inventory" "$playbook" -e "@$vars" -e "registry_type=$registry" "$@" {{ var.value.get('ocp_registry_sync_arguments', '') }}
  echo "+ $*"
  "$@" </dev/null
}
"""
END = "\nEND_OF_STEP\n"

PREFLIGHT = """
command -v ansible-playbook >/dev/null || stop "ansible-playbook is not on PATH: install ansible-core 2.14 or newer"
[ -d "$pack/playbooks" ] || stop "there is no pack in $pack: unpack it there, or set the Airflow variable ocp_registry_sync_path"
[ -r "$vars" ] || stop "$vars cannot be read: copy extra_vars/passthrough-example.yml there and set your registry, or set the Airflow variable ocp_registry_sync_vars"
{% if params.enable_passthrough %}
command -v oc >/dev/null || command -v kubectl >/dev/null ||
  echo "neither oc nor kubectl is on PATH of this host: apply_icsp_policy needs one of them on the orchestration host"
{% endif %}
echo "pack:      $pack"
echo "variables: $vars"
echo "inventory: $inventory"
echo "registry:  $registry"
"""

# minVersion = maxVersion: whole ranges of versions are hundreds of gigabytes.
RESOLVE = """
rm -f "$releases"
{% if params.skip_download or not params.auto_resolve_versions or not params.target_version %}
echo "no versions are asked for: {{ 'skip_download is true' if params.skip_download else 'openshift_releases of the variables file counts, where it is set' }}"
exit 99
{% else %}
python3 - {{ var.value.get('ocp_registry_sync_graph_url', graph_url) | quote }} {{ (params.source_version or params.target_version) | quote }} {{ params.target_version | quote }} \\
  {{ params.upgrade_type | quote }} "$releases" <<'END_OF_PROGRAM'
import json
import os
import sys
import urllib.request

url, source, target, upgrade, path = sys.argv[1:]

def versions(minor):
    address = url.replace("{channel}", "stable-" + minor).replace("{arch}", "amd64")
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers={"Accept": "application/json"}), timeout=60) as answer:
            nodes = json.load(answer)["nodes"]
    except (OSError, ValueError, KeyError) as e:
        sys.exit(f"ERROR: {address} gave no versions ({e}): trigger again with \\"auto_resolve_versions\\": false to use those of openshift_releases")
    found = sorted((tuple(map(int, n["version"].split("."))) for n in nodes if n["version"].startswith(minor + ".") and n["version"].count(".") == 2 and
                    n["version"].replace(".", "").isdigit()), reverse=True)
    return [".".join(map(str, version)) for version in found] or sys.exit(f"ERROR: {address} knows no version {minor}.z")

def release(minor, first, last):
    return {"name": "stable-" + minor, "minVersion": first, "maxVersion": last, "shortestPath": first != last}

if upgrade == "patch" or source == target:
    found = versions(target)
    wanted = [release(target, found[min(1, len(found) - 1)], found[0])]
else:
    wanted = [release(minor, newest, newest) for minor in (source, target) for newest in versions(minor)[:1]]
with open(path + ".new", "w", encoding="utf-8") as file:
    json.dump({"openshift_releases": wanted}, file, indent=2)
os.replace(path + ".new", path)
print("\\n".join(f"{one['name']}: {one['minVersion']} to {one['maxVersion']}" for one in wanted))
END_OF_PROGRAM
{% endif %}
"""

DOWNLOAD = """
{% if params.skip_download %}
echo "skip_download: what is there is pushed"
exit 99
{% else %}
resolved=()
[ ! -r "$releases" ] || resolved=(-e "@$releases")
play download-to-tar.yml {{ '-e clean_mirror_path=true' if params.clean_mirror }} ${resolved[@]+"${resolved[@]}"}
{% endif %}
"""

SETUP = "play setup-registry-passthrough.yml\n"
PUSH = "play push-tar-to-registry.yml {{ '' if params.enable_passthrough else '-e enable_passthrough=false' }}\n"
APPLY = "play apply-icsp-policy.yml\n"
VALIDATE = "play validate-passthrough-mode.yml\n"

# Only what passthrough mode needs.
ONLY_PASSTHROUGH = """
{% if not params.enable_passthrough %}
echo "enable_passthrough is false: nothing to do here"
exit 99
{% endif %}
"""

REPORT = """
echo "Registry sync: done"
echo "registry:         $registry"
echo "passthrough mode: {{ 'set up, applied and proved by pulling every delivered image' if params.enable_passthrough else 'off, images keep their plain path' }}"
echo "download:         {{ 'skipped' if params.skip_download else 'done' }}"
echo "report of the validation and everything rendered: icsp_template_dir of $vars (/opt/ocp4-disconnected-helper/templates/icsp)"
"""

# Running again finishes what was begun, so partial archives, archives, images and files stay. What oc-mirror itself cannot go on with goes.
CLEANUP = """
rm -f "$releases"
images=$(sed -n 's/^target_mirror_path: *"\\{0,1\\}\\([^"#]*[^"# ]\\).*/\\1/p' "$vars" 2>/dev/null || true)
images=${images:-/opt/images}
if [ -d "$images/oc-mirror-workspace" ]; then
  find "$images/oc-mirror-workspace" -mindepth 1 -maxdepth 1 -type d -name 'working-*' -print -exec rm -rf {} +
fi
echo "Registry sync: FAILED. The log of the task that failed says why, and what to do."
echo "Archives, images in the registry and rendered files stay as they are. Trigger the DAG again: it goes on where it stopped."
"""


def step(task_id: str, script: str, trigger_rule: str = TriggerRule.NONE_FAILED, hours: float = 1) -> BashOperator:
    """One task: the script between BEGIN and END, on the host that the variables name. One that was skipped stops nobody."""
    return BashOperator(task_id=task_id, bash_command=BEGIN + script + END, trigger_rule=trigger_rule, execution_timeout=timedelta(hours=hours))


with DAG(
    dag_id="ocp_registry_sync",
    description="Carry images into the local registry, redirect the cluster to it, and prove it",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2025, 1, 1),
    catchup=False,
    max_active_runs=1,
    # The modules try again themselves, and a validation that failed is no better a minute later.
    default_args={"owner": "ocp4-disconnected-helper", "retries": 0},
    tags=["ocp4-disconnected-helper", "openshift", "registry", "sync"],
    user_defined_filters={"quote": lambda value: shlex.quote(str(value))},
    user_defined_macros={"graph_url": GRAPH_URL},
    params={
        "source_version": Param(None, type=["null", "string"], pattern=MINOR, description="4.y that the cluster has"),
        "target_version": Param(None, type=["null", "string"], pattern=MINOR, description="4.y that it is upgraded to; openshift_releases of the variables file where this is not set"),
        "upgrade_type": Param("major", type="string", enum=["major", "patch"], description="From one 4.y to the next, or within target_version"),
        "target_registry": Param("mirror-registry", type="string", enum=REGISTRIES, description="registry_type of the playbooks"),
        "enable_passthrough": Param(True, type="boolean", description="Names mirror/<upstream-registry>/<image-path>, set up, applied and validated"),
        "skip_download": Param(False, type="boolean", description="Push what is there"),
        "clean_mirror": Param(False, type="boolean", description="Remove archives of earlier downloads first"),
        "auto_resolve_versions": Param(True, type="boolean", description="Download the newest patch versions of source_version and target_version, where they are set"),
    },
) as dag:
    steps = [
        step("preflight_checks", PREFLIGHT),
        step("resolve_versions", RESOLVE),
        step("download_images", DOWNLOAD, hours=12),
        step("setup_registry_passthrough", ONLY_PASSTHROUGH + SETUP),
        step("push_to_registry", PUSH, hours=12),
        step("apply_icsp_policy", ONLY_PASSTHROUGH + APPLY, hours=3),
        step("validate_passthrough_mode", ONLY_PASSTHROUGH + VALIDATE, hours=4),
    ]
    for before, after in zip(steps, steps[1:]):
        before >> after

    # The run's state is that of its leaves: the report does not run where anything failed, and that makes the run fail, whatever the cleanup does.
    steps[-1] >> step("sync_report", REPORT)
    steps >> step("cleanup_on_failure", CLEANUP, trigger_rule=TriggerRule.ONE_FAILED)
