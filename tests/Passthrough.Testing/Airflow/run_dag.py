#!/usr/bin/python3
"""
Runs a DAG file without Airflow: stands in for the few names that the file imports, merges --conf over the params as Airflow does, renders the
commands with Jinja, and runs them in order by their trigger rules. What it does of Airflow's was read off Airflow 2.11 and 3.1.

    run_dag.py FILE 2|3 CONF VARIABLES     CONF and VARIABLES as JSON objects; prints one JSON object
"""
import contextlib
import json
import os
import re
import subprocess
import sys
import types

import jinja2

path, flavour, conf, variables = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
DAGS = []


class TriggerRule:
    ALL_SUCCESS, ALL_DONE, ONE_FAILED, NONE_FAILED = "all_success", "all_done", "one_failed", "none_failed"


class Param:
    def __init__(self, default, description=None, **schema):
        self.default, self.schema = default, schema

    def resolve(self, name, value):
        kinds = {"string": str, "boolean": bool, "null": type(None)}
        types_ = self.schema["type"] if isinstance(self.schema["type"], list) else [self.schema["type"]]
        if not any(isinstance(value, kinds[t]) for t in types_):
            sys.exit(f"{name}: {value!r} is not of type {self.schema['type']}")
        if "enum" in self.schema and value not in self.schema["enum"]:
            sys.exit(f"{name}: {value!r} is not one of {self.schema['enum']}")
        if isinstance(value, str) and not re.search(self.schema.get("pattern", ""), value):
            sys.exit(f"{name}: {value!r} does not match {self.schema['pattern']}")
        return value


class DAG(contextlib.AbstractContextManager):
    # What both versions take; anything else is a TypeError there.
    TAKES = {"dag_id", "description", "doc_md", "schedule", "start_date", "catchup", "max_active_runs", "default_args", "tags", "user_defined_filters",
             "user_defined_macros", "params"}

    def __init__(self, **arguments):
        unknown = set(arguments) - self.TAKES
        assert not unknown, unknown
        self.__dict__.update(arguments)
        self.tasks = []
        DAGS.append(self)

    def __exit__(self, *_):
        return None


class BashOperator:
    def __init__(self, *, task_id, bash_command, trigger_rule=TriggerRule.ALL_SUCCESS, execution_timeout=None):
        self.task_id, self.bash_command, self.trigger_rule, self.upstream = task_id, bash_command, trigger_rule, []
        DAGS[-1].tasks.append(self)

    def __rshift__(self, other):
        other.upstream.append(self)
        return other

    def __rrshift__(self, others):
        for other in others:
            other >> self
        return self


def module(name, **names):
    for parent in [name[:i] for i, c in enumerate(name) if c == "."]:
        sys.modules.setdefault(parent, types.ModuleType(parent)).__path__ = []
    made = sys.modules.setdefault(name, types.ModuleType(name))
    made.__path__ = []
    vars(made).update(names)


if flavour == "2":
    module("airflow", DAG=DAG)
    module("airflow.models.param", Param=Param)
    module("airflow.operators.bash", BashOperator=BashOperator)
    module("airflow.utils.trigger_rule", TriggerRule=TriggerRule)
else:
    module("airflow.sdk", DAG=DAG, Param=Param, TriggerRule=TriggerRule)
    module("airflow.providers.standard.operators.bash", BashOperator=BashOperator)

with open(path, encoding="utf-8") as file:
    exec(compile(file.read(), path, "exec"), {"__name__": "dag", "__doc__": None})
(dag,) = DAGS
unknown = set(conf) - set(dag.params)
params = {name: param.resolve(name, conf.get(name, param.default)) for name, param in dag.params.items()}


class Values:
    @staticmethod
    def get(name, default=None):
        return variables.get(name, default)


environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
environment.filters.update(dag.user_defined_filters)
context = {**dag.user_defined_macros, "params": params, "var": types.SimpleNamespace(value=Values)}

states, printed = {}, {}
waiting = list(dag.tasks)
while waiting:
    task = next(task for task in waiting if all(up.task_id in states for up in task.upstream))
    waiting.remove(task)
    before = [states[up.task_id] for up in task.upstream]
    broken = any(state in ("failed", "upstream_failed") for state in before)
    if task.trigger_rule == TriggerRule.NONE_FAILED and broken:
        states[task.task_id] = "upstream_failed"
    elif task.trigger_rule == TriggerRule.ONE_FAILED and not broken:
        states[task.task_id] = "skipped"
    else:
        assert task.trigger_rule in (TriggerRule.NONE_FAILED, TriggerRule.ONE_FAILED), task.trigger_rule
        # Airflow takes what ends like this for the name of a template file.
        assert not task.bash_command.endswith((".sh", ".bash")), task.task_id
        command = environment.from_string(task.bash_command).render(context)
        done = subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ, check=False)
        printed[task.task_id] = done.stdout
        states[task.task_id] = {0: "success", 99: "skipped"}.get(done.returncode, "failed")

leaves = [task for task in dag.tasks if not any(task in other.upstream for other in dag.tasks)]
print(json.dumps({
    "dag_id": dag.dag_id,
    "params": params,
    "upstream": {task.task_id: [up.task_id for up in task.upstream] for task in dag.tasks},
    "states": states,
    "printed": printed,
    "state": "failed" if any(states[leaf.task_id] in ("failed", "upstream_failed") for leaf in leaves) else "success",
}))
