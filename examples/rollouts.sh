#!/bin/sh
# Makes the rollouts of these examples anew, in a new folder: those of the fleet
# that have begun, and those in broken/, which are begun rightly and then broken.
#
#	sh rollouts.sh FOLDER
#
# It needs ringplan on the PATH. A test compares the examples with what this
# makes, and `make golden` puts that in their place.
set -eu

examples=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p -- "$1/broken" "$1/fleet"
out=$(CDPATH='' cd -- "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# at TIME ARGUMENT... runs ringplan at a present time, and shows what it says if
# it fails.
at() {
	now=$1
	shift
	RINGPLAN_NOW=$now ringplan "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }
}

# datastore NAMESPACE ORGANIZATION VERSION DATACENTER [PROPERTY] prints what
# kubectl says of a region that runs; the property comes after the rack.
datastore() {
	cat <<END
{"apiVersion": "v1", "kind": "List", "items": [
{"apiVersion": "apigee.cloud.google.com/v1alpha1", "kind": "ApigeeDatastore",
 "metadata": {"name": "default", "namespace": "$1", "generation": 1, "labels": {"app.kubernetes.io/version": "$3"}},
 "spec": {"components": {"cassandra": {"replicas": 3, "properties": {"clusterName": "apigeecluster", "datacenter": "$4", "rack": "ra-1"${5:-}}}}},
 "status": {"state": "running", "observedGeneration": 1, "lastAppliedGeneration": 1, "cassandraReadyReplicas": 3}},
{"apiVersion": "apigee.cloud.google.com/v1alpha2", "kind": "ApigeeOrganization",
 "metadata": {"name": "$2", "namespace": "$1"}, "status": {"state": "running"}}
]}
END
}

# nodes DATACENTER ADDRESS ID LOAD prints what nodetool says of three nodes, whose
# addresses and IDs begin so.
nodes() {
	cat <<END
Datacenter: $1
================
Status=Up/Down
|/ State=Normal/Leaving/Joining/Moving
--  Address      Load       Tokens  Owns  Host ID                               Rack
UN  $2.11  $4  256     ?     8894a98b-0000-45de-99e2-f404ab${3}00  ra-1
UN  $2.12  $4  256     ?     8894a98b-0000-45de-99e2-f404ab${3}01  ra-1
UN  $2.13  $4  256     ?     8894a98b-0000-45de-99e2-f404ab${3}02  ra-1
END
}

# The fleet: the sandbox serves, staging is being installed.

mkdir "$out/fleet/sandbox" "$out/fleet/staging"
cp -- "$examples"/fleet/sandbox/topology.* "$out/fleet/sandbox"
cp -- "$examples"/fleet/staging/topology.* "$out/fleet/staging"
{
	echo "# observed-at: 2026-11-16T10:25:00Z"
	datastore apigee-sandbox umbrella-sandbo-08aaa70 1.17.0 dc-1
	nodes dc-1 10.36.4 10a1 "1.2 MiB"
} >"$work/seen.txt"
cd "$out/fleet/sandbox"
at 2026-11-16T09:00:00Z advance singapore
at 2026-11-16T10:30:00Z advance singapore -f "$work/seen.txt"
cd "$out/fleet/staging"
at 2026-11-18T09:00:00Z advance singapore

# The rollouts that are broken below: alone is a ring of one region, and pair one
# of two; each at a step.

mkdir "$work/alone-1" "$work/pair-1"
cat >"$work/alone-1/topology.yaml" <<'END'
apiVersion: ringplan.dev/v1alpha1
kind: Topology
metadata: {name: broken}
spec:
  system: apigee-hybrid
  version: 1.16.0
  organization: {name: acme, project: acme-apis, analyticsRegion: us-central1}
  instanceID: acme1
  cassandra: {auth: {secret: cassandra-users}, backup: {gcs: {bucket: acme-backups}}}
  environments: [{name: prod}]
  environmentGroups: [{name: public, tls: {secret: public-tls}}]
  ingressGateways: [{name: public}]
  regions:
    - name: east
      platform: gke
      kubernetes: {cluster: hybrid-east, region: us-east1}
      datacenter: dc-1
      network: {pods: [10.100.0.0/16], nodes: [10.10.0.0/20], services: [10.200.0.0/20]}
END
cat >"$work/west.yaml" <<'END'
    - name: west
      platform: gke
      kubernetes: {cluster: hybrid-west, region: us-west1}
      datacenter: dc-2
      network: {pods: [10.101.0.0/16], nodes: [10.11.0.0/20], services: [10.201.0.0/20]}
      expandFrom: east
      seedHost: 10.100.0.11
END
cat "$work/alone-1/topology.yaml" "$work/west.yaml" >"$work/pair-1/topology.yaml"
{
	echo "# observed-at: 2026-11-21T08:55:00Z"
	datastore apigee acme-822b33a 1.16.0 dc-1
	nodes dc-1 10.100.0 10a1 "71.61 GiB"
} >"$work/first.txt"
{
	echo "# observed-at: 2026-11-21T10:10:00Z"
	datastore apigee acme-822b33a 1.16.0 dc-2 ', "multiRegionSeedHost": "10.100.0.11"'
	nodes dc-1 10.100.0 10a1 "71.61 GiB"
	nodes dc-2 10.101.0 10b2 "78.7 KiB"
} >"$work/joined.txt"

# next FROM TO TIME ARGUMENT... takes one state a step on.
next() {
	[ "$1" = "$2" ] || cp -R "$work/$1" "$work/$2"
	cd "$work/$2"
	shift 2
	at "$@"
}
next alone-1 alone-1 2026-11-21T08:00:00Z advance east
next alone-1 alone-2 2026-11-21T09:00:00Z advance east -f ../first.txt
next pair-1 pair-1 2026-11-21T08:00:00Z advance east
next pair-1 pair-2 2026-11-21T09:00:00Z advance east -f ../first.txt
next pair-2 pair-3 2026-11-21T09:10:00Z advance west
next pair-3 pair-4 2026-11-21T10:15:00Z advance west -f ../joined.txt
next pair-2 other-3 2026-11-21T09:20:00Z adopt east -f ../first.txt

# put FOLDER STATE WORDS copies a state, and says above its topology what is wrong
# with it.
put() {
	cp -R "$work/$2" "$1"
	{
		printf '%s\n' "$3" | fold -s -w 84 | sed 's/ *$//; s/^/# /'
		cat "$work/$2/topology.yaml"
	} >"$1/topology.yaml"
}

# broken NAME STATE WORDS begins an example, and goes on in its folder. It is for
# lint, which reads no rendered files.
broken() {
	put "$out/broken/$1" "$2" "$3"
	cd "$out/broken/$1"
	rm -r rendered
}

# verified NAME STATE WORDS [ARGUMENT...] does so for verify.
verified() {
	put "$out/broken/$1" "$2" "$3"
	cd "$out/broken/$1"
	shift 3
	echo verify >verb
	[ "$#" -eq 0 ] || printf '%s\n' "$@" >args
}

# edit FILE SCRIPT... edits a file with sed, and wants it to change.
edit() {
	file=$1
	shift
	for script; do
		sed "$script" "$file" >"$work/edited"
		if cmp -s "$work/edited" "$file"; then
			printf '%s: %s changes nothing\n' "$PWD/$file" "$script" >&2
			exit 1
		fi
		cat "$work/edited" >"$file"
	done
}

first=evidence/east/01-start-install.yaml
second=evidence/east/02-install-running.yaml
third=evidence/west/03-start-expand.yaml
fourth=evidence/west/04-datacenter-joined.yaml

broken RP120-conflict alone-2 "A merge left its conflict marks in rollout.yaml."
edit rollout.yaml '/^    procedure:/i\
<<<<<<< HEAD
' '/^    facts:/i\
=======\
    procedure: install\
    phase: installing\
    since: "2026-11-21T08:00:00Z"\
>>>>>>> main
'

broken RP120-record alone-1 "A record was edited: it has a field that no record has."
edit $first '/^action:/a\
approvedBy: somebody
'

broken RP121-missing pair-3 "The record of step 2 was lost: who serves is not proven."
rm $second

broken RP121-edited alone-2 "The record of step 1 was edited after step 2: the topology had another number of replicas then."
edit $first 's/replicas: "3"/replicas: "6"/'

broken RP121-two-branches pair-3 "Two branches took step 3: one started west, the other proved east anew."
cp "$work/other-3/evidence/east/03-adopt.yaml" evidence/east

broken RP121-renamed alone-1 "A record was renamed: it is not where its step belongs."
mv $first evidence/east/install.yaml

broken RP122-not-open alone-2 "The record of step 2 was edited: Cassandra did not run in every pod yet."
edit $second 's/cassandraReadyReplicas: 3/cassandraReadyReplicas: 1/'

broken RP122-kinder alone-2 "The record of step 2 was made kinder to what was seen: every node stands in rack ra-2, and by the record that was expected."
edit $second '/^expected:/,$s/rack: ra-1/rack: ra-2/'

broken RP122-too-far pair-4 "The record of step 4 was edited: west went from joining to settling, and was never rebuilt."
edit $fourth 's/^to: rebuilding/to: settling/'
edit rollout.yaml 's/phase: rebuilding/phase: settling/'

broken RP123-forged pair-4 "The phase of west was edited in rollout.yaml, so that its seed host leaves."
edit rollout.yaml 's/phase: rebuilding/phase: settling/'

broken RP123-missing alone-1 "rollout.yaml was deleted, and its evidence was not."
rm rollout.yaml

broken RP123-no-evidence pair-2 "West was put into rollout.yaml by hand."
edit rollout.yaml '$a\
  - region: west\
    procedure: expand\
    phase: serving
'

broken RP123-renamed alone-1 "The topology was renamed after its rollout had begun."
edit topology.yaml 's/name: broken/name: mended/'

broken RP123-last-record alone-2 "The last record was edited, where no check looks."
edit $second 's/first\.txt/other.txt/'

broken RP124-dropped pair-3 "West was taken out of the topology while it joins."
edit topology.yaml '/name: west/,$d'

broken RP125-rack alone-2 "The rack of a region that serves was changed."
edit topology.yaml 's/^\( *\)datacenter: dc-1/&\
\1rack: ra-2/'

broken RP125-source pair-3 "While west joins from east, it is to be built from central."
edit topology.yaml 's/expandFrom: east/expandFrom: central/' '/seedHost/d'
sed 's/west/central/; s/dc-2/dc-3/; s/10\.101\./10.102./; s/10\.11\./10.12./; s/10\.201\./10.202./' "$work/west.yaml" >>topology.yaml

broken RP125-moving pair-3 "The number of replicas of west was changed while it joins."
edit topology.yaml 's/^\( *\)expandFrom: east/&\
\1cassandra: {replicas: 6}/'

broken RP126-version alone-2 "The ring is being upgraded: east was proven with the version before."
edit topology.yaml 's/version: 1.16.0/version: 1.17.0/'

broken RP126-replicas alone-2 "East is being scaled: it was proven with three replicas."
edit topology.yaml 's/cassandra: {auth/cassandra: {replicas: 6, auth/'

verified RP127-edited alone-1 "A rendered file was edited by hand."
edit rendered/east/overrides.yaml 's/replicaCount: 3/replicaCount: 6/'

verified RP127-not-rendered alone-1 "The topology was changed, and not rendered."
edit topology.yaml 's/cassandra: {auth/cassandra: {storage: {size: 50Gi}, auth/'

verified RP128-two-regions pair-3 "The step of west, and a change of the charts' values for every region, come in one pull request." --base HEAD
put base pair-2 "Before the pull request."
edit topology.yaml '/^  regions:/i\
  values: {cassandra: {resources: {requests: {cpu: 2}}}}
'
at 2026-11-21T09:10:00Z render

verified RP129-removed alone-1 "The last step was taken back by removing its record." --base HEAD
put base alone-2 "Before that."

verified RP129-rewritten alone-1 "The first step was taken once more, and its record replaced." --base HEAD
put base alone-1 "Before that."
rm -r evidence rendered rollout.yaml
at 2026-11-21T08:45:00Z advance east

verified RP130-step-taken alone-2 "A step was taken after the plan was approved." --plan examples/broken/RP130-step-taken/approved.json
(cd "$work/alone-1" && at 2026-11-21T08:30:00Z plan --save "$OLDPWD/approved.json")

verified RP130-changed alone-1 "The topology was changed after the plan was approved." --plan examples/broken/RP130-changed/approved.json
at 2026-11-21T08:30:00Z plan --save approved.json
edit topology.yaml 's/environments: \[{name: prod}\]/environments: [{name: prod}, {name: test}]/'
at 2026-11-21T08:30:00Z render

broken RP131-seed-host pair-3 "Another seed host was written down while west joins with the first."
edit topology.yaml 's/seedHost: 10\.100\.0\.11/seedHost: 10.100.0.12/'

verified RP132-storage alone-2 "Larger volumes were written down, and a StatefulSet does not change its claims." --base HEAD
put base alone-2 "Before that."
edit topology.yaml 's/cassandra: {auth/cassandra: {storage: {size: 50Gi}, auth/'
at 2026-11-21T09:10:00Z render

verified RP132-encryption-key alone-2 "Another key was written down, with which nobody can read what is stored." --base HEAD
put base alone-2 "Before that."
edit topology.yaml '/^  regions:/i\
  values: {kmsEncryptionSecret: {name: kms-2026, key: key}}
'
at 2026-11-21T09:10:00Z render

verified RP165-clusters alone-2 "Every region is to have a Flux of its own, and the one that they share still delivers." --base HEAD
put base alone-2 "Before that."
edit topology.yaml '/^  regions:/i\
  repository: {path: examples/broken/RP165-clusters}\
  delivery: [flux]\
  flux: {clusters: own}
'
at 2026-11-21T09:10:00Z render
cd base
edit topology.yaml '/^  regions:/i\
  repository: {path: examples/broken/RP165-clusters}\
  delivery: [flux]
'
at 2026-11-21T09:10:00Z render

verified RP165-engine alone-2 "Flux is to deliver no more, and nobody has taken its objects out." --base HEAD
put base alone-2 "Before that."
cd base
edit topology.yaml '/^  regions:/i\
  delivery: [flux]
'
at 2026-11-21T09:10:00Z render
