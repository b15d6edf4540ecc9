#!/bin/bash
# Redirects an OpenShift cluster to the local registry and waits until every node has it.
# Made by the Ansible module icsp_render, whose next run overwrites changes. Needs bash 4, oc or kubectl, diff and coreutils. Try --help.
set -ufo pipefail # f: no word is taken for a pattern of file names

# Programs come from absolute folders alone: whoever runs this may stand in a folder that other users write to.
PATH=$(IFS=:; safe=; for folder in $PATH; do case $folder in /*) safe=$safe:$folder ;; esac; done; printf %s "${safe#:}")

name=@NAME@
registry=@REGISTRY@
registry_type=@REGISTRY_TYPE@
icsp_file=@ICSP_FILE@
idms_file=@IDMS_FILE@
itms_file=@ITMS_FILE@
trusted_ca_file=@TRUSTED_CA_FILE@
pull_secret_file=@PULL_SECRET_FILE@
pull_secret_base=@PULL_SECRET_BASE@ # SHA-256 of the pull secret that ours was made from
hosted_file=@HYPERSHIFT_FILE@

manager=ocp4-disconnected-helper
conf=/etc/containers/registries.conf
config_namespace=openshift-config
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
program=${0##*/}

usage() {
  cat <<EOF
Usage: $program [MODE] [OPTION]...

Redirects the cluster of the current kubeconfig to $registry.

Modes
  --apply          apply the objects and wait until all nodes have them (the default)
  --check          ask the server what would change; changes nothing
  --verify         do the objects and the nodes' $conf agree with the files beside this script?
  --test IMAGE     let a node of every pool pull it by its upstream name, and something that is nowhere; again for more images
  --wait-only      wait for what was applied before
  --delete         delete the objects again and wait
  --rollback DIR   restore what a backup of this script holds, and wait

Options
  --kind auto|mirrorsets|icsp   ImageDigestMirrorSet and ImageTagMirrorSet where the cluster has them (4.13), else ImageContentSourcePolicy
  --kubeconfig FILE, --context NAME
  --timeout TIME                for all nodes (45m)
  --start-timeout TIME          for the Machine Config Operator to take it up (5m)
  --poll SECONDS                between two looks (15)
  --no-wait                     do not wait for the nodes
  --force-conflicts             take over fields that another tool set
  --allow-paused                paused pools count as done
  --backup-dir DIR              where backups go (backup beside this script)
  --node NAME                   with --verify: read the file of this node too (needs oc)
  --with-ca                     first let the nodes trust the registry's certificate authority
  --with-pull-secret            first give the nodes the registry's account
  --with-signatures             first give the cluster the signatures of releases: ConfigMaps in signature-*.yaml or .json beside this script,
                                or in release-signatures/
  --json                        a summary for programs on stdout
  -h, --help

The client is oc, else kubectl; OC=/path/to/oc names another. The kubeconfig is that of the client: KUBECONFIG, else ~/.kube/config.

Exit codes
   0  done, or nothing to change        7  conflicts with other objects
   1  unexpected                        8  the Machine Config Operator does not take it up
   2  wrong usage                       9  not all nodes within the timeout
   3  a tool or file is missing        10  --check: there are differences
   4  cluster not reached, or login    11  a pool is degraded
   5  not allowed                      12  --verify, --test: not as it must be
   6  refused by the server or not     13  a pool is paused
      possible on this cluster
EOF
}

# ---- telling

if [ -t 2 ]; then red=$'\e[31m' yellow=$'\e[33m' plain=$'\e[0m'; else red='' yellow='' plain=''; fi
say() { printf '%s\n' "$*" >&2; }
warn() { say "${yellow}warning:${plain} $*"; }
fail() { # CODE MESSAGE [WHAT TO DO]
  message=$2
  say "${red}error:${plain} $2"
  [ -z "${3:-}" ] || say "       $3"
  exit "$1"
}

quoted() { # as a JSON string
  local text=$1
  text=${text//\\/\\\\} text=${text//\"/\\\"} text=${text//$'\n'/\\n} text=${text//$'\t'/\\t}
  printf '"%s"' "${text//[$'\001'-$'\037']/}"
}

finish() { # on every way out
  local code=$? list='' results='' object
  trap - EXIT
  [ -z "$test_namespace" ] || "$OC" "${global[@]}" delete namespace "$test_namespace" --wait=false >/dev/null 2>&1 || warn "delete namespace $test_namespace by hand"
  [ -z "${work:-}" ] || rm -rf "$work"
  if [ "$json" = yes ]; then
    for object in ${objects[@]+"${objects[@]}"}; do list+="${list:+, }$(quoted "$object")"; done
    for object in ${found[@]+"${found[@]}"}; do results+="${results:+, }$(quoted "$object")"; done
    printf '{"mode": %s, "exit_code": %d, "changed": %s, "family": %s, "objects": [%s], "drain": %s, "backup": %s, "found": [%s], "message": %s}\n' \
      "$(quoted "$mode")" "$code" "$changed" "$(quoted "$family")" "$list" "$(quoted "$drain")" "$(quoted "$backup")" "$results" "$(quoted "$message")"
  fi
  exit "$code"
}

interrupted() {
  say ''
  if [ "$changed" = true ]; then
    fail 130 "interrupted; the objects stay as they are now and the nodes go on without this script" "watch them: $program --wait-only"
  fi
  fail 130 "interrupted; nothing was changed"
}

# ---- what the user wants

mode=apply kind=auto timeout=45m start_timeout=5m poll=15 wait=yes allow_paused=no json=no node='' rollback_dir='' backup_dir=$here/backup
with_ca=no with_pull_secret=no with_signatures=no
force=() global=(--request-timeout=60s)
changed=false family='' drain='' backup='' message='' objects=() images=() test_namespace=''
found=() # sentences: what --verify and --test saw

need_value() { [ $# -ge 2 ] || fail 2 "$1 needs a value" "$program --help"; }
seconds() { # 45m, 30s, 1h or plain seconds
  [[ $2 =~ ^([0-9]{1,6})([smh]?)$ ]] || fail 2 "$1 $2 is no time" "write it like 45m, 30s or 1h"
  case ${BASH_REMATCH[2]} in
    h) REPLY=$((10#${BASH_REMATCH[1]} * 3600)) ;;
    m) REPLY=$((10#${BASH_REMATCH[1]} * 60)) ;;
    *) REPLY=$((10#${BASH_REMATCH[1]})) ;;
  esac
}

trap finish EXIT
trap interrupted INT TERM
while [ $# -gt 0 ]; do
  case $1 in --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;; esac
  case $1 in
    --apply | --check | --verify | --wait-only | --delete) mode=${1#--} ;;
    --rollback) need_value "$@"; mode=rollback rollback_dir=$2; shift ;;
    --test) need_value "$@"; mode=test images+=("$2"); shift ;;
    --kind) need_value "$@"; kind=$2; shift ;;
    --kubeconfig) need_value "$@"; export KUBECONFIG=$2; shift ;;
    --context) need_value "$@"; global+=(--context "$2"); shift ;;
    --timeout) need_value "$@"; timeout=$2; shift ;;
    --start-timeout) need_value "$@"; start_timeout=$2; shift ;;
    --poll) need_value "$@"; poll=$2; shift ;;
    --backup-dir) need_value "$@"; backup_dir=$2; shift ;;
    --node) need_value "$@"; node=$2; shift ;;
    --no-wait) wait=no ;;
    --force-conflicts) force=(--force-conflicts) ;;
    --allow-paused) allow_paused=yes ;;
    --json) json=yes ;;
    --with-ca) with_ca=yes ;;
    --with-pull-secret) with_pull_secret=yes ;;
    --with-signatures) with_signatures=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; fail 2 "$1 is no option of this script" ;;
  esac
  shift
done

[ -z "${OC_CONFIG:-}" ] || export KUBECONFIG=${KUBECONFIG:-$OC_CONFIG}
case $kind in auto | mirrorsets | icsp) ;; *) fail 2 "--kind $kind is none of auto, mirrorsets, icsp" ;; esac
[[ $poll =~ ^[0-9]{1,4}(\.[0-9]{1,3})?$ ]] || fail 2 "--poll $poll is no number of seconds"
seconds --timeout "$timeout"; timeout_s=$REPLY
seconds --start-timeout "$start_timeout"; start_timeout_s=$REPLY
[ -z "$node" ] || [ "$mode" = verify ] || fail 2 "--node goes with --verify"

# ---- what is here

((BASH_VERSINFO[0] >= 4)) || fail 3 "bash $BASH_VERSION is too old" "bash 4 or newer is needed"
OC=${OC:-$(command -v oc || command -v kubectl)} || fail 3 "neither oc nor kubectl is on PATH" "install one of them, or set OC=/path/to/oc"
command -v "$OC" >/dev/null || fail 3 "$OC is not there" "install oc or kubectl, or set OC to where it is"
for tool in base64 date diff mkdir mktemp readlink rm sha256sum sleep sort; do
  command -v "$tool" >/dev/null || fail 3 "$tool is not on PATH" "install it: it is in coreutils, or in diffutils"
done
work=$(mktemp -d) || fail 3 "no temporary folder can be made in ${TMPDIR:-/tmp}"

# ---- asking the cluster

# Runs the client: the answer is in out, what it complained about in err.
ask() {
  local status=0
  out=$("$OC" "${global[@]}" "$@" 2>"$work/err") || status=$?
  err=$(<"$work/err")
  return $status
}

# The line of err that says what is wrong: not the client's log, not warnings.
complaint() {
  local line
  while IFS= read -r line; do
    [[ $line =~ ^[EWI][0-9]{4}\  || $line == Warning:* || -z $line ]] || { REPLY=$line; return; }
  done <<<"$err"
  REPLY=${err:-it said nothing}
}

# Ends with the code that fits err.
refused() { # WHAT WAS TRIED
  complaint
  case $err in
    *Unauthorized* | *'provide credentials'*) fail 4 "$1: not logged in: $REPLY" "log in with oc login, or give --kubeconfig FILE" ;;
    *"Apply failed with"*conflict*) fail 7 "$1: another tool set the same fields: $REPLY" "if this script is to have them from now on: --force-conflicts" ;;
    *"can't create "*" resources exist"* | *"can't update "*" resources exist"*)
      fail 7 "$1: $REPLY" "this version cannot have ImageContentSourcePolicy beside the newer kinds (4.13.27, 4.14.3 and 4.15 can): convert the old objects first, or use --kind icsp" ;;
    *'denied the request'* | *'denied request'*) fail 6 "$1: $REPLY" "a managed or hosted cluster is configured by its provider's tools" ;;
    *'(Forbidden)'* | *' is forbidden'*) fail 5 "$1: $REPLY" "use an account that may do that, such as a cluster administrator's" ;;
    *'is invalid'* | *'typed patch object'* | *'no matches for kind'* | *"doesn't have a resource type"* | *'(BadRequest)'* | *'too large'* | *'error parsing'*)
      fail 6 "$1: $REPLY" "run icsp_render again; if that does not help, this version of the cluster does not know the object" ;;
    *'onnection refused'* | *' was refused'* | *'no such host'* | *'nable to connect'* | *x509* | *'i/o timeout'* | *'Client.Timeout'* | *'deadline exceeded'* | *'failed to download openapi'* | *'no route to host'* | *EOF*)
      fail 4 "$1: the cluster cannot be reached: $REPLY" "is this the right kubeconfig (${KUBECONFIG:-~/.kube/config})?" ;;
    *'context was not found'* | *'does not exist'* | *'no such file'* | *'invalid configuration'* | *'error loading config'*) fail 4 "$1: $REPLY" "name a kubeconfig with --kubeconfig and a context with --context" ;;
    *) fail 1 "$1: $REPLY" ;;
  esac
}

connect() {
  ask get --raw /readyz || case $err in
    *'(Forbidden)'*) ;; # somebody is there and knows us
    *) refused "asking the cluster" ;;
  esac
}

# Whether the client's version of the cluster is $1 or newer; false where the cluster tells none.
version='' # of the cluster
at_least() {
  local have want i
  IFS=. read -ra have <<<"${version%%[-+]*}"
  IFS=. read -ra want <<<"$1"
  [ -n "$version" ] || return 1
  for i in 0 1 2; do
    ((10#${have[i]:-0} == 10#${want[i]:-0})) || { ((10#${have[i]:-0} > 10#${want[i]:-0})); return; }
  done
}

offers() { [[ $'\n'$resources$'\n' == *$'\n'"$1"$'\n'* ]]; } # RESOURCE.GROUP

discover() {
  local line topology=''
  # A broken aggregated API makes this fail although it prints the rest.
  ask api-resources -o name || [ -n "$out" ] || refused "asking for the kinds of the cluster"
  resources=$out
  if offers clusterversions.config.openshift.io && ask get clusterversion/version infrastructure/cluster --ignore-not-found -o 'jsonpath={range .items[*]}{.kind}{"|"}{.status.desired.version}{.status.controlPlaneTopology}{"\n"}{end}'; then
    while IFS= read -r line; do
      case $line in 'ClusterVersion|'*) version=${line#*|} ;; 'Infrastructure|'*) topology=${line#*|} ;; esac
    done <<<"$out"
  fi
  [[ $version =~ ^[0-9]{1,4}\.[0-9]{1,4}(\.[0-9]{1,4})?([-+].*)?$ ]] || version=''

  if [ "$topology" = External ]; then
    fail 6 "this is a hosted cluster (HyperShift): its mirrors are set in the HostedCluster on the management cluster" \
      "put the sources into spec.imageContentSources of the HostedCluster: ${hosted_file:-icsp_render with outputs: [hypershift] renders them}"
  fi
  if ! offers machineconfigpools.machineconfiguration.openshift.io; then
    fail 6 "this cluster has no Machine Config Operator, so nothing would carry the redirection to its nodes" \
      "on nodes with CRI-O or podman copy registries-$registry_type.conf to /etc/containers/registries.conf.d/"
  fi

  local sets=no policies=no
  offers imagedigestmirrorsets.config.openshift.io && sets=yes
  offers imagecontentsourcepolicies.operator.openshift.io && policies=yes
  case $kind in
    mirrorsets) [ $sets = yes ] || fail 6 "this cluster${version:+ ($version)} has no ImageDigestMirrorSet" "it came with 4.13; use --kind icsp" ;;
    icsp) [ $policies = yes ] || fail 6 "this cluster${version:+ ($version)} has no ImageContentSourcePolicy" "use --kind mirrorsets" ;;
  esac
  family=$kind
  if [ "$family" = auto ]; then
    if [ $sets = yes ] && [ -n "$idms_file$itms_file" ]; then family=mirrorsets
    elif [ $policies = yes ] && [ -n "$icsp_file" ]; then family=icsp
    else fail 6 "this cluster${version:+ ($version)} has none of the kinds that were rendered" "run icsp_render with kinds that it has: icsp before 4.13, idms and itms since"
    fi
  fi

  kinds=()
  if [ "$family" = mirrorsets ]; then
    [ -z "$idms_file" ] || kinds+=(imagedigestmirrorsets.config.openshift.io)
    [ -z "$itms_file" ] || kinds+=(imagetagmirrorsets.config.openshift.io)
  else
    [ -z "$icsp_file" ] || kinds+=(imagecontentsourcepolicies.operator.openshift.io)
  fi
  [ ${#kinds[@]} -gt 0 ] || fail 3 "no object of --kind $kind was rendered" "run icsp_render with these kinds"
}

file_of() {
  case $1 in
    imagedigestmirrorsets*) REPLY=$here/$idms_file ;;
    imagetagmirrorsets*) REPLY=$here/$itms_file ;;
    *) REPLY=$here/$icsp_file ;;
  esac
}

# ---- entries of objects, a line each: "source|policy|mirror mirror"

how_of() { case $1 in imagetagmirrorsets*) REPLY=tag-only ;; *) REPLY=digest-only ;; esac; }

# Of a manifest in the form that icsp_render writes: one object, or several parts of one.
lines_of_file() { # RESOURCE FILE; names are those of its objects
  local line source='' policy='' mirrors=''
  lines=() names=()
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line//\"/}
    case $line in
      '  name: '*) names+=("${line#*: }") ;;
      '    app.kubernetes.io/part-of: '*) label=${line#*: } ;;
      '  - source: '*) [ -z "$source" ] || lines+=("$source|$policy|$mirrors"); source=${line#*: } policy=AllowContactingSource mirrors='' ;;
      '    - '*) mirrors+="${mirrors:+ }${line#*- }" ;;
      '    mirrorSourcePolicy: '*) policy=${line#*: } ;;
    esac
  done <"$2"
  [ -z "$source" ] || lines+=("$source|$policy|$mirrors")
}

# Of ours in the cluster.
lines_of_cluster() { # RESOURCE, after read_objects; lines is empty where there is none
  local entry
  lines=()
  for entry in ${current[@]+"${current[@]}"}; do
    [[ $entry != "$1|"* ]] || { entry=${entry#*|}; entry=${entry#*|}; lines+=("${entry/||/|AllowContactingSource|}"); }
  done
}

object_path='{"@"}{.kind}{"|"}{.metadata.name}{"|"}{.metadata.annotations.ocp4-disconnected-helper\.io/part-of}{"|"}{.metadata.labels.app\.kubernetes\.io/part-of}{"\n"}'
for list in imageDigestMirrors imageTagMirrors repositoryDigestMirrors; do
  object_path+="{range .spec.${list}[*]}"'{.source}{"|"}{.mirrorSourcePolicy}{"|"}{.mirrors[*]}{"\n"}{end}'
done

# What the nodes are to have, and what not any more: "source|mirror|how"; and each source's policy.
declare -A wanted=() gone=() policies=()
want() { # RESOURCE, and its lines
  local line source policy mirrors mirror
  how_of "$1"
  for line in ${lines[@]+"${lines[@]}"}; do
    IFS='|' read -r source policy mirrors <<<"$line"
    policies[$source]=$policy
    # The source itself among its mirrors says when it is asked; the operator writes it only where it is not last.
    for mirror in $mirrors; do [ "$mirror" = "$source" ] || wanted["$source|$mirror|$REPLY"]=yes; done
  done
}

rendered=() # objects of the files beside this script: "resource|name"
label=''    # that they carry
read_manifests() {
  local resource part
  manifests=()
  for resource in "${kinds[@]}"; do
    file_of "$resource"
    [ -r "$REPLY" ] || fail 3 "$REPLY is missing" "copy the whole folder that icsp_render wrote, not the script alone"
    manifests+=(-f "$REPLY")
    lines_of_file "$resource" "$REPLY"
    for part in ${names[@]+"${names[@]}"}; do rendered+=("$resource|$part"); done
    want "$resource"
  done
  [ ${#policies[@]} -gt 0 ] || fail 3 "the manifests beside this script have no entry" "run icsp_render again"
}

# ---- other objects

entries=() # of all objects but ours: "resource|name|source|policy|mirrors"
current=() # of ours, as they are now, the same
present=() # ours, as far as they are there: "resource|name"
surplus=() # those of them that the files do not have: parts of a longer list, or the whole before it had parts
read_objects() {
  local resource line text object all=() kind='' other='' part_of labelled ours=no
  entries=() current=() present=() surplus=()
  for resource in imagedigestmirrorsets.config.openshift.io imagetagmirrorsets.config.openshift.io imagecontentsourcepolicies.operator.openshift.io; do
    ! offers "$resource" || all+=("$resource")
  done
  if ask get "$(IFS=, && printf '%s' "${all[*]}")" -o "jsonpath={range .items[*]}$object_path{end}"; then
    text=$out
  else
    [[ $err = *'(Forbidden)'* ]] || refused "reading the objects that are there"
    complaint
    warn "conflicts with other objects are not seen: $REPLY"
    text=''
    for object in "${rendered[@]}"; do
      ask get "${object%|*}" "${object#*|}" --ignore-not-found -o "jsonpath=$object_path" || refused "reading ${object%%.*} ${object#*|}"
      text+=$out$'\n'
    done
  fi
  while IFS= read -r line; do
    case $line in
      @*)
        IFS='|' read -r _ other part_of labelled <<<"$line"
        case $line in
          @ImageDigestMirrorSet*) kind=imagedigestmirrorsets.config.openshift.io ;;
          @ImageTagMirrorSet*) kind=imagetagmirrorsets.config.openshift.io ;;
          *) kind=imagecontentsourcepolicies.operator.openshift.io ;;
        esac
        ours=no
        [[ " ${kinds[*]} " = *" $kind "* ]] || continue
        if [[ " ${rendered[*]} " = *" $kind|$other "* ]]; then ours=yes
        elif [[ ($other = "$name" && $labelled = "$label") || ($part_of = "$name" && $other = "$name"-* && ${other#"$name"-} =~ ^[0-9]+$) ]]; then ours=yes surplus+=("$kind|$other")
        elif [ "$other" = "$name" ]; then warn "${kind%%.*} $name is not touched: it has no label app.kubernetes.io/part-of: $label, so somebody else made it"
        fi
        [ $ours = no ] || present+=("$kind|$other") ;;
      ?*) if [ $ours = yes ]; then current+=("$kind|$other|$line"); else entries+=("$kind|$other|$line"); fi ;;
    esac
  done <<<"$text"
}

find_conflicts() { # after read_objects
  local entry resource other source policy mirrors ours both=''
  for entry in ${entries[@]+"${entries[@]}"}; do
    IFS='|' read -r resource other source policy mirrors <<<"$entry"
    policy=${policy:-AllowContactingSource}
    ours=${policies[$source]-}
    if [ -n "$ours" ] && [ "$ours" != "$policy" ]; then
      fail 7 "source $source is $ours here and $policy in ${resource%%.*} $other: the Machine Config Operator would ignore every mirror change" \
        "give both the same policy (mirror_source_policy of icsp_render), or delete the other: $OC delete ${resource%%.*} $other"
    fi
    [ -n "$ours" ] || shadow "$resource" "$other" "$source"
    case $family:$resource in mirrorsets:*policies.* | icsp:*mirrorsets.*) both=${both:-${resource%%.*} $other} ;; esac
  done
  if [ -n "$both" ] && { { at_least 4.13.0 && ! at_least 4.13.27; } || { at_least 4.14.0 && ! at_least 4.14.3; }; }; then
    fail 7 "OpenShift $version cannot have ImageContentSourcePolicy beside the newer kinds, and there is $both" \
      "update to 4.13.27, 4.14.3 or 4.15, or delete the other, or choose with --kind"
  fi
}

# A narrower entry of somebody else wins alone for what it names: ours does not apply there.
shadow() { # RESOURCE NAME SOURCE
  local source
  for source in "${!policies[@]}"; do
    [[ $3 != "$source"/* ]] || { say "note: ${1%%.*} $2 has its own entry for $3; there it counts, not the one for $source"; return; }
  done
}

# ---- the pools and what their nodes are to have

pool_path='{range .items[*]}{.metadata.name}|{.spec.paused}|{.spec.configuration.name}|{.status.configuration.name}|{.status.machineCount}|{.status.updatedMachineCount}'
pool_path+='|{.status.conditions[?(@.type=="Updated")].status}|{.status.conditions[?(@.type=="Degraded")].status}{.status.conditions[?(@.type=="NodeDegraded")].status}{.status.conditions[?(@.type=="RenderDegraded")].status}{"\n"}{end}'
read_pools() {
  ask get machineconfigpools -o "jsonpath=$pool_path" || return 1
  pools=()
  local line
  while IFS= read -r line; do [ -z "$line" ] || pools+=("$line"); done <<<"$out"
}

degraded_pool() { # fails where a pool is degraded
  local pool
  for pool in ${pools[@]+"${pools[@]}"}; do
    [[ ${pool##*|} = *True* ]] || continue
    pool=${pool%%|*}
    ask get machineconfigpool "$pool" -o 'jsonpath={range .status.conditions[?(@.status=="True")]}{.type}: {.message}{"\n"}{end}' || out=''
    fail 11 "pool $pool is degraded: $(degraded_reason)" "$1"
  done
}
degraded_reason() {
  local line
  while IFS= read -r line; do case $line in *Degraded:*) printf '%s' "$line"; return ;; esac; done <<<"$out"
  printf 'see %s describe machineconfigpool' "$OC"
}

# The file of a rendered configuration: redirected["source|mirror"] lists how ("digest-only" …), known[scope] and blocked[scope].
declare -A redirected=() known=() blocked=()
read_rendered() { # CONFIGURATION
  ask get machineconfig "$1" -o "jsonpath={.spec.config.storage.files[?(@.path==\"$conf\")].contents.source}" || return 1
  case $out in
    data:*';base64,'*) out=$(base64 -d <<<"${out#*;base64,}" 2>/dev/null) || return 1 ;;
    data:*) out=${out#*,}; printf -v out '%b' "${out//%/\\x}" ;;
  esac
  read_conf "$out"
}
read_conf() {
  local line value scope='' mirror='' in_mirror=no
  redirected=() known=() blocked=()
  while IFS= read -r line; do
    line=${line#"${line%%[![:space:]]*}"}
    value=${line#*= } value=${value//\"/}
    case $line in
      '[[registry]]') in_mirror=no scope='' ;;
      '[[registry.mirror]]') in_mirror=yes ;;
      'prefix = '*) [ -z "$value" ] || scope=$value known[$value]=yes ;;
      'location = '*)
        if [ $in_mirror = yes ]; then mirror=$value; redirected["$scope|$mirror"]+=' '
        elif [ -z "$scope" ] && [ -n "$value" ]; then scope=$value known[$value]=yes
        fi ;;
      'blocked = true') blocked[$scope]=yes ;;
      'pull-from-mirror = '*) redirected["$scope|$mirror"]+="$value " ;;
    esac
  done <<<"$1"
}

# Whether the file leads a source to a mirror. Until 4.12 it says digest-only once for all mirrors of a registry.
leads() { # "source|mirror|how"
  local ways=${redirected[${1%|*}]-none}
  [[ $ways = *"${1##*|}"* || ($ways = ' ' && $1 = *'|digest-only') ]]
}

# The first thing in which the file is not yet what it is to be, in REPLY; false where there is none.
unsettled() {
  local triple source
  for triple in "${!wanted[@]}"; do
    leads "$triple" || { IFS='|' read -r source REPLY _ <<<"$triple"; REPLY="$source is not led to $REPLY (${triple##*|})"; return 0; }
  done
  for triple in "${!gone[@]}"; do
    ! leads "$triple" || { IFS='|' read -r source REPLY _ <<<"$triple"; REPLY="$source is still led to $REPLY (${triple##*|})"; return 0; }
  done
  for source in "${!policies[@]}"; do
    [ "${policies[$source]}" != NeverContactSource ] || [ -n "${blocked[$source]-}" ] || { REPLY="$source is not blocked"; return 0; }
  done
  return 1
}

# What is wanted becomes what is to be gone, less what other objects want too.
forget() {
  local triple entry resource source mirrors mirror
  for triple in "${!wanted[@]}"; do gone[$triple]=yes; done
  for entry in ${entries[@]+"${entries[@]}"}; do
    IFS='|' read -r resource _ source _ mirrors <<<"$entry"
    how_of "$resource"
    for mirror in $mirrors; do
      triple="$source|$mirror|$REPLY"
      unset 'gone[$triple]' # in single quotes: what is in the key is not read as shell
    done
  done
  wanted=() policies=()
}

# Whether nodes will be drained for it (MCO pkg/daemon/drain.go): mirrors that go, mirrors for tags that come, and sources that are blocked or freed.
predict_drain() {
  local config triple source entry resource mirrors mirror
  local -A others=()
  drain=unknown
  config=$(IFS='|' read -r _ _ config _ <<<"${pools[0]-}" && printf '%s' "$config")
  [ -n "$config" ] && read_rendered "$config" || return 0
  drain=no
  for triple in "${!wanted[@]}"; do
    [[ $triple = *'|digest-only' ]] || leads "$triple" || drain=yes
  done
  for entry in ${entries[@]+"${entries[@]}"}; do
    IFS='|' read -r _ _ source _ mirrors <<<"$entry"
    for mirror in $mirrors; do others["$source|$mirror"]=yes; done
  done
  for entry in ${current[@]+"${current[@]}"}; do
    IFS='|' read -r resource _ source _ mirrors <<<"$entry"
    how_of "$resource"
    for mirror in $mirrors; do [ -n "${wanted["$source|$mirror|$REPLY"]-}${others["$source|$mirror"]-}" ] || [ "$mirror" = "$source" ] || drain=yes; done
  done
  for source in "${!policies[@]}"; do
    [ -n "${known[$source]-}" ] || continue
    if [ "${policies[$source]}" = NeverContactSource ]; then [ -n "${blocked[$source]-}" ] || drain=yes
    else [ -z "${blocked[$source]-}" ] || drain=yes
    fi
  done
}
tell_drain() {
  case $drain in
    yes) say "Nodes take it up one after the other and are drained for it (tags, mirrors that go, or another policy); CRI-O is reloaded, nothing reboots." ;;
    no) say "Nodes take it up one after the other; CRI-O is reloaded, no drain is expected." ;;
    *) say "Nodes take it up one after the other; whether they are drained could not be found out." ;;
  esac
}

wait_for_pools() {
  local start=$SECONDS pool pool_name paused want have machines updated is_updated begun open waiting line last='' quiet=no reason=''
  local -A tested=()
  while :; do
    if read_pools; then
      quiet=no begun=yes open=() waiting=() line=''
      degraded_pool "the objects stay; look at the pool: $OC describe machineconfigpool"
      for pool in ${pools[@]+"${pools[@]}"}; do
        IFS='|' read -r pool_name paused want have machines updated is_updated _ <<<"$pool"
        # A rendered configuration never changes: each is read once.
        want=${want:-none}
        if [ -z "${tested[$want]-}" ]; then
          if ! read_rendered "$want"; then [[ $err != *'(Forbidden)'* ]] || refused "reading the configuration of pool $pool_name"
          elif unsettled; then tested[$want]=no reason=$REPLY
          else tested[$want]=yes
          fi
        fi
        if [ "${tested[$want]:-no}" = no ]; then
          if [ "$paused" = true ] && [ "$allow_paused" = yes ]; then waiting+=("$pool_name"); else begun=no open+=("$pool_name"); fi
          line+="${line:+, }$pool_name: not begun"
        elif [ "${machines:-0}" = 0 ] || { [ "$want" = "$have" ] && [ "$updated" = "$machines" ] && [ "$is_updated" = True ]; }; then
          line+="${line:+, }$pool_name: done"
        elif [ "$paused" = true ]; then
          waiting+=("$pool_name"); line+="${line:+, }$pool_name: paused"
        else
          open+=("$pool_name"); line+="${line:+, }$pool_name: ${updated:-0} of $machines nodes"
        fi
      done
      [ "$line" = "$last" ] || say "$(date +%T)  $line"
      last=$line
      if [ $begun = yes ] && [ ${#open[@]} = 0 ]; then
        [ ${#waiting[@]} = 0 ] || [ "$allow_paused" = yes ] || fail 13 "pool ${waiting[*]} is paused and keeps the old configuration" \
          "unpause it: $OC patch machineconfigpool ${waiting[0]} --type merge -p '{\"spec\":{\"paused\":false}}'; then: $program --wait-only"
        return 0
      fi
      if [ $begun = no ] && ((SECONDS - start >= start_timeout_s)); then
        fail 8 "the Machine Config Operator did not take it up within $start_timeout: pool ${open[*]}${reason:+, $reason}" \
          "it says why only in its log: $OC -n openshift-machine-config-operator logs deploy/machine-config-controller | grep -iE 'image config|mirrorSourcePolicy|invalid format'"
      fi
    else
      case $err in *Unauthorized* | *'provide credentials'* | *'(Forbidden)'*) refused "reading the pools" ;; esac
      # The API server of a small cluster is away for a while during a rollout.
      [ $quiet = yes ] || { complaint; say "$(date +%T)  no answer, asking on: $REPLY"; quiet=yes; }
    fi
    ((SECONDS - start < timeout_s)) || fail 9 "not all nodes have it after $timeout: ${last:-the pools could not be read}" "they go on by themselves; wait on: $program --wait-only --timeout 1h"
    sleep "$poll"
  done
}

# ---- the steps

# Where the cluster does not tell, the dry run does.
may() { # VERB RESOURCE
  ask auth can-i "$1" "$2" || [[ $out != no* ]] || fail 5 "this account may not $1 ${2%%.*}" "use an account that may do that, such as a cluster administrator's"
}

# What nodes need beside the redirection.
look_around() {
  local there='' key=${registry/:/..}
  if [ $with_ca = no ]; then
    if ! ask get images.config.openshift.io cluster -o 'jsonpath={.spec.additionalTrustedCA.name}'; then complaint; warn "whether nodes trust $registry is not seen: $REPLY"
    else
      [ -z "$out" ] || ! ask get configmap "$out" -n $config_namespace --ignore-not-found -o "jsonpath={.data.${key//./\\.}}" || there=$out
      [ -n "$there" ] || warn "the cluster's additionalTrustedCA has no certificate for $registry: nodes trust it only if a public authority issued it (else: --with-ca)"
    fi
  fi
  if [ $with_pull_secret = no ]; then
    if ! ask get secret pull-secret -n $config_namespace --ignore-not-found -o 'jsonpath={.data.\.dockerconfigjson}'; then complaint; warn "whether nodes have an account of $registry is not seen: $REPLY"
    else
      there=$(base64 -d <<<"$out" 2>/dev/null)
      [[ $there = *"\"$registry\""* || $there = *"\"$registry/"* ]] || warn "the cluster's pull secret has no account of $registry: nodes can pull only what anybody may (else: --with-pull-secret)"
    fi
  fi
}

prepare() { # before anything is changed
  local resource
  for resource in "${kinds[@]}"; do
    may create "$resource"; may patch "$resource"
    [[ " ${surplus[*]-} " != *" $resource|"* ]] || may delete "$resource"
  done
  look_around
  if read_pools; then
    [ $wait = no ] || degraded_pool "nothing was changed; repair it first, or use --no-wait"
    predict_drain
  elif [ $wait = yes ]; then
    refused "reading the pools"
  fi
}

dry_run() {
  # Everything first: of several files the good ones are applied although a later one is refused.
  ask apply --server-side --field-manager=$manager ${force[@]+"${force[@]}"} --dry-run=server --validate=strict "${manifests[@]}" || refused "the server refuses the objects"
  local status=0 object
  ask diff --server-side --field-manager=$manager ${force[@]+"${force[@]}"} "${manifests[@]}" || status=$?
  [ $status -le 1 ] || refused "comparing with the cluster"
  differences=$out
  for object in ${surplus[@]+"${surplus[@]}"}; do
    ask delete "${object%|*}" "${object#*|}" --dry-run=server || refused "deleting ${object%%.*} ${object#*|}"
    differences+=$'\n'"- ${object%%.*}/${object#*|}: deleted, for the files beside this script do not have it any more" status=1
  done
  return $status
}

new_backup() {
  [ -z "$backup" ] || return
  backup=$backup_dir/$(date +%Y%m%dT%H%M%S.%3N)
  mkdir -p "$backup" 2>/dev/null || fail 3 "no backup can be written to $backup" "name another place with --backup-dir"
  say "Backup: $backup"
}
save() { # what is there now, to be restored by --rollback
  local resource object
  new_backup
  for resource in "${kinds[@]}"; do
    for object in ${present[@]+"${present[@]}"}; do
      [[ $object = "$resource|"* ]] || continue
      ask get "$resource" "${object#*|}" -o yaml || refused "reading ${resource%%.*} ${object#*|}"
      { printf '%s\n' ---; without_server_fields; } >>"$backup/$resource.yml"
    done
    [ -e "$backup/$resource.yml" ] || printf '%s\n' "$resource" >>"$backup/absent"
  done
}
without_server_fields() {
  local line skip=no
  while IFS= read -r line; do
    case $line in
      '  managedFields:'*) skip=yes ;;
      '  - '* | '    '*) [ $skip = yes ] || printf '%s\n' "$line" ;;
      '  resourceVersion: '* | '  uid: '* | '  generation: '* | '  creationTimestamp: '*) skip=no ;;
      status:*) return ;;
      *) skip=no; printf '%s\n' "$line" ;;
    esac
  done <<<"$out"
}

name_objects() { # "RESOURCE|NAME"...
  local object
  objects=()
  for object; do objects+=("${object%%.*}/${object#*|}"); done
}
delete_surplus() {
  local object
  for object in ${surplus[@]+"${surplus[@]}"}; do
    ask delete "${object%|*}" "${object#*|}" --ignore-not-found || refused "deleting ${object%%.*} ${object#*|}"
    say "Deleted, for the files beside this script do not have it any more: ${object%%.*}/${object#*|}"
  done
}
tell_objects() {
  local object
  for object in "${objects[@]}"; do say "  $object"; done
  for object in ${surplus[@]+"${surplus[@]}"}; do say "  ${object%%.*}/${object#*|} is deleted then: the files beside this script do not have it any more"; done
  if [ "$family" = mirrorsets ]; then
    say "List them: $OC get imagedigestmirrorset,imagetagmirrorset    (imagecontentsourcepolicy does not show them)"
  else
    say "List it: $OC get imagecontentsourcepolicy"
    warn "ImageContentSourcePolicy redirects pulls by digest only; tags go on to their source"
  fi
}

do_apply() {
  read_objects
  find_conflicts
  prepare
  if dry_run; then
    message="nothing to change"
    say "The objects are as they should be:"
    name_objects "${rendered[@]}"
    tell_objects
  else
    say "To be applied:"
    name_objects "${rendered[@]}"
    tell_objects
    tell_drain
    save
    changed=true
    ask apply --server-side --field-manager=$manager ${force[@]+"${force[@]}"} --validate=strict "${manifests[@]}" || refused "applying the objects"
    message="applied"
    say "Applied: ${objects[*]}"
    delete_surplus
  fi
  [ $wait = no ] || { wait_for_pools; say "All nodes are redirected to $registry."; }
}

do_check() {
  read_objects
  find_conflicts
  prepare
  name_objects "${rendered[@]}"
  tell_objects
  if dry_run; then
    message="nothing would change"
    say "Nothing would change."
  else
    [ $json = yes ] && say "$differences" || printf '%s\n' "$differences"
    message="there are differences"
    say "The server accepts the objects; the differences are above."
    tell_drain
    exit 10
  fi
}

# Reads only, so that it needs no right to change anything.
do_verify() {
  local pool paused want have machines resource file triple
  name_objects "${rendered[@]}"
  read_objects
  [ ${#present[@]} -gt 0 ] || fail 12 "nothing was applied: there is no object called $name" "apply it: $program"
  for resource in "${kinds[@]}"; do
    file_of "$resource"; lines_of_file "$resource" "$REPLY"
    file=$(printf '%s\n' "${lines[@]}" | sort)
    lines_of_cluster "$resource"
    [ ${#lines[@]} -gt 0 ] || fail 12 "there is no ${resource%%.*} $name in the cluster, or it is empty" "apply it: $program"
    [ "$file" = "$(printf '%s\n' "${lines[@]}" | sort)" ] || fail 12 "${resource%%.*} $name in the cluster has other entries than the file beside this script" "see the differences with --check"
  done
  [ ${#surplus[@]} = 0 ] || fail 12 "${surplus[0]%%.*} ${surplus[0]#*|} is still there, and the files beside this script do not have it any more" "apply again, which deletes it: $program"
  find_conflicts
  look_around
  read_pools || refused "reading the pools"
  degraded_pool "its nodes keep what they have; look at it: $OC describe machineconfigpool"
  for triple in "${!wanted[@]}"; do break; done
  for pool in ${pools[@]+"${pools[@]}"}; do
    IFS='|' read -r pool paused want have machines _ <<<"$pool"
    [ "${machines:-0}" != 0 ] || continue
    read_rendered "$want" || refused "reading the configuration of pool $pool"
    ! unsettled || fail 12 "pool $pool: $REPLY in $conf" "the Machine Config Operator has not taken it up: $program --wait-only"
    if [ "$want" != "$have" ]; then
      [ "$paused" != true ] || fail 13 "pool $pool is paused and keeps the old configuration" "unpause it, then: $program --wait-only"
      fail 12 "pool $pool is still being updated to it" "$program --wait-only"
    fi
    # The control: whoever finds everything right would find this right, too.
    ! leads "${triple%%|*}|$registry/registry-passthrough-control|digest-only" || fail 1 "the control finds in pool $pool what is not there"
    found+=("pool $pool: $conf leads every source to its mirrors, and not to a mirror that nobody named")
  done
  if [ -n "$node" ]; then
    [[ ${OC##*/} = oc* ]] || fail 3 "--node needs oc; $OC cannot read a node's files"
    ask debug "node/$node" --quiet -- chroot /host cat $conf || refused "reading the file of node $node"
    read_conf "$out"
    ! unsettled || fail 12 "node $node: $REPLY in $conf"
  fi
  message="objects and nodes agree"
  say "The objects and every pool's $conf agree with the files beside this script."
}

# Pods that pull: they need not run, and go with their namespace.
control='registry-passthrough/control:is-nowhere'
test_pod() { # NAME NODE IMAGE
  cat <<EOF
---
apiVersion: v1
kind: Pod
metadata: {name: $1, namespace: $test_namespace}
spec:
  nodeName: $(quoted "$2")
  restartPolicy: Never
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  tolerations: [{operator: Exists}]
  containers:
  - name: pull
    image: $(quoted "$3")
    imagePullPolicy: Always
    command: [/bin/true]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
EOF
}
is_blocked() { # IMAGE
  local source
  for source in "${!policies[@]}"; do [[ $1 != "$source"/* || ${policies[$source]} != NeverContactSource ]] || return 0; done
  return 1
}
do_test() {
  local namespace=registry-passthrough-test pool pool_name machines node image pod state words reason open events line start=$SECONDS
  local -A what=() pulled=()
  local pods=()
  name_objects "${rendered[@]}"
  may create namespaces
  may create pods
  read_pools || refused "reading the pools"
  ask get namespace $namespace --ignore-not-found -o name || refused "looking for namespace $namespace"
  [ -z "$out" ] || fail 7 "namespace $namespace is there: another test runs, or one was broken off" "$OC delete namespace $namespace"
  printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n' $namespace >"$work/namespace.yml"
  ask apply --server-side --field-manager=$manager -f "$work/namespace.yml" || refused "making namespace $namespace"
  test_namespace=$namespace
  for pool in ${pools[@]+"${pools[@]}"}; do
    IFS='|' read -r pool_name _ _ _ machines _ <<<"$pool"
    [ "${machines:-0}" != 0 ] || continue
    ask get nodes -l "node-role.kubernetes.io/$pool_name" -o 'jsonpath={.items[*].metadata.name}' || refused "looking for a node of pool $pool_name"
    node=${out%% *}
    [ -n "$node" ] || { warn "no node has the role of pool $pool_name"; continue; }
    for image in "${images[@]}" "${images[0]%%/*}/$control"; do
      pod=pull-${#pods[@]}
      pods+=("$pod") what[$pod]="$node (pool $pool_name)|$image"
      test_pod "$pod" "$node" "$image" >>"$work/pods.yml"
    done
  done
  [ ${#pods[@]} -gt 0 ] || fail 12 "no pool has a node on which a pod could run"
  ask apply --server-side --field-manager=$manager -f "$work/pods.yml" || refused "making pods that pull"

  while :; do
    ask get pods -n $namespace -o 'jsonpath={range .items[*]}{.metadata.name}|{.status.phase}|{.status.containerStatuses[0].imageID}|{.status.containerStatuses[0].state.waiting.reason}{"\n"}{end}' || refused "looking at the pods"
    open=''
    while IFS='|' read -r pod state words reason; do
      case $reason:$words:$state in
        ErrImagePull:* | ImagePullBackOff:* | InvalidImageName:* | ImageInspectError:*) pulled[$pod]=no ;;
        CreateContainer*:* | RunContainerError:* | CrashLoopBackOff:* | *:?*:* | *:Running | *:Succeeded) pulled[$pod]=yes ;;
        *) open+="${open:+, }${what[$pod]##*|} on node ${what[$pod]%|*}" ;;
      esac
    done <<<"$out"
    [ -n "$open" ] || break
    ((SECONDS - start < start_timeout_s)) || fail 12 "after $start_timeout it is neither pulled nor refused: $open" "allow more with --start-timeout"
    sleep "$poll"
  done

  ask get events -n $namespace -o 'jsonpath={range .items[?(@.reason=="Failed")]}{.involvedObject.name}|{.message}{"\n"}{end}' || refused "reading why pulls failed"
  events=$out
  for pod in "${pods[@]}"; do
    IFS='|' read -r node image <<<"${what[$pod]}"
    words=''
    while IFS= read -r line; do [[ -n $words || $line != "$pod|"*pull* ]] || words=${line#*|}; done <<<"$events"
    if [[ $image != */$control ]]; then
      [ "${pulled[$pod]}" = yes ] || fail 12 "node $node cannot pull $image: ${words:-it does not say why}" "does it trust the registry (--with-ca), and has it an account (--with-pull-secret)?"
      if is_blocked "$image"; then found+=("node $node pulled $image from a mirror: its source is blocked")
      else found+=("node $node pulled $image, from a mirror or from the source, which it may ask")
      fi
    else
      [ "${pulled[$pod]}" = no ] || fail 12 "node $node pulled $image, which should be nowhere"
      [[ $words = *"$registry/"* ]] || fail 12 "node $node did not ask $registry for $image: ${words:-it does not say whom}" "$program --verify"
      found+=("node $node asked $registry for $image, which is nowhere, and failed as it must")
    fi
  done
  message="a node of every pool pulls by upstream names"
  for line in "${found[@]}"; do say "$line"; done
}

do_delete() {
  local resource object
  read_objects
  if [ ${#present[@]} = 0 ]; then
    message="nothing to delete"
    say "There is no object called $name."
    return
  fi
  wanted=() policies=()
  for object in "${present[@]}"; do
    ask delete "${object%|*}" "${object#*|}" --ignore-not-found --dry-run=server || refused "deleting ${object%%.*} ${object#*|}"
  done
  for resource in "${kinds[@]}"; do lines_of_cluster "$resource"; want "$resource"; done
  forget
  name_objects "${present[@]}"
  save
  warn "nodes are drained one after the other when mirrors go; without the mirror they ask the sources themselves"
  drain=yes
  for object in "${present[@]}"; do
    changed=true
    ask delete "${object%|*}" "${object#*|}" --ignore-not-found || refused "deleting ${object%%.*} ${object#*|}"
    say "Deleted: ${object%%.*}/${object#*|}"
  done
  message="deleted"
  [ $wait = no ] || { wait_for_pools; say "No node is redirected to $registry by these objects."; }
}

do_rollback() {
  local resource restored=() removed=() kept=() object line file triple
  [ -d "$rollback_dir" ] || fail 3 "$rollback_dir is no folder" "name a backup of this script: they are in $backup_dir"
  kinds=()
  set +f
  for file in "$rollback_dir"/*.yml; do
    [ -r "$file" ] || continue
    restored+=(-f "$file")
    resource=${file##*/} resource=${resource%.yml}
    kinds+=("$resource")
    while IFS= read -r line; do [[ $line != '  name: '* ]] || kept+=("$resource|${line#*: }"); done <"$file"
  done
  set -f
  [ ! -r "$rollback_dir/absent" ] || while IFS= read -r resource; do kinds+=("$resource"); done <"$rollback_dir/absent"
  [ ${#kinds[@]} -gt 0 ] || fail 3 "$rollback_dir holds nothing that can be restored" "name a backup of this script: they are in $backup_dir"
  for resource in "${kinds[@]}"; do
    case $resource in imagedigestmirrorsets.* | imagetagmirrorsets.* | imagecontentsourcepolicies.*) ;; *) fail 3 "$rollback_dir is no backup of this script: $resource" ;; esac
  done

  # What is there now must go, as far as neither the backup nor another object has it.
  read_objects
  for object in ${present[@]+"${present[@]}"}; do [[ " ${kept[*]-} " = *" $object "* ]] || removed+=("$object"); done
  wanted=() policies=()
  for resource in "${kinds[@]}"; do lines_of_cluster "$resource"; want "$resource"; done
  [ ${#restored[@]} = 0 ] || ask apply --server-side --field-manager=$manager --force-conflicts --dry-run=server "${restored[@]}" || refused "the server refuses the backup"
  for object in ${removed[@]+"${removed[@]}"}; do
    ask delete "${object%|*}" "${object#*|}" --ignore-not-found --dry-run=server || refused "deleting ${object%%.*} ${object#*|}"
  done
  changed=true
  if [ ${#restored[@]} -gt 0 ]; then
    ask apply --server-side --field-manager=$manager --force-conflicts "${restored[@]}" || refused "restoring the backup"
    name_objects ${kept[@]+"${kept[@]}"}
    say "Restored: ${objects[*]}"
  fi
  for object in ${removed[@]+"${removed[@]}"}; do
    ask delete "${object%|*}" "${object#*|}" --ignore-not-found || refused "deleting ${object%%.*} ${object#*|}"
    say "Deleted, as before: ${object%%.*}/${object#*|}"
  done
  read_objects
  forget
  for resource in "${kinds[@]}"; do lines_of_cluster "$resource"; want "$resource"; done
  for triple in "${!wanted[@]}"; do unset 'gone[$triple]'; done
  message="restored"
  drain=unknown
  [ $wait = no ] || { wait_for_pools; say "All nodes have what they had."; }
}

# ---- what nodes need beside the redirection

add_ca() {
  local name_there='' manifest
  [ -n "$trusted_ca_file" ] || fail 2 "--with-ca: no authority was rendered" "run icsp_render with outputs that have trusted_ca, and registry_ca_file"
  [ -r "$here/$trusted_ca_file" ] || fail 3 "$here/$trusted_ca_file is missing" "copy the whole folder that icsp_render wrote"
  ask get images.config.openshift.io cluster -o 'jsonpath={.spec.additionalTrustedCA.name}' || refused "reading the image configuration"
  name_there=$out
  manifest=$(<"$here/$trusted_ca_file")
  # Only one ConfigMap can be named there: ours becomes a key of the one that is.
  [ -z "$name_there" ] || manifest=${manifest/"  name: registry-passthrough-ca"/"  name: $name_there"}
  printf '%s\n' "$manifest" >"$work/ca.yml"
  apply_other "the certificate authority" "$work/ca.yml"
  [ -n "$name_there" ] || [ "$mode" = check ] || {
    ask patch images.config.openshift.io cluster --type merge -p '{"spec":{"additionalTrustedCA":{"name":"registry-passthrough-ca"}}}' || refused "naming the ConfigMap in the image configuration"
    changed=true
  }
}

add_pull_secret() {
  local there ours file=$here/$pull_secret_file
  [ -n "$pull_secret_file" ] || fail 2 "--with-pull-secret: no pull secret was rendered" "run icsp_render with outputs that have pull_secret, and pull_secret_path"
  [ -r "$file" ] || fail 3 "$file cannot be read" "copy the whole folder that icsp_render wrote; the file is for its owner only"
  ask get secret pull-secret -n $config_namespace -o 'jsonpath={.data.\.dockerconfigjson}' || refused "reading the pull secret"
  there=$(base64 -d <<<"$out" 2>/dev/null)
  ours=$(<"$file")
  [ "$there" != "$ours" ] || { say "The pull secret is as it should be."; return; }
  # Anything else than what ours was made from may hold entries that ours lacks.
  [ "$(printf '%s' "$there" | sha256sum)" = "$pull_secret_base  -" ] || fail 7 "the cluster's pull secret is not the one that $pull_secret_file was made from, so replacing it could lose entries" \
    "save it again, run icsp_render with it as pull_secret_path, then this script: $OC get secret/pull-secret -n $config_namespace --template='{{index .data \".dockerconfigjson\" | base64decode}}'"
  [ "$mode" != check ] || { say "The pull secret would be replaced."; return; }
  new_backup
  (umask 077 && printf '%s\n' "$there" >"$backup/pull-secret.json") || fail 3 "no backup can be written to $backup"
  printf '{"data":{".dockerconfigjson":"%s"}}' "$(base64 -w0 "$file")" >"$work/patch.json"
  ask patch secret pull-secret -n $config_namespace --type merge --patch-file "$work/patch.json" || refused "replacing the pull secret"
  changed=true
  say "The pull secret has the registry's account."
}

add_signatures() {
  local file files any=no
  set +f
  files=("$here"/signature-*.{yaml,yml,json} "$here"/release-signatures/*.{yaml,yml,json})
  set -f
  for file in "${files[@]}"; do
    [ -r "$file" ] || continue
    any=yes
    apply_other "the signatures of releases (${file##*/})" "$file"
  done
  [ $any = yes ] || fail 3 "--with-signatures: no signature-*.yaml or .json is beside this script or in release-signatures/" \
    "copy them from oc-mirror's cluster-resources"
}

apply_other() { # WHAT FILE
  local status=0
  ask diff --server-side --field-manager=$manager ${force[@]+"${force[@]}"} -f "$2" || status=$?
  case $status in
    0) say "Of $1 nothing changes."; return ;;
    1) ;;
    *) refused "comparing $1" ;;
  esac
  [ "$mode" != check ] || { say "$1 would be applied."; return; }
  ask apply --server-side --field-manager=$manager ${force[@]+"${force[@]}"} -f "$2" || refused "applying $1"
  changed=true
  say "Applied: $1"
}

connect
discover
[ -z "$version" ] || say "OpenShift $version, $family"
read_manifests
case $mode in
  apply | check)
    [ $with_ca = no ] || add_ca
    [ $with_pull_secret = no ] || add_pull_secret
    [ $with_signatures = no ] || add_signatures ;;
esac
case $mode in
  apply) do_apply ;;
  check) do_check ;;
  verify) do_verify ;;
  test) do_test ;;
  wait-only) name_objects "${rendered[@]}"; wait_for_pools; message="all nodes have it"; say "All nodes are redirected to $registry." ;;
  delete) do_delete ;;
  rollback) do_rollback ;;
esac
