package topology

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ringplan/ringplan/pkg/diag"
)

var platforms = Platforms{
	"flat-cloud": {
		NetworkModel: Default[string]{Flat, "[NET]"},
		StorageClass: Default[string]{"fast", "[SC]"},
		DataPool:     Default[NodeLabel]{NodeLabel{"pool", "data"}, "[POOL]"},
		RuntimePool:  Default[NodeLabel]{NodeLabel{"pool", "run"}, "[POOL]"},
	},
	"island-site": {NetworkModel: Default[string]{Island, "[ISLAND]"}},
}

// topologyOf makes a topology of a spec, in JSON.
func topologyOf(t *testing.T, spec string) *Topology {
	t.Helper()
	top, err := New([]byte(`{"metadata": {"name": "t"}, "spec": `+spec+`}`), platforms, nil, "dir")
	if err != nil {
		t.Fatal(err)
	}
	return top
}

func TestResolve(t *testing.T) {
	on, off := true, false
	pool, run := NodeLabel{"pool", "data"}, NodeLabel{"pool", "run"}
	const noHostNetwork = "network.hostNetwork"
	tests := map[string]struct {
		spec string
		want Region
		from []string // fields that were filled in from the platform
	}{
		"conventions and platform": {
			`{"regions": [{"platform": "flat-cloud"}]}`,
			Region{
				Platform: "flat-cloud", Rack: "ra-1", Network: Network{Model: Flat, HostNetwork: &off}, Runtime: Runtime{run},
				Cassandra: RegionCassandra{Replicas: 3, Storage: Storage{"10Gi", "fast"}, NodeSelector: pool},
			},
			[]string{"network.model", "cassandra.storage.class", "cassandra.nodeSelector", "runtime.nodeSelector"},
		},
		"the ring before the platform": {
			`{"cassandra": {"replicas": 6, "storage": {"size": "1Ti", "class": "ring"}, "nodeSelector": {"key": "k", "value": "v"},
			  "resources": {"requests": {"cpu": 7}}, "taints": [{"key": "t"}], "tolerations": [{"key": "t"}]},
			  "regions": [{"platform": "flat-cloud"}]}`,
			Region{
				Platform: "flat-cloud", Rack: "ra-1", Network: Network{Model: Flat, HostNetwork: &off}, Runtime: Runtime{run},
				Cassandra: RegionCassandra{
					Replicas: 6, Storage: Storage{"1Ti", "ring"}, NodeSelector: NodeLabel{"k", "v"},
					Resources: Values{"requests": map[string]any{"cpu": int64(7)}}, Taints: []Taint{{Key: "t"}}, Tolerations: []Toleration{{Key: "t"}},
				},
			},
			[]string{"network.model", "runtime.nodeSelector"},
		},
		"the region before all": {
			`{"cassandra": {"replicas": 6, "storage": {"size": "1Ti", "class": "ring"}, "resources": {"a": 1}, "tolerations": [{"key": "t"}]},
			  "regions": [{"platform": "flat-cloud", "rack": "r", "network": {"model": "island", "hostNetwork": true},
			  "cassandra": {"replicas": 9, "storage": {"size": 5, "class": "own"}, "nodeSelector": {"key": "o", "value": "o"}, "resources": {}, "tolerations": []},
			  "runtime": {"nodeSelector": {"key": "p", "value": "p"}}}]}`,
			Region{
				Platform: "flat-cloud", Rack: "r", Network: Network{Model: Island, HostNetwork: &on}, Runtime: Runtime{NodeLabel{"p", "p"}},
				Cassandra: RegionCassandra{
					Replicas: 9, Storage: Storage{"5", "own"}, NodeSelector: NodeLabel{"o", "o"}, Resources: Values{}, Tolerations: []Toleration{},
				},
			},
			nil,
		},
		"a platform without a class": {
			`{"regions": [{"platform": "island-site"}]}`,
			Region{
				Platform: "island-site", Rack: "ra-1", Network: Network{Model: Island, HostNetwork: &off},
				Cassandra: RegionCassandra{Replicas: 3, Storage: Storage{Size: "10Gi"}},
			},
			[]string{"network.model"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := topologyOf(t, tt.spec).Spec.Regions[0]
			delete(got.Defaults, noHostNetwork)
			got.Kubernetes.KubeConfigSecret = "" // of which TestResolveDelivery tells
			tt.want.Defaults = map[string]string{}
			for _, field := range tt.from {
				tt.want.Defaults[field] = sources[field][tt.want.Platform]
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(Region{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// sources are those of platforms, by field.
var sources = map[string]map[string]string{
	"network.model":           {"flat-cloud": "[NET]", "island-site": "[ISLAND]"},
	"cassandra.storage.class": {"flat-cloud": "[SC]"},
	"cassandra.nodeSelector":  {"flat-cloud": "[POOL]"},
	"runtime.nodeSelector":    {"flat-cloud": "[POOL]"},
}

func TestResolveRing(t *testing.T) {
	bare := topologyOf(t, `{}`).Spec
	want := Spec{Namespace: "apigee", Cassandra: Cassandra{
		ClusterName: "apigeecluster", RegionCassandra: RegionCassandra{Replicas: 3, Storage: Storage{Size: "10Gi"}},
	}}
	if diff := cmp.Diff(want, bare, cmpopts.IgnoreFields(Spec{}, "Repository", "Flux", "ArgoCD")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	said := topologyOf(t, `{"namespace": "n", "cassandra": {"clusterName": "c", "storage": {"class": "s"}}}`).Spec
	if got := []string{said.Namespace, said.Cassandra.ClusterName, said.Cassandra.Storage.Class}; !cmp.Equal(got, []string{"n", "c", "s"}) {
		t.Errorf("what the topology says is gone: %v", got)
	}
}

func TestResolveDelivery(t *testing.T) {
	bare := topologyOf(t, `{"regions": [{"name": "east", "kubernetes": {"cluster": "c"}}]}`)
	want := Spec{
		Repository: Repository{Revision: "HEAD", Path: "."},
		Flux:       Flux{Version: "2.8", Engine: DeliverHelm, Clusters: Hub, Namespace: "flux-system", Source: Source{Kind: "GitRepository", Name: "flux-system"}},
		ArgoCD:     ArgoCD{Version: "3.1", Engine: DeliverHelm, Applications: Each, Namespace: "argocd", Project: "t"},
	}
	got := Spec{Repository: bare.Spec.Repository, Flux: bare.Spec.Flux, ArgoCD: bare.Spec.ArgoCD}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if k := bare.Spec.Regions[0].Kubernetes; k.KubeConfigSecret != "t-east-kubeconfig" || k.ArgoCDCluster != "c" {
		t.Errorf("the region is reached by %s and as %s", k.KubeConfigSecret, k.ArgoCDCluster)
	}
	said := topologyOf(t, `{"delivery": ["flux"], "repository": {"url": "u", "revision": "v", "path": "p"},
		"flux": {"version": "2.5", "engine": "rendered", "clusters": "own", "namespace": "n", "source": {"kind": "Bucket", "name": "b"}},
		"argocd": {"version": "2.14", "engine": "rendered", "applications": "set", "namespace": "n", "project": "p"}}`)
	want = Spec{
		Repository: Repository{"u", "v", "p"},
		Flux:       Flux{"2.5", DeliverRendered, Own, "n", Source{"Bucket", "b"}},
		ArgoCD:     ArgoCD{"2.14", DeliverRendered, Set, "n", "p"},
	}
	got = Spec{Repository: said.Spec.Repository, Flux: said.Spec.Flux, ArgoCD: said.Spec.ArgoCD}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the topology says (-want +got):\n%s", diff)
	}
	if !said.Delivers(EngineFlux) || said.Delivers(EngineArgoCD) {
		t.Errorf("delivery is %v", said.Spec.Delivery)
	}
}

func TestResolveHostNetwork(t *testing.T) {
	tests := map[string]struct {
		networks  []string // of each region
		want      []bool
		defaulted []bool
	}{
		"flat":                      {[]string{`{"model": "flat"}`, `{"model": "flat"}`}, []bool{false, false}, []bool{true, true}},
		"one island":                {[]string{`{"model": "flat"}`, `{"model": "island"}`}, []bool{true, true}, []bool{true, true}},
		"the first is an island":    {[]string{`{"model": "island"}`, `{"model": "flat"}`, `{"model": "flat"}`}, []bool{true, true, true}, []bool{true, true, true}},
		"a single island":           {[]string{`{"model": "island"}`}, []bool{false}, []bool{true}},
		"an explicit false stays":   {[]string{`{"model": "island", "hostNetwork": false}`, `{"model": "flat"}`}, []bool{false, true}, []bool{false, true}},
		"an explicit true stays":    {[]string{`{"model": "flat", "hostNetwork": true}`, `{"model": "flat"}`}, []bool{true, false}, []bool{false, true}},
		"an island by its platform": {[]string{`{}`, `{"model": "flat"}`}, []bool{true, true}, []bool{true, true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var regions []json.RawMessage
			for _, n := range tt.networks {
				regions = append(regions, json.RawMessage(`{"platform": "island-site", "network": `+n+`}`))
			}
			list, _ := json.Marshal(regions)
			top := topologyOf(t, `{"regions": `+string(list)+`}`)
			for i := range top.Spec.Regions {
				r := &top.Spec.Regions[i]
				if r.HostNetwork() != tt.want[i] {
					t.Errorf("region %d: hostNetwork is %t", i, r.HostNetwork())
				}
				if _, defaulted := r.Defaults["network.hostNetwork"]; defaulted != tt.defaulted[i] {
					t.Errorf("region %d: defaulted is %t", i, defaulted)
				}
			}
		})
	}
}

func TestCassandraRanges(t *testing.T) {
	const network = `{"model": "flat", "hostNetwork": %t, "pods": ["p"], "nodes": ["n"]}`
	for hostNetwork, want := range map[bool]string{true: "[n] network.nodes", false: "[p] network.pods"} {
		r := topologyOf(t, `{"regions": [{"network": `+fmt.Sprintf(network, hostNetwork)+`}]}`).Spec.Regions[0]
		ranges, field := r.CassandraRanges()
		if got := fmt.Sprint(ranges, " ", field); got != want {
			t.Errorf("hostNetwork %t: got %s, want %s", hostNetwork, got, want)
		}
	}
}

func TestQuantity(t *testing.T) {
	tests := map[string]Quantity{`"100Gi"`: "100Gi", `107374182400`: "107374182400", `0.5`: "0.5", `1E+3`: "1E+3", `""`: "", `null`: ""}
	for in, want := range tests {
		var got Quantity
		if err := json.Unmarshal([]byte(in), &got); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{`true`, `[]`, `{}`} {
		var got Quantity
		if err := json.Unmarshal([]byte(in), &got); err == nil {
			t.Errorf("%s: no error, but %q", in, got)
		}
	}
}

func TestValuesNumbers(t *testing.T) {
	tests := map[string]any{
		`1`:                   int64(1),
		`-7`:                  int64(-7),
		`9007199254740993`:    int64(9007199254740993), // a float64 would lose the 3
		`9223372036854775807`: int64(9223372036854775807),
		`1.0`:                 int64(1),
		`1E+8`:                int64(100000000),
		`0.5`:                 0.5,
		`1.5e-3`:              0.0015,
		`"1"`:                 "1",
		`true`:                true,
		`null`:                nil,
		`[1, {"a": 2.5}]`:     []any{int64(1), map[string]any{"a": 2.5}},
	}
	for in, want := range tests {
		var got Values
		if err := json.Unmarshal([]byte(`{"k": `+in+`}`), &got); err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if diff := cmp.Diff(Values{"k": want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
	for _, in := range []string{`9223372036854775808`, `-1e20`, `1e400`, `[{"a": 1e400}]`} {
		var got Values
		if err := json.Unmarshal([]byte(`{"k": `+in+`}`), &got); err == nil {
			t.Errorf("%s: no error, but %v", in, got)
		}
	}
}

func TestNewRefusesWhatItCannotDecode(t *testing.T) {
	for name, data := range map[string]string{
		"no JSON": `{`, "a list": `[]`, "wrong type": `{"spec": {"regions": {}}}`, "values are a list": `{"spec": {"values": []}}`,
		"a number out of range": `{"spec": {"values": {"a": 1e400}}}`,
	} {
		if _, err := New([]byte(data), platforms, nil, ""); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWalk(t *testing.T) {
	top := topologyOf(t, `{"values": {"b": [1, {"c": null}], "a": {"x.y/z": true, "_hidden": "h"}}, "cassandra": {"storage": {"size": 1e400}}}`)
	var got []string
	top.Walk(func(path string, value any) {
		switch value.(type) {
		case map[string]any, []any:
			value = "…"
		}
		got = append(got, fmt.Sprintf("%s=%v", path, value))
	})
	want := []string{
		"metadata=…", "metadata.name=t", "spec=…", "spec.cassandra=…", "spec.cassandra.storage=…", "spec.cassandra.storage.size=1e400",
		"spec.values=…", "spec.values.a=…", `spec.values.a."_hidden"=h`, `spec.values.a."x.y/z"=true`,
		"spec.values.b=…", "spec.values.b[0]=1", "spec.values.b[1]=…", "spec.values.b[1].c=<nil>",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJoinPath(t *testing.T) {
	tests := map[string]struct{ path, key, want string }{
		"plain":             {"a", "b_1", "a.b_1"},
		"first":             {"", "b", "b"},
		"dash":              {"a", "b-c", `a."b-c"`},
		"dot":               {"a", "b.c", `a."b.c"`},
		"slash":             {"a", "ringplan.dev/ignore/RP012", `a."ringplan.dev/ignore/RP012"`},
		"digit first":       {"a", "1b", `a."1b"`},
		"hidden in CUE":     {"a", "_b", `a."_b"`},
		"definition in CUE": {"a", "#b", `a."#b"`},
		"empty":             {"a", "", `a.""`},
		"quote":             {"a", `b"c`, `a."b\"c"`},
		"escape sequence":   {"", "\x1b[31m", `"\x1b[31m"`},
	}
	for name, tt := range tests {
		if got := JoinPath(tt.path, tt.key); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

func TestRegions(t *testing.T) {
	top := topologyOf(t, `{"regions": [{"name": "a"}, {"name": "b"}]}`)
	if r := top.Region("b"); r == nil || r.Path("seedHost") != "spec.regions[1].seedHost" || r.Path("") != "spec.regions[1]" {
		t.Errorf("region b is %+v", r)
	}
	if r := top.Region("c"); r != nil {
		t.Errorf("region c is %+v", r)
	}
	if !top.MultiRegion() || topologyOf(t, `{"regions": [{}]}`).MultiRegion() {
		t.Error("MultiRegion miscounts")
	}
}

// TestAtOfInherited checks that a field that a region has from spec.cassandra
// is looked for there.
func TestAtOfInherited(t *testing.T) {
	data := `{"spec": {"cassandra": {"replicas": 6, "storage": {"class": "x"}, "tolerations": [{"key": "t"}]},
	  "regions": [{}, {"cassandra": {"replicas": 9, "storage": {"size": "1Gi"}}}]}}`
	top, err := New([]byte(data), platforms, here{}, "")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"spec.regions[0].cassandra.replicas":           "spec.cassandra.replicas",
		"spec.regions[1].cassandra.replicas":           "spec.regions[1].cassandra.replicas",
		"spec.regions[1].cassandra.storage.size":       "spec.regions[1].cassandra.storage.size",
		"spec.regions[1].cassandra.storage.class":      "spec.cassandra.storage.class",
		"spec.regions[1].cassandra.tolerations[0].key": "spec.cassandra.tolerations[0].key",
		"spec.regions[1].seedHost":                     "spec.regions[1].seedHost",
		"spec.regions[1]":                              "spec.regions[1]",
		"spec.regions[10].cassandra.replicas":          "spec.regions[10].cassandra.replicas",
	}
	for path, want := range tests {
		if got := top.At(path).File; got != want {
			t.Errorf("%s is looked for at %s, want %s", path, got, want)
		}
	}
}

type here struct{}

func (here) Locate(path string) diag.Pos { return diag.Pos{File: path, Line: 1} }

func TestAtAndDecode(t *testing.T) {
	data := []byte(`{"metadata": {"labels": {"tier": "dev"}}, "spec": {"own": 7}}`)
	top, err := New(data, nil, here{}, "")
	if err != nil {
		t.Fatal(err)
	}
	clear(data) // the topology keeps its own copy
	var own struct{ Spec struct{ Own int } }
	if err := top.Decode(&own); err != nil || own.Spec.Own != 7 {
		t.Errorf("got %v, %v", own, err)
	}
	if got := top.At("spec").String(); got != "spec:1" {
		t.Errorf("At gives %s", got)
	}
	if got := topologyOf(t, `{}`).At("spec"); got.IsValid() {
		t.Errorf("At gives %s without a locator", got)
	}
	if !top.Dev() || topologyOf(t, `{}`).Dev() {
		t.Error("Dev is wrong")
	}
}

// TestDigest shows what a digest depends on: all that the topology says, and
// nothing else.
func TestDigest(t *testing.T) {
	digest := func(data string) string {
		t.Helper()
		top, err := New([]byte(data), platforms, nil, "dir")
		if err != nil {
			t.Fatal(err)
		}
		return top.Digest()
	}
	const base = `{"metadata": {"name": "t"}, "spec": {"version": "1.16", "regions": [{"name": "a"}, {"name": "b", "values": {"n": 1, "f": 0.5, "t": "<\u00e9>"}}]}}`
	want := digest(base)
	same := map[string]string{
		"keys in another order": `{"spec": {"regions": [{"name": "a"}, {"values": {"t": "<\u00e9>", "f": 0.5, "n": 1}, "name": "b"}], "version": "1.16"}, "metadata": {"name": "t"}}`,
		"space":                 "\n" + `{ "metadata":{"name":"t"},"spec":{"version":"1.16","regions":[{"name":"a"},{"name":"b","values":{"n":1,"f":0.5,"t":"<\u00e9>"}}]}}` + "\n\n",
		"other escapes":         `{"metadata": {"name": "\u0074"}, "spec": {"version": "1.16", "regions": [{"name": "a"}, {"name": "b", "values": {"n": 1, "f": 0.5, "t": "\u003cé\u003e"}}]}}`,
	}
	for name, data := range same {
		if got := digest(data); got != want {
			t.Errorf("%s: the digest is another", name)
		}
	}
	others := []string{base}
	for _, edit := range [][2]string{
		{`"name": "t"`, `"name": "u"`}, {`"version": "1.16"`, `"version": "1.17"`}, {`"version": "1.16"`, `"version": ""`}, {`"version": "1.16", `, ``},
		{`{"name": "a"}, `, ``}, {`{"name": "a"}, `, `{"name": "a"}, {"name": "a"}, `}, {`"n": 1`, `"n": 2`}, {`"n": 1`, `"n": "1"`}, {`"n": 1`, `"n": null`}, {`"n": 1`, `"n": [1]`},
		{`"n": 1`, `"n": 9007199254740992`}, {`"n": 1`, `"n": 9007199254740993`}, {`"n": 1`, `"n": 9223372036854775807`}, {`"n": 1`, `"n": 9223372036854775806`},
		{`"f": 0.5`, `"f": 0.50000000000000001`}, {`"f": 0.5`, `"f": 0.5000000000000001`}, {`"n": 1`, `"N": 1`}, {`"n": 1`, `"n": 1, "x": null`}, {`"t": "<`, `"t": "<<`},
	} {
		data := strings.Replace(base, edit[0], edit[1], 1)
		if data == base {
			t.Fatalf("there is no %s", edit[0])
		}
		others = append(others, data)
	}
	others = append(others, `{"metadata": {"name": "t"}, "spec": {"version": "1.16", "regions": [{"name": "b", "values": {"n": 1, "f": 0.5, "t": "<\u00e9>"}}, {"name": "a"}]}}`)
	seen := map[string]string{}
	for _, data := range others {
		d := digest(data)
		if other, ok := seen[d]; ok {
			t.Errorf("two topologies have one digest:\n%s\n%s", other, data)
		}
		seen[d] = data
	}
}

// TestDigestIsOfTheTopologyAlone leaves out what the digest must not depend
// on: where it is, and what platforms fill in. Evidence names the digest, so
// it must not change with a version of ringplan.
func TestDigestIsOfTheTopologyAlone(t *testing.T) {
	data := []byte(`{"metadata": {"name": "t"}, "spec": {"regions": [{"platform": "flat-cloud"}]}}`)
	here, err := New(data, platforms, here{}, "here")
	if err != nil {
		t.Fatal(err)
	}
	there, err := New(data, nil, nil, "there")
	if err != nil {
		t.Fatal(err)
	}
	const want = "31cfdd11198a1f5ce8a8e7fc5f51a60b630c06bbc465607c4c40f054d88c9f8c"
	if got := here.Digest(); got != want || got != there.Digest() || got != here.Digest() {
		t.Errorf("got %s and %s, want %s", got, there.Digest(), want)
	}
	here.Spec.Version = "changed" // the model is no part of it
	if here.Digest() != there.Digest() {
		t.Error("the digest is not of what the user wrote")
	}
}

// TestWithVersion: another version, and all else as it was written.
func TestWithVersion(t *testing.T) {
	const data = `{"metadata": {"name": "t", "labels": {"tier": "dev"}}, "spec": {"version": "1.16.0", "own": 9007199254740993, "exact": 1.10, "text": "<\u00e9&>", "none": null, ` +
		`"cassandra": {"replicas": 6, "storage": {"size": 107374182400000000001}}, "values": {"n": 9223372036854775807, "f": 0.5}, ` +
		`"overlay": {"patches": [{"path": "p.yaml"}]}, "regions": [{"name": "a", "platform": "flat-cloud"}, {"name": "b", "platform": "island-site", "values": {"x": 1e3}}]}}`
	top, err := New([]byte(data), platforms, here{}, "dir")
	if err != nil {
		t.Fatal(err)
	}
	digest := top.Digest()
	other, err := top.WithVersion("1.17.0")
	if err != nil {
		t.Fatal(err)
	}
	if other.Spec.Version != "1.17.0" || top.Spec.Version != "1.16.0" {
		t.Errorf("the versions are %s and %s", other.Spec.Version, top.Spec.Version)
	}
	written, err := New([]byte(strings.Replace(data, "1.16.0", "1.17.0", 1)), platforms, nil, "dir")
	if err != nil {
		t.Fatal(err)
	}
	if other.Digest() != written.Digest() || other.Digest() == digest || top.Digest() != digest {
		t.Errorf("the digest is %s, want %s; that of the first is %s, and was %s", other.Digest(), written.Digest(), top.Digest(), digest)
	}
	back, err := other.WithVersion("1.16.0")
	if err != nil || back.Digest() != digest {
		t.Errorf("back again, the digest is %s, want %s (%v)", back.Digest(), digest, err)
	}
	ignore := cmpopts.IgnoreFields(Spec{}, "Version")
	if diff := cmp.Diff(top, other, ignore, cmpopts.IgnoreUnexported(Topology{}, Region{})); diff != "" {
		t.Errorf("more than the version differs (-before +after):\n%s", diff)
	}
	for i := range top.Spec.Regions {
		if diff := cmp.Diff(top.Spec.Regions[i].inherited, other.Spec.Regions[i].inherited); diff != "" {
			t.Errorf("region %d inherits otherwise (-before +after):\n%s", i, diff)
		}
	}
	if got := other.At("spec.regions[1].cassandra.replicas").File; got != "spec.cassandra.replicas" {
		t.Errorf("a field is looked for at %s", got)
	}
	var own struct {
		Spec struct {
			Own   json.Number
			Exact json.RawMessage
			Text  string
		}
	}
	if err := other.Decode(&own); err != nil || own.Spec.Own != "9007199254740993" || string(own.Spec.Exact) != "1.10" || own.Spec.Text != "<é&>" {
		t.Errorf("got %+v, %v", own, err)
	}
	if got := other.Spec.Cassandra.Storage.Size; got != "107374182400000000001" {
		t.Errorf("the size is %s", got)
	}

	// Where it stands is known of the version that it has, and of no other.
	top.Located, top.Pinned = map[string]string{"a": "b"}, map[string]string{"a": "b"}
	if other, err = top.WithVersion("1.17.0"); err != nil || other.Located != nil || other.Pinned != nil {
		t.Errorf("the charts of the other version are at %v, %v (%v)", other.Located, other.Pinned, err)
	}
	for name, data := range map[string]string{"no spec": `{"metadata": {"name": "t"}}`, "null": `{"spec": null}`} {
		top, err := New([]byte(data), nil, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		if other, err := top.WithVersion("2"); err != nil || other.Spec.Version != "" {
			t.Errorf("%s: %+v, %v", name, other.Spec, err)
		}
	}
	if other, err := topologyOf(t, `{}`).WithVersion("2"); err != nil || other.Spec.Version != "2" {
		t.Errorf("a version that was not said: %v", err)
	}
}

func TestOverlay(t *testing.T) {
	tests := map[string]struct {
		overlay string
		want    Overlay
	}{
		"none":        {`{}`, Overlay{}},
		"null":        {`null`, Overlay{}},
		"empty lists": {`{"patches": [], "components": [], "images": [], "labels": []}`, Overlay{Patches: []Patch{}, Components: []string{}, Images: []Image{}, Labels: []Labels{}}},
		"patches": {
			`{"patches": [{"path": "p.yaml"}, {"target": {"group": "g", "version": "v", "kind": "k", "name": "n", "namespace": "ns", "labelSelector": "l=m", "annotationSelector": "a=b"}, "patch": "[]"}, {"target": {}, "patch": "x"}]}`,
			Overlay{Patches: []Patch{
				{Path: "p.yaml"}, {Target: &Target{Group: "g", Version: "v", Kind: "k", Name: "n", Namespace: "ns", LabelSelector: "l=m", AnnotationSelector: "a=b"}, Patch: "[]"}, {Target: &Target{}, Patch: "x"},
			}},
		},
		"components": {`{"components": ["quota", "../x"]}`, Overlay{Components: []string{"quota", "../x"}}},
		"images": {
			`{"images": [{"name": "a", "newName": "b", "newTag": "c"}, {"name": "a", "digest": "sha256:d"}]}`,
			Overlay{Images: []Image{{Name: "a", NewName: "b", NewTag: "c"}, {Name: "a", Digest: "sha256:d"}}},
		},
		"labels": {`{"labels": [{"pairs": {"a": "b"}}, {"pairs": {}, "includeTemplates": true}]}`, Overlay{Labels: []Labels{{Pairs: map[string]string{"a": "b"}}, {Pairs: map[string]string{}, IncludeTemplates: true}}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			top := topologyOf(t, `{"overlay": `+tt.overlay+`, "regions": [{"name": "a"}, {"name": "b", "overlay": `+tt.overlay+`}]}`)
			if diff := cmp.Diff([]Overlay{tt.want, {}, tt.want}, []Overlay{top.Spec.Overlay, top.Spec.Regions[0].Overlay, top.Spec.Regions[1].Overlay}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			entries := len(tt.want.Patches) + len(tt.want.Components) + len(tt.want.Images) + len(tt.want.Labels)
			if got := top.Spec.Overlay.Empty(); got != (entries == 0) {
				t.Errorf("it is empty: %v", got)
			}
		})
	}
}
