package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/live"
	"github.com/ringplan/ringplan/pkg/live/livetest"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/release"
)

const (
	liveAPI    = "apigee.cloud.google.com/v1alpha1"
	livePhases = "region-1=serving,region-2=rebuilding"
)

// A liveRing is a topology of two regions, and a cluster for each that is as
// they are rendered at livePhases.
type liveRing struct {
	topology, kubeconfig, phases string
	clusters                     map[string]*livetest.Server
	releases                     map[string]livetest.Release // by region and name
}

func newLiveRing(t *testing.T) *liveRing {
	t.Helper()
	dir := t.TempDir()
	mustRun(t, "init", "--regions", "2", dir)
	r := &liveRing{topology: filepath.Join(dir, "topology.yaml"), phases: livePhases, clusters: map[string]*livetest.Server{}, releases: map[string]livetest.Release{}}
	out := filepath.Join(dir, "out")
	mustRun(t, "render", "--phase", livePhases, "--out", out, r.topology)
	servers := map[string]string{}
	for i, region := range []string{"region-1", "region-2"} {
		s := livetest.New(t)
		r.clusters[region], servers["cluster-"+string(rune('1'+i))] = s, s.URL
		s.Define(liveAPI, "CassandraDataReplication", "cassandradatareplications")
		s.Define(liveAPI, "ApigeeDatastore", "apigeedatastores")
		r.install(t, region, filepath.Join(out, region))
	}
	r.clusters["region-1"].Put(datastoreObject("dc-1", ""))
	r.clusters["region-2"].Put(datastoreObject("dc-2", "10.100.0.11"))
	r.clusters["region-2"].Put(replicationObject("expand-region-2", "dc-1"))
	r.kubeconfig = livetest.Kubeconfig(t, servers)
	return r
}

// install puts the releases of a rendered region into its cluster.
func (r *liveRing) install(t *testing.T, region, dir string) {
	t.Helper()
	overrides := parsed(t, filepath.Join(dir, "overrides.yaml"))
	steps, _ := release.Lookup(parsed(t, filepath.Join(dir, "releases.yaml")), "spec", "steps")
	for _, item := range steps.([]any) {
		step := item.(map[string]any)
		if step["kind"] != "HelmRelease" {
			continue
		}
		values := maps.Clone(overrides)
		set, _ := step["set"].(map[string]any)
		maps.Copy(values, set)
		r.put(region, livetest.Release{
			Namespace: "apigee", Name: release.Text(step, "name"), Status: live.StatusDeployed, Revision: 4,
			Chart: release.Text(step, "chart"), Version: release.Text(step, "version"), Values: values,
		})
	}
}

// parsed reads a rendered file as helm would.
func parsed(t *testing.T, file string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, problems := manifest.ToJSON(data, renderedLimits)
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	return doc
}

func (r *liveRing) put(region string, release livetest.Release) {
	r.releases[region+"/"+release.Name] = release
	r.clusters[region].Put(release.Secret())
}

// alter changes a release: its values are a copy of its own.
func (r *liveRing) alter(t *testing.T, region, name string, change func(r *livetest.Release, values map[string]any)) {
	t.Helper()
	release := r.releases[region+"/"+name]
	data, err := json.Marshal(release.Values)
	var values map[string]any
	if err := json.Unmarshal(data, &values); err != nil {
		t.Fatal(err)
	}
	if change(&release, values); err != nil {
		t.Fatal(err)
	}
	release.Values = values
	r.put(region, release)
}

// alterAll changes every release of a region.
func (r *liveRing) alterAll(t *testing.T, region string, change func(r *livetest.Release, values map[string]any)) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(r.releases)) {
		if own, name, _ := strings.Cut(key, "/"); own == region {
			r.alter(t, region, name, change)
		}
	}
}

func datastoreObject(datacenter, seed string) map[string]any {
	properties := map[string]any{"datacenter": datacenter, "rack": "ra-1", "clusterName": "apigeecluster", "externalSeedHost": ""}
	if seed != "" {
		properties["multiRegionSeedHost"] = seed
	}
	return map[string]any{
		"apiVersion": liveAPI, "kind": "ApigeeDatastore",
		"metadata": map[string]any{"name": "default", "namespace": "apigee", "labels": map[string]any{"app.kubernetes.io/version": "1.16.0"}},
		"spec": map[string]any{"components": map[string]any{"cassandra": map[string]any{
			"replicas": 3, "properties": properties, "storage": map[string]any{"storageSize": "100Gi"},
			"auth": map[string]any{"default": map[string]any{"password": "canary-object"}},
		}}},
		"status": map[string]any{"state": "running", "secret": "canary-status"},
	}
}

func replicationObject(name, source string) map[string]any {
	return map[string]any{
		"apiVersion": liveAPI, "kind": "CassandraDataReplication",
		"metadata": map[string]any{
			"name": name, "namespace": "apigee", "uid": "1", "resourceVersion": "7", "generation": 1,
			"annotations": map[string]any{"kubectl.kubernetes.io/last-applied-configuration": "canary-annotation"},
			"labels":      map[string]any{"managed": "by another"},
		},
		"spec":   map[string]any{"organizationRef": "my-org-c6f029e", "force": false, "datastoreRef": "default", "source": map[string]any{"region": source}},
		"status": map[string]any{"state": "complete"},
	}
}

// set sets a value below maps.
func set(m map[string]any, value any, keys ...string) {
	for _, key := range keys[:len(keys)-1] {
		inner, ok := m[key].(map[string]any)
		if !ok {
			inner = map[string]any{}
			m[key] = inner
		}
		m = inner
	}
	m[keys[len(keys)-1]] = value
}

// diff runs diff --live, and checks that no canary is in its output.
func (r *liveRing) diff(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	args = append([]string{"diff", "--live", "--phase", r.phases, "--kubeconfig", r.kubeconfig, r.topology}, args...)
	code, stdout, stderr = ringplan(t, args...)
	if strings.Contains(stdout+stderr, "canary") {
		t.Errorf("a secret is shown:\n%s%s", stdout, stderr)
	}
	for name, s := range r.clusters {
		for _, request := range s.Requests() {
			if !strings.HasPrefix(request, "GET ") || request == "GET /api/v1/namespaces/apigee/secrets" {
				t.Errorf("%s: %s: only metadata of all Secrets is read, and nothing is written", name, request)
			}
		}
		stderr = strings.ReplaceAll(stderr, strings.TrimPrefix(s.URL, "https://"), "SERVER")
	}
	return code, stdout, strings.ReplaceAll(stderr, r.kubeconfig, "KUBECONFIG")
}

// want runs diff --live, and compares all that it says.
func (r *liveRing) want(t *testing.T, code int, stdout, stderr string, args ...string) {
	t.Helper()
	gotCode, gotOut, gotErr := r.diff(t, args...)
	if gotCode != code {
		t.Errorf("exit code %d, not %d", gotCode, code)
	}
	if diff := cmp.Diff(stdout, gotOut); diff != "" {
		t.Errorf("stdout (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(stderr, gotErr); diff != "" {
		t.Errorf("stderr (-want +got):\n%s", diff)
	}
}

const liveHeader = "my-topology, from the clusters of region-1, region-2\n"

func TestLiveSame(t *testing.T) {
	newLiveRing(t).want(t, exitOK, liveHeader+"Nothing changes.\n", "")
}

// TestLiveChanges has a row for each kind of difference, in region-2 where
// nothing else is said.
func TestLiveChanges(t *testing.T) {
	const restart = "\n      rolling restart: the pods of Cassandra restart one by one\n"
	const unknown = "\n      rolling restart: what is known of the field does not rule out a restart of pods\n"
	const seed = "\n      rolling restart: the pods of Cassandra restart, with or without the address by which the datacenter joins (procedure expand)\n"
	const upgrade = "\n      rolling restart: the release is upgraded; regions one by one, minor by minor, and none is expanded meanwhile\n"
	const installed = "\n      ring movement: a new datacenter is installed\n"
	for name, c := range map[string]struct {
		prepare func(t *testing.T, r *liveRing)
		want    string
	}{
		"a value, of all releases and the object": {
			func(t *testing.T, r *liveRing) {
				r.alterAll(t, "region-2", func(_ *livetest.Release, v map[string]any) {
					delete(v["cassandra"].(map[string]any), "multiRegionSeedHost")
				})
				r.clusters["region-2"].Put(datastoreObject("dc-2", ""))
			},
			"region-2: 1 change, rolling restart\n  + overrides.yaml: all 8 releases; ApigeeDatastore default: cassandra.multiRegionSeedHost = 10.100.0.11" + seed,
		},
		"a seed host that is left": {
			func(t *testing.T, r *liveRing) {
				r.alterAll(t, "region-1", func(release *livetest.Release, v map[string]any) {
					if release.Name == "datastore" {
						set(v, "10.150.0.1", "cassandra", "multiRegionSeedHost")
					}
				})
				r.clusters["region-1"].Put(datastoreObject("dc-1", "10.150.0.1"))
			},
			"region-1: 1 change, rolling restart\n  - overrides.yaml: release datastore; ApigeeDatastore default: cassandra.multiRegionSeedHost = 10.150.0.1" + seed,
		},
		"a value of some": {
			func(t *testing.T, r *liveRing) {
				r.alterAll(t, "region-2", func(release *livetest.Release, v map[string]any) {
					if release.Name == "redis" || release.Name == "telemetry" {
						set(v, 1, "cassandra", "replicaCount")
					}
				})
			},
			"region-2: 1 change, ring movement\n  ~ overrides.yaml: releases telemetry, redis: cassandra.replicaCount = 1 → 3\n      ring movement: nodes join or leave, and data moves among them; by threes, with every node up\n",
		},
		"a value that differs twice": {
			func(t *testing.T, r *liveRing) {
				r.alter(t, "region-2", "redis", func(_ *livetest.Release, v map[string]any) { set(v, "a", "cassandra", "auth", "secret") })
				r.alter(t, "region-2", "operator", func(_ *livetest.Release, v map[string]any) { set(v, "b", "cassandra", "auth", "secret") })
			},
			"region-2: 2 changes, rolling restart\n  ~ overrides.yaml: release operator: cassandra.auth.secret = b → apigee-cassandra-auth" + restart +
				"  ~ overrides.yaml: release redis: cassandra.auth.secret = a → apigee-cassandra-auth" + restart,
		},
		"a value of most": {
			func(t *testing.T, r *liveRing) {
				r.alterAll(t, "region-2", func(release *livetest.Release, v map[string]any) {
					if release.Name != "redis" {
						set(v, "old", "cassandra", "auth", "secret")
					}
				})
			},
			"region-2: 1 change, rolling restart\n  ~ overrides.yaml: all 8 releases but redis: cassandra.auth.secret = old → apigee-cassandra-auth" + restart,
		},
		"what a set says": {
			func(t *testing.T, r *liveRing) {
				r.alter(t, "region-2", "prod-env-release", func(_ *livetest.Release, v map[string]any) { v["env"] = "test" })
			},
			"region-2: 1 change, rolling restart\n  ~ overrides.yaml: release prod-env-release: env = test → prod" + unknown,
		},
		"versions": {
			func(t *testing.T, r *liveRing) {
				r.alterAll(t, "region-2", func(release *livetest.Release, _ map[string]any) { release.Version = "1.15.1" })
				object := datastoreObject("dc-2", "10.100.0.11")
				set(object, "1.15.1", "metadata", "labels", "app.kubernetes.io/version")
				r.clusters["region-2"].Put(object)
			},
			"region-2: 1 change, rolling restart\n  ~ releases.yaml: all 8 releases; ApigeeDatastore default: version = 1.15.1 → 1.16.0" + upgrade,
		},
		"a chart": {
			func(t *testing.T, r *liveRing) {
				r.alter(t, "region-2", "redis", func(release *livetest.Release, _ map[string]any) { release.Chart = "redis" })
			},
			"region-2: 1 change, rolling restart\n  ~ releases.yaml: release redis: chart = redis → apigee-redis" + unknown,
		},
		"a release that failed first": {
			func(t *testing.T, r *liveRing) {
				r.alter(t, "region-2", "redis", func(release *livetest.Release, v map[string]any) { release.Status = "failed"; v["a"] = 1 })
			},
			"region-2: 1 change, rolling restart\n  ~ releases.yaml: release redis: status = failed (revision 4) → deployed" + unknown,
		},
		"an upgrade that hangs": {
			func(t *testing.T, r *liveRing) {
				r.alter(t, "region-2", "redis", func(_ *livetest.Release, v map[string]any) { set(v, "a", "mart", "serviceAccountRef") })
				release := r.releases["region-2/redis"]
				release.Revision, release.Status = 5, "pending-upgrade"
				r.clusters["region-2"].Put(release.Secret())
			},
			"region-2: 2 changes, rolling restart\n  ~ overrides.yaml: release redis: mart.serviceAccountRef = a → apigee-mart-svc-account" + unknown +
				"  ~ releases.yaml: release redis: status = pending-upgrade (revision 5) → deployed" + unknown,
		},
		"releases that are missing": {
			func(t *testing.T, r *liveRing) {
				for _, name := range []string{"datastore", "redis"} {
					r.alter(t, "region-2", name, func(release *livetest.Release, _ map[string]any) { release.Status = "uninstalled" })
				}
			},
			"region-2: 2 changes, ring movement\n  + releases.yaml: release datastore" + installed + "  + releases.yaml: release redis" + unknown,
		},
		"a release that is not planned": {
			func(_ *testing.T, r *liveRing) {
				r.clusters["region-2"].Put(livetest.Release{Namespace: "apigee", Name: "other", Status: "failed", Revision: 1, Chart: "x"}.Secret())
			},
			"",
		},
		"an object": {
			func(_ *testing.T, r *liveRing) {
				r.clusters["region-2"].Put(replicationObject("expand-region-2", "dc-9"))
			},
			"region-2: 1 change, rolling restart\n  ~ datareplication.yaml: CassandraDataReplication expand-region-2: spec.source.region = dc-9 → dc-1" + unknown,
		},
		"an object that lacks a field": {
			func(_ *testing.T, r *liveRing) {
				object := replicationObject("expand-region-2", "dc-1")
				delete(object["spec"].(map[string]any), "force")
				r.clusters["region-2"].Put(object)
			},
			"region-2: 1 change, rolling restart\n  + datareplication.yaml: CassandraDataReplication expand-region-2: spec.force = false" + unknown,
		},
		"objects that are left": {
			func(_ *testing.T, r *liveRing) {
				r.clusters["region-1"].Put(replicationObject("region-expansion", "dc-2"))
				r.clusters["region-2"].Put(replicationObject("older", "dc-2"))
			},
			"region-1: 1 change, safe\n  - datareplication.yaml: CassandraDataReplication region-expansion\n\nregion-2: 1 change, safe\n  - datareplication.yaml: CassandraDataReplication older\n",
		},
		"a name that writes to the terminal": {
			func(_ *testing.T, r *liveRing) { r.clusters["region-1"].Put(replicationObject("a\x1b[2J\nb", "dc-2")) },
			"region-1: 1 change, safe\n  - datareplication.yaml: CassandraDataReplication \"a\\x1b[2J\\nb\"\n",
		},
		"a datastore that somebody edited": {
			func(_ *testing.T, r *liveRing) {
				object := datastoreObject("dc-2", "10.100.0.11")
				set(object, "ra-9", "spec", "components", "cassandra", "properties", "rack")
				set(object, true, "spec", "components", "cassandra", "hostNetwork")
				set(object, "8.8.8.8", "spec", "components", "cassandra", "properties", "externalSeedHost")
				r.clusters["region-2"].Put(object)
			},
			"region-2: 3 changes, one-way\n  - overrides.yaml: ApigeeDatastore default: cassandra.externalSeedHost = 8.8.8.8" + restart +
				"  ~ overrides.yaml: ApigeeDatastore default: cassandra.hostNetwork = true → false\n      ring movement: every node gets another address; all regions must agree, before any is added\n" +
				"  ~ overrides.yaml: ApigeeDatastore default: cassandra.rack = ra-9 → ra-1\n      one-way: Cassandra refuses to start in another rack than its data has (procedure decommission)\n",
		},
		"a datastore of an older chart": {
			func(_ *testing.T, r *liveRing) {
				object := datastoreObject("dc-2", "10.100.0.11")
				delete(object["metadata"].(map[string]any), "labels")
				cassandra, _ := release.Lookup(object, "spec", "components", "cassandra")
				delete(cassandra.(map[string]any), "replicas")
				delete(cassandra.(map[string]any), "storage")
				set(object, 3, "spec", "replicas")
				r.clusters["region-2"].Put(object)
			},
			"",
		},
		"secrets that somebody gave to helm": {
			func(t *testing.T, r *liveRing) {
				r.alterAll(t, "region-2", func(_ *livetest.Release, v map[string]any) {
					set(v, "canary-1", "cassandra", "auth", "default", "password")
					set(v, "canary-2", "some", "innocent", "field")
					set(v, []any{"canary-3"}, "list")
					set(v, map[string]any{"x": "canary-4"}, "cassandra", "rack")
					set(v, map[string]any{"kubernetes.io/x": "canary-5"}, "watcher", "annotations")
					set(v, []any{map[string]any{"name": "prod", "key": "canary-6"}}, "envs")
				})
			},
			"region-2: 7 changes, one-way\n" +
				"  - overrides.yaml: all 8 releases: cassandra.auth.default = (hidden)" + restart +
				"  ~ overrides.yaml: all 8 releases: cassandra.rack = (hidden) → ra-1\n      one-way: Cassandra refuses to start in another rack than its data has (procedure decommission)\n" +
				"  - overrides.yaml: all 8 releases: envs[prod].key = (hidden)" + unknown +
				"  + overrides.yaml: all 8 releases: envs[prod].serviceAccountSecretRefs = {…}" + unknown +
				"  - overrides.yaml: all 8 releases: list = (hidden)" + unknown +
				"  - overrides.yaml: all 8 releases: some = (hidden)" + unknown +
				"  - overrides.yaml: all 8 releases: watcher.annotations = (hidden)" + unknown,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newLiveRing(t)
			c.prepare(t, r)
			if c.want == "" {
				r.want(t, exitOK, liveHeader+"Nothing changes.\n", "")
				return
			}
			r.want(t, exitDifferences, liveHeader+"\n"+c.want, "")
		})
	}
}

// TestLiveFresh compares a region with a cluster that has nothing, not even the
// definitions.
func TestLiveFresh(t *testing.T) {
	r := newLiveRing(t)
	empty := livetest.New(t)
	r.clusters["region-2"] = empty
	kubeconfig := livetest.Kubeconfig(t, map[string]string{"other": empty.URL})
	r.kubeconfig = kubeconfig
	r.want(t, exitDifferences, `my-topology, from the cluster of region-2

region-2: 2 changes, ring movement
  + datareplication.yaml: CassandraDataReplication expand-region-2
      ring movement: the datacenter is rebuilt from its source: all its data streams between the regions (procedure expand)
  + releases.yaml: all 8 releases
      ring movement: a new datacenter is installed
`, "", "--context", "region-2=other", "--region", "region-2")
}

// TestLiveLeaving is of a region whose datacenter goes: its own release, but
// not those that are gone already.
func TestLiveLeaving(t *testing.T) {
	r := newLiveRing(t)
	r.phases = "region-1=serving,region-2=leaving"
	const rest = "  - datareplication.yaml: CassandraDataReplication expand-region-2\n" +
		"  - overrides.yaml: all 4 releases: cassandra.multiRegionSeedHost = 10.100.0.11\n      rolling restart: the pods of Cassandra restart, with or without the address by which the datacenter joins (procedure expand)\n"
	const header = "my-topology, from the cluster of region-2\n\nregion-2: "
	r.want(t, exitDifferences, header+"3 changes, destroys data\n"+rest+
		"  - releases.yaml: release datastore\n      destroys data: nothing is rendered for the region any more: what syncs it removes the region (procedure decommission)\n",
		"", "--region", "region-2")
	r.alter(t, "region-2", "datastore", func(release *livetest.Release, _ map[string]any) { release.Status = "uninstalled" })
	r.want(t, exitDifferences, header+"2 changes, rolling restart\n"+rest, "", "--region", "region-2")
}

// TestLiveFormats gives the same to programs and pull requests.
func TestLiveFormats(t *testing.T) {
	r := newLiveRing(t)
	r.alter(t, "region-2", "redis", func(_ *livetest.Release, v map[string]any) { set(v, 6, "cassandra", "replicaCount") })
	r.want(t, exitDifferences, `{
  "formatVersion": "1.0",
  "diffs": [
    {
      "topology": "my-topology",
      "against": "the cluster of region-2",
      "regions": [
        {
          "region": "region-2",
          "class": "ring movement",
          "changes": [
            {
              "file": "overrides.yaml",
              "document": "release redis",
              "path": "cassandra.replicaCount",
              "op": "change",
              "old": 6,
              "new": 3,
              "class": "ring movement",
              "why": "nodes join or leave, and data moves among them; by threes, with every node up",
              "source": "[OPS]"
            }
          ]
        }
      ]
    }
  ]
}
`, "", "-o", "json", "--region", "region-2")
	r.want(t, exitDifferences, "my-topology: 1 change in 1 region from the clusters of region-1, region-2, at worst ring movement\n", "", "--summary")
}

// TestLiveUnread shows the rest where a cluster cannot be read, or a part of it.
func TestLiveUnread(t *testing.T) {
	r := newLiveRing(t)
	r.alter(t, "region-1", "redis", func(_ *livetest.Release, v map[string]any) { set(v, 6, "cassandra", "replicaCount") })
	r.clusters["region-1"].Refuse("/apis/"+liveAPI+"/namespaces/apigee/apigeedatastores", 403, "Forbidden")
	r.clusters["region-2"].Refuse("/", 401, "Unauthorized")
	const forbidden = "  region region-1 of my-topology: context cluster-1 (SERVER): forbidden to get apigeedatastores.apigee.cloud.google.com default in namespace apigee: let the user of the context get apigeedatastores.apigee.cloud.google.com there; `kubectl --context cluster-1 auth can-i get apigeedatastores.apigee.cloud.google.com -n apigee` tells whether it may\n"
	const refused = "  region region-2 of my-topology: context cluster-2 (SERVER): the cluster does not accept the credentials of the context: log in again, or see that they have not expired\n"
	const start = "ringplan: what runs in the clusters could not be read whole:\n"
	const changes = `
region-1: 1 change, ring movement
  ~ overrides.yaml: release redis: cassandra.replicaCount = 6 → 3
      ring movement: nodes join or leave, and data moves among them; by threes, with every node up
`
	r.want(t, exitFailed, "my-topology, from the cluster of region-1 (not read whole: region-1, region-2)\n"+changes, start+forbidden+refused)
	r.want(t, exitFailed, "", start+refused, "--region", "region-2")
	r.want(t, exitFailed, "my-topology, from the cluster of region-1 (not read whole: region-1, region-2)\n"+changes,
		start+forbidden+"  region region-2 of my-topology: context nowhere: there is no such context: the kubeconfig (KUBECONFIG) has cluster-1, cluster-2\n", "--context", "region-2=nowhere")

	data, err := os.ReadFile(r.topology)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.topology, bytes.ReplaceAll(data, []byte(", context: cluster-2"), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	r.want(t, exitFailed, "my-topology, from the cluster of region-1 (not read whole: region-1, region-2)\n"+changes,
		start+forbidden+"  region region-2 of my-topology: the topology does not say how its cluster is reached: set kubernetes.context of the region, or give --context region-2=CONTEXT; the kubeconfig (KUBECONFIG) has cluster-1, cluster-2\n")
}

// TestLiveFleet reads only the topologies that have the region.
func TestLiveFleet(t *testing.T) {
	dir := t.TempDir()
	for i, region := range []string{"region-1", "region-9"} {
		folder := filepath.Join(dir, string(rune('a'+i)))
		mustRun(t, "init", "--regions", "1", "--name", "topology-"+region, folder)
		file := filepath.Join(folder, "topology.yaml")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.NewReplacer("region-1", region, "cluster-1", "of-"+region).Replace(string(data))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, stdout, stderr := ringplan(t, "diff", "--live", "--region", "region-9", dir)
	if want := "topology-region-9, from no cluster, because nothing is rendered\nNothing changes.\n"; code != exitOK || stdout != want {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestLiveLacksDefinition is an error where the region is installed.
func TestLiveLacksDefinition(t *testing.T) {
	r := newLiveRing(t)
	r.clusters["region-2"].Refuse("/apis/"+liveAPI, 404, "NotFound")
	code, stdout, stderr := r.diff(t, "--region", "region-2")
	for _, kind := range []string{"CassandraDataReplication", "ApigeeDatastore"} {
		if want := "does not know the kind " + kind + " of " + liveAPI + ": install its definition first"; !strings.Contains(stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, stderr)
		}
	}
	if code != exitFailed || !strings.Contains(stdout, "+ datareplication.yaml: CassandraDataReplication expand-region-2") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
}

// TestLiveTime gives a cluster that hangs up, and stops at once when told to.
func TestLiveTime(t *testing.T) {
	r := newLiveRing(t)
	r.clusters["region-2"].Hang(t, "/api/v1")
	code, stdout, stderr := r.diff(t, "--timeout", "2s")
	if code != exitFailed || !strings.Contains(stderr, "has not answered in time") || !strings.Contains(stdout, "from the cluster of region-1 (not read whole: region-2)") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	start := time.Now()
	var out, errs bytes.Buffer
	code = run(ctx, nil, []string{"diff", "--live", "--phase", livePhases, "--kubeconfig", r.kubeconfig, r.topology}, &out, &errs)
	if code != exitFailed || out.Len() > 0 || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("exit code %d\n%s%s", code, &out, &errs)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s to stop", took)
	}
}

// TestRestricted compares only what is rendered, in lists too.
func TestRestricted(t *testing.T) {
	have := map[string]any{
		"a": int64(1), "more": "x", "gone": map[string]any{"x": "y"},
		"named":  []any{map[string]any{"name": "q", "x": "1", "default": "d"}, map[string]any{"name": "alien", "x": "1", "default": "d"}, map[string]any{"name": "p", "default": "d"}},
		"placed": []any{map[string]any{"x": "1", "default": "d"}, "second", "third"},
	}
	want := map[string]any{
		"a": int64(2), "missing": "x", "gone": "text",
		"named":  []any{map[string]any{"name": "p", "x": "2"}, map[string]any{"name": "q", "x": "2"}},
		"placed": []any{map[string]any{"x": "2"}, "2"},
	}
	got := restricted(have, want)
	if diff := cmp.Diff(map[string]any{
		"a": int64(1), "gone": map[string]any{"x": "y"},
		"named":  []any{map[string]any{"name": "q", "x": "1"}, map[string]any{"name": "alien", "x": "1", "default": "d"}, map[string]any{"name": "p"}},
		"placed": []any{map[string]any{"x": "1"}, "second", "third"},
	}, got); diff != "" {
		t.Error(diff)
	}
}
