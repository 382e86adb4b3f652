package observe

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var equalAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// parse parses a sound input and fails if anything is wrong with it.
func parse(t *testing.T, data string) Set {
	t.Helper()
	set, problems := Parse("in", []byte(data))
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	return set
}

func sample(t *testing.T, name string) Set {
	t.Helper()
	return parse(t, string(samples(t)[name]))
}

const (
	table = `Datacenter: dc-1
================
Status=Up/Down
|/ State=Normal/Leaving/Joining/Moving
--  Address     Load       Tokens  Owns (effective)  Host ID                               Rack
UN  10.20.1.14  41.3 GiB   256     100.0%            6513270e-269e-4d37-b2a7-4de452e6b438  ra-1
UN  10.20.2.31  40.87 GiB  256     100.0%            d23f0824-128b-4f33-8c5c-7fd0a6a3a450  ra-1
`
	second = `Datacenter: dc-2
================
Status=Up/Down
|/ State=Normal/Leaving/Joining/Moving
--  Address     Load       Tokens  Owns (effective)  Host ID                               Rack
UN  10.48.0.21  312.4 KiB  256     100.0%            b47a6f1e-0a3c-4a4e-9b39-2b1c6f0e9d11  ra-1
`
	pod    = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p-0","namespace":"apigee"}}`
	secret = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"hidden-name"},"data":{"hidden-key":"aGlkZGVuLXZhbHVl"}}`
	stream = "[Stream #7b1c6a90-2f0e-11ef-9d4e-3f8f2a61c0aa]"
)

// datastore returns an ApigeeDatastore with the given fields besides those of
// its identity.
func datastore(fields string) string {
	return `{"apiVersion":"apigee.cloud.google.com/v1alpha1","kind":"ApigeeDatastore","metadata":{"name":"default","namespace":"apigee"},` + fields + `}`
}

// before returns what stands before a part.
func before(s, part string) string {
	s, _, _ = strings.Cut(s, part)
	return s
}

// after returns what stands after a part.
func after(s, part string) string {
	_, s, _ = strings.Cut(s, part)
	return s
}

// TestProblems shows inputs that must be refused, each with a part of the
// reason, and how many observations are left.
func TestProblems(t *testing.T) {
	replaced := func(s, from, to string) string {
		t.Helper()
		if !strings.Contains(s, from) {
			t.Fatalf("the sample lacks %q", from)
		}
		return strings.Replace(s, from, to, 1)
	}
	for name, c := range map[string]struct {
		input string
		want  []string
		left  int
	}{
		"empty":             {"", []string{"in:1: the input holds no observation; accepted are kubectl get"}, 0},
		"only noise":        {"# a comment\nDefaulted container \"a\" out of: a\n", []string{"no observation"}, 0},
		"prose":             {"hello\nthere\n", []string{"in:1: 2 lines of text that is not recognised; accepted are"}, 0},
		"UTF-16":            {"\xff\xfe{\x00}\x00", []string{"UTF-16"}, 0},
		"no UTF-8":          {table + "\xc3\x28", []string{"in:8: the input is not text in UTF-8"}, 0},
		"YAML":              {"apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n", []string{"this is YAML (4 lines); use kubectl get … -o json"}, 0},
		"YAML after JSON":   {pod + "\n---\napiVersion: v1\nkind: Pod\n", []string{"in:3: this is YAML"}, 1},
		"a table":           {"NAME      STATE     AGE\ndefault   running   3d\n", []string{"a table of kubectl get (2 lines)"}, 0},
		"describe":          {"Name:         default\nNamespace:    apigee\n", []string{"kubectl describe"}, 0},
		"a failed command":  {"Error from server (Forbidden): apigeeds is forbidden\n", []string{"error of kubectl"}, 0},
		"nothing found":     {"No resources found in apigee namespace.\n", []string{"error of kubectl"}, 0},
		"a klog error":      {"E0302 09:30:00.1 1 memcache.go:265] couldn't get current server API group list\n" + pod, []string{"error of kubectl"}, 1},
		"a web page":        {"<!DOCTYPE html>\n<html></html>\n", []string{"a web page"}, 0},
		"a bare JSON value": {"\"rg-hybrid\"\n", []string{"not recognised"}, 0},

		"cut off JSON":        {pod[:len(pod)-1], []string{"in:1: the JSON is cut off"}, 0},
		"cut off, then more":  {"{\"a\":\n" + table, []string{"in:1: the JSON is malformed"}, 1},
		"malformed":           {"{\"apiVersion\":\"v1\",,}\n" + pod, []string{"in:1: the JSON is malformed"}, 1},
		"malformed, indented": {"{\n  x\n  " + pod + "\n}\n", []string{"in:2: the JSON is malformed"}, 0},
		"too deep":            {strings.Repeat(`{"a":`, 300), []string{"nests deeper"}, 0},
		"a key twice":         {datastore(`"status":{"state":"error",` + "\n" + `"state":"running"}`), []string{"in:2: status.state comes twice"}, 0},
		"a long key twice":    {`{"` + strings.Repeat("é", 99) + `":1,"` + strings.Repeat("é", 99) + `":1}`, []string{"éé…\"] comes twice"}, 0},
		"a key twice, where":  {`[` + pod + `,{"a b":[{"x":1,"x":2}]}]`, []string{`[1]["a b"][0].x comes twice`}, 0},

		"no kind":               {`{"rebuildDetails":{},"state":"complete"}`, []string{"without apiVersion and kind, as jq prints"}, 0},
		"no apiVersion":         {`{"kind":"List","items":[{"kind":"Pod","metadata":{"name":"p"}}]}`, []string{"without apiVersion"}, 0},
		"no inherited version":  {`{"apiVersion":"v1","kind":"List","items":[{"kind":"Pod","metadata":{"name":"p"}}]}`, []string{"without apiVersion"}, 0},
		"another kind":          {`{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"x"}}`, []string{"an object of kind StatefulSet (apps/v1)"}, 0},
		"another group":         {`{"apiVersion":"example.com/v1","kind":"Pod","metadata":{"name":"x"}}`, []string{"Pod (example.com/v1)"}, 0},
		"a kind that is prose":  {`{"apiVersion":"v1","kind":"Pod was here","metadata":{"name":"x"}}`, []string{`of kind "Pod…" (v1)`}, 0},
		"an empty List":         {`{"apiVersion":"v1","kind":"List","items":[]}`, []string{"a List without items"}, 0},
		"an empty list":         {`[]`, []string{"an empty JSON list"}, 0},
		"items that are none":   {`{"apiVersion":"v1","kind":"List","items":{}}`, []string{"the items of a List are an object, not a list"}, 0},
		"a list of lists":       {`[{"apiVersion":"v1","kind":"List","items":[[]]}]`, []string{"a JSON list holds a list where an object should be"}, 0},
		"one bad item of three": {`{"apiVersion":"v1","kind":"List","items":[` + pod + `,{"apiVersion":"v1","kind":"Service","metadata":{"name":"s"}},` + pod + `]}`, []string{"kind Service"}, 2},

		"no name":           {`{"apiVersion":"v1","kind":"Pod","metadata":{}}`, []string{"in:1: Pod: metadata.name is missing"}, 0},
		"a name of no form": {`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"A\nB"}}`, []string{"in:1: Pod: metadata.name is not a name"}, 0},
		"string for int":    {datastore(`"spec":{"replicas":"3"}`), []string{"in:1: ApigeeDatastore apigee/default: spec.replicas is a string, not a number"}, 0},
		"float for int":     {datastore(`"spec":{"replicas":3.0}`), []string{"spec.replicas is not a whole number"}, 0},
		"negative count":    {datastore(`"status":{"cassandraReadyReplicas":-1}`), []string{"status.cassandraReadyReplicas is negative"}, 0},
		"huge int":          {datastore(`"status":{"observedGeneration":99999999999999999999}`), []string{"status.observedGeneration is not a whole number"}, 0},
		"string for bool":   {datastore(`"spec":{"components":{"cassandra":{"hostNetwork":"true"}}}`), []string{"spec.components.cassandra.hostNetwork is a string, not a boolean"}, 0},
		"number for string": {datastore(`"status":{"state":1}`), []string{"status.state is a number, not a string"}, 0},
		"string for object": {datastore(`"status":"running"`), []string{"status is a string, not an object"}, 0},
		"a list for IPs":    {datastore(`"status":{"cassandraPodIps":"10.0.0.1"}`), []string{"status.cassandraPodIps is a string, not a list"}, 0},
		"an IP of no type":  {datastore(`"status":{"cassandraPodIps":["10.0.0.1",7]}`), []string{"status.cassandraPodIps[1] is a number, not a string"}, 0},
		"a label of no type": {`{"apiVersion":"apigee.cloud.google.com/v1alpha1","kind":"ApigeeDatastore","metadata":{"name":"d","labels":{"app.kubernetes.io/version":1.15}}}`,
			[]string{`metadata.labels["app.kubernetes.io/version"] is a number`}, 0},
		"a time of no form": {`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","creationTimestamp":"yesterday"}}`, []string{"metadata.creationTimestamp is not a time"}, 0},
		"a time too early":  {`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","creationTimestamp":"0001-01-01T00:00:00Z"}}`, []string{"metadata.creationTimestamp is not a time"}, 0},
		"an epoch too late": {datastore(`"status":{"cassandraDataReplication":{"updated":9223372036854775807}}`), []string{"status.cassandraDataReplication.updated is not a time in seconds"}, 0},
		"an epoch below 0":  {datastore(`"status":{"cassandraDataReplication":{"updated":-5}}`), []string{"updated is not a time in seconds"}, 0},
		"an epoch as text":  {datastore(`"status":{"cassandraDataReplication":{"rebuildDetails":{"p-0":{"updated":"1623105760"}}}}`), []string{"status.cassandraDataReplication.rebuildDetails.p-0.updated is a string, not a number"}, 0},
		"a pod of no type":  {datastore(`"status":{"cassandraDataReplication":{"rebuildDetails":{"p-0":"complete"}}}`), []string{"rebuildDetails.p-0 is a string, not an object"}, 0},
		"an IP of no form":  {`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"status":{"podIPs":[{"ip":"10.0.0"}]}}`, []string{"Pod p: status.podIPs[0].ip is not an IP address"}, 0},
		"a condition":       {`{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"},"status":{"conditions":["Ready"]}}`, []string{"status.conditions[0] is a string"}, 0},
		"Ready twice":       {`{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"},"status":{"conditions":[{"type":"Ready","status":"True"},{"type":"Ready","status":"False"}]}}`, []string{"status.conditions[1].type is Ready a second time"}, 0},

		"no nodes":                {before(table, "UN"), []string{"in:1: nodetool status: a datacenter without nodes"}, 0},
		"no nodes in the first":   {before(table, "UN") + second, []string{"in:1: nodetool status: a datacenter without nodes"}, 0},
		"no nodes in the last":    {table + "Datacenter: dc-2\n====\n", []string{"in:8: nodetool status: a datacenter without nodes"}, 0},
		"no datacenter name":      {replaced(table, "dc-1", ""), []string{"without a name"}, 0},
		"no header":               {replaced(table, "--  Address", "#"), []string{"a row above the header"}, 0},
		"a header with more":      {replaced(table, "Rack", "Rack  Colour"), []string{"a column that nodetool status does not have"}, 0},
		"a header with a repeat":  {replaced(table, "Tokens", "Load"), []string{"or has once"}, 0},
		"a header with less":      {replaced(table, "Rack", ""), []string{"lacks Address, Load, Host ID or Rack"}, 0},
		"a second header":         {replaced(table, "UN", "--  Address  Load  Host ID  Rack\nUN"), []string{"or comes twice"}, 0},
		"a row cut off":           {strings.TrimSuffix(table, "  ra-1\n"), []string{"in:7: nodetool status: a row that is cut off before its Rack"}, 0},
		"a row cut in the ID":     {before(table, "-128b"), []string{"whose Host ID is not understood"}, 0},
		"a row cut in the load":   {before(table, "40.87"), []string{"cut off before its Load"}, 0},
		"a row of two letters":    {replaced(table, "UN  10.20.2", "XX  10.20.2"), []string{"begins with none of U, D and ?"}, 0},
		"a row with more":         {replaced(table, "ra-1", "ra 1"), []string{"more in it than its header"}, 0},
		"a load of no unit":       {replaced(table, "41.3 GiB", "41.3 XiB"), []string{"whose Load is not understood"}, 0},
		"a load with a comma":     {replaced(table, "41.3 GiB", "41,3 GiB"), []string{"whose Load is not understood"}, 0},
		"a load without end":      {replaced(table, "41.3 GiB", "9999999999 PiB"), []string{"whose Load is not understood"}, 0},
		"a load that is none":     {replaced(table, "41.3 GiB", "NaN GiB"), []string{"whose Load is not understood"}, 0},
		"tokens of no number":     {replaced(table, "256", "many"), []string{"whose Tokens is not understood"}, 0},
		"owns of no percent":      {replaced(table, "100.0%", "1.0"), []string{"whose Owns is not understood"}, 0},
		"owns more than all":      {replaced(table, "100.0%", "100.1%"), []string{"whose Owns is not understood"}, 0},
		"an address of no form":   {replaced(table, "10.20.1.14", "10.20.1.256"), []string{"whose Address is not understood"}, 0},
		"a row without Tokens":    {replaced(table, "  256     100.0%", "  100.0%"), []string{"whose Tokens is not understood"}, 0},
		"JSON glued to a row":     {strings.TrimSuffix(table, "\n") + pod, []string{"in:7: nodetool status: a row whose Rack is not understood"}, 0},
		"an address twice":        {replaced(table, "10.20.2.31", "10.20.1.14"), []string{"in:7: nodetool status: a second row of one address"}, 0},
		"a host ID twice":         {replaced(table, "d23f0824-128b-4f33-8c5c-7fd0a6a3a450", "6513270e-269e-4d37-b2a7-4de452e6b438"), []string{"a second row of one address or one host ID"}, 0},
		"prose among the rows":    {replaced(table, "UN  10.20.2", "oops\nUN  10.20.2"), []string{"in:7: nodetool status: a row that begins"}, 0},
		"rows without a head":     {"UN" + after(table, "UN"), []string{"rows of nodetool status without the line of their datacenter (2 lines)"}, 0},
		"rows above another head": {"UN" + after(table, "UN") + "\n" + second, []string{"rows of nodetool status", "stands next to text that is not recognised"}, 0},
		"prose below a listing":   {table + "\nand so on\n", []string{"in:1: nodetool status: stands next to text", "not recognised"}, 0},
		"a failure below":         {second + "\ncommand terminated with exit code 137\n" + pod, []string{"nodetool status: stands next to", "error of kubectl"}, 1},
		"nodetool ring":           {"Address     Rack        Status State   Load            Owns                Token\n", []string{"nodetool ring"}, 0},

		"netstats cut off":         {"Mode: NORMAL\n", []string{"nodetool netstats: the output neither lists a stream"}, 0},
		"netstats that contradict": {"Mode: NORMAL\nNot sending any streams.\nRebuild 7b1c6a90-2f0e-11ef-9d4e-3f8f2a61c0aa\n", []string{"neither"}, 0},
		"a transfer cut off":       {"Mode: NORMAL\nRebuild 7b1c6a90-2f0e-11ef-9d4e-3f8f2a61c0aa\n    /10.0.0.1\n        Receiving 12 files, 104\n", []string{"in:4: nodetool netstats: a line of a transfer is cut off"}, 0},
		"a transfer of nobody":     {"Mode: NORMAL\nRebuild 7b1c6a90-2f0e-11ef-9d4e-3f8f2a61c0aa\n        Receiving 1 files, 1 bytes total. Already received 0 files, 0 bytes total\n", []string{"stands under no peer"}, 0},
		"a peer of no form":        {"Mode: NORMAL\nRebuild 7b1c6a90-2f0e-11ef-9d4e-3f8f2a61c0aa\n    /10.0.0\n", []string{"the peer of a stream is no address"}, 0},
		"netstats, then prose":     {"Mode: NORMAL\nNot sending any streams.\noops\n", []string{"stands next to", "not recognised"}, 0},

		"describecluster cut off":  {"Cluster Information:\n\tName: c\n", []string{"are missing: the output is cut off"}, 0},
		"schema versions cut off":  {"Cluster Information:\n\tName: c\n\tSnitch: s\n\tPartitioner: p\n\tSchema versions:\n\t\tabc: [10.0.0.1]\n\t\tdef: [10.0.0.2, 10.\n", []string{"in:7: nodetool describecluster: a list of nodes by version is cut off"}, 0},
		"schema versions of names": {"Cluster Information:\n\tName: c\n\tSnitch: s\n\tPartitioner: p\n\tSchema versions:\n\t\tabc: [here]\n", []string{"has what is no address"}, 0},
		"a version of nobody":      {"Cluster Information:\n\tName: c\n\tSnitch: s\n\tPartitioner: p\n\tSchema versions:\n\t\tabc: []\n", []string{"a version without nodes"}, 0},
		"describecluster, prose":   {"Cluster Information:\n\tName: c\n\tSnitch: s\n\tPartitioner: p\n\tSchema versions:\n\t\tabc: [10.0.0.1]\n\toops\n", []string{"stands next to", "not recognised"}, 0},
		"described, then prose":    {"Cluster Information:\n\tName: c\n\tcolour: red\n", []string{"the output is cut off", "not recognised"}, 0},
		"twice, one cut off":       {"Cluster Information:\nCluster Information:\n", []string{"cut off", "cut off"}, 0},
		"a transfer twice":         {"Mode: NORMAL\nRebuild 7b1c6a90-2f0e-11ef-9d4e-3f8f2a61c0aa\n  /10.0.0.1\n" + strings.Repeat("Sending 1 files, 1 bytes total. Already sent 0 files, 0 bytes total\n", 2), []string{"in:5: nodetool netstats: a line of a transfer"}, 0},
		"a count cut off":          {"Cluster Information:\n\tName: c\n\tSnitch: s\n\tPartitioner: p\n\tSchema versions:\n\t\tabc: [10.0.0.1]\nData Centers: \n\tdc-1 #Nodes: 3\n", []string{"the count of a datacenter is cut off"}, 0},

		"a log of something else":  {"INFO  01:42:24 Starting up\nWARN  01:42:25 Slow\n", []string{"a Cassandra log without a line of a rebuild"}, 0},
		"a log with errors":        {"INFO  01:42:24 Starting up\nERROR 01:42:25 Out of space\n", []string{"2 lines of a Cassandra log with errors"}, 0},
		"a peer of no address":     {"INFO  01:42:24 " + stream + " Session with /nobody is complete\n", []string{"rebuild log: the peer of a session is no address"}, 0},
		"a time of day that isn't": {"INFO  25:42:24 " + stream + " All sessions completed\n", []string{"rebuild log: the time of a line is none"}, 0},

		"a timestamp that isn't": {"2026-13-02T09:30:00Z INFO  01:42:24 " + stream + " All sessions completed\n", []string{"rebuild log: the timestamp of a line is none"}, 0},

		"observed-at of no form": {"# observed-at: today\n" + pod, []string{"in:1: the time of observed-at is not understood"}, 1},
		"observed-at too early":  {"# observed-at: 1969-12-31T23:00:00Z\n" + pod, []string{"the time of observed-at"}, 1},
		"observed-at past time":  {"# observed-at: 9999-12-31T23:59:59-23:59\n" + pod, []string{"the time of observed-at"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			set, problems := Parse("in", []byte(c.input))
			if len(set) != c.left {
				t.Errorf("%d observations are left, want %d: %v", len(set), c.left, set)
			}
			if len(problems) != len(c.want) {
				t.Fatalf("problems: %v, want %q", problems, c.want)
			}
			for i, want := range c.want {
				if got := problems[i].String(); !strings.Contains(got, want) {
					t.Errorf("problem is\n%s\nwant\n%s", got, want)
				}
			}
		})
	}
}

// TestSecrets shows that an input with a Secret gives nothing, and that
// nothing of it shows.
func TestSecrets(t *testing.T) {
	for name, input := range map[string]string{
		"object":       secret,
		"after others": pod + "\n" + table + secret,
		"before":       secret + "\n" + pod,
		"in a List":    `{"apiVersion":"v1","kind":"List","items":[` + pod + `,` + secret + `]}`,
		"a SecretList": `{"apiVersion":"v1","kind":"SecretList","items":[{"metadata":{"name":"hidden-name"},"data":{"hidden-key":"aGlkZGVuLXZhbHVl"}}]}`,
		"a JSON list":  `[` + secret + `]`,
		"deep inside":  `{"results":{"hidden":[` + secret + `]}}`,
		"kind twice":   strings.Replace(secret, `"kind"`, `"kind":"Pod","kind"`, 1),
		"cut off":      pod + secret[:len(secret)-3],
		"malformed":    strings.Replace(secret, `"data":{`, `"data":{,`, 1) + "\n" + pod,
		"YAML":         "apiVersion: v1\nkind: Secret\nmetadata:\n  name: hidden-name\ndata:\n  hidden-key: aGlkZGVuLXZhbHVl\n---\n" + pod,
		"YAML List":    "items:\n- apiVersion: v1\n  data:\n    hidden-key: aGlkZGVuLXZhbHVl\n  kind: Secret\n",
	} {
		t.Run(name, func(t *testing.T) {
			set, problems := Parse("in", []byte(input))
			if len(set) != 0 || len(problems) != 1 || !strings.Contains(problems[0].Message, "holds a Kubernetes Secret") {
				t.Errorf("got %v and %v, want one problem that names the Secret", set, problems)
			}
			if s := fmt.Sprint(problems); strings.Contains(s, "hidden") || strings.Contains(s, "aGlkZGVu") {
				t.Errorf("the problem repeats the Secret: %s", s)
			}
		})
	}
	reference := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p-0"},"spec":{"x":{"apiVersion":"v1","kind":"Secret","name":"s"}}}`
	if len(parse(t, reference)) != 1 {
		t.Error("a reference to a Secret is not one")
	}
}

// TestNothingRepeats shows that no message repeats what an input says, apart
// from the names of kinds, objects and fields.
func TestNothingRepeats(t *testing.T) {
	for _, input := range []string{
		"password: hunter2\n", "hunter2", "{hunter2}", `{"a":hunter2}`, `{"a":"hunter2`, `["hunter2"]`, `[{"a":"hunter2"}]`,
		datastore(`"status":{"state":{"x":"hunter2"},"cassandraPodIps":[["hunter2"]]}`),
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","creationTimestamp":"hunter2"},"status":{"podIP":"hunter2"}}`,
		strings.Replace(table, "41.3 GiB", "hunter2", 1), strings.Replace(table, "UN  10.20.2", "hunter2  10.20.2", 1),
		"Datacenter: dc-1\nhunter2\n", "Mode: NORMAL\nhunter2\n", "Cluster Information:\n\tName: hunter2\n",
		"ERROR 01:42:25 hunter2\n", "# observed-at: hunter2\n",
	} {
		_, problems := Parse("in", []byte(input))
		if len(problems) == 0 {
			t.Errorf("%q: no problem", input)
		}
		if s := fmt.Sprint(problems); strings.Contains(s, "hunter2") {
			t.Errorf("%q is repeated: %s", input, s)
		}
	}
}

func TestListings(t *testing.T) {
	apart := strings.Replace(second, "Owns (effective)", "Owns            ", 1)
	wider := strings.Replace(second, "--  Address     ", "--  Address       ", 1)
	third := strings.NewReplacer("dc-2", "dc-3", "10.48.0.21", "10.49.0.21", "b47a", "c47a").Replace(second)
	for name, c := range map[string]struct {
		input string
		want  string // datacenters of each table, with a ~ at a seam
	}{
		"Cassandra 3":             {table + second + "\n", "dc-1,dc-2"},
		"Cassandra 4":             {table + "\n" + second + "\n", "dc-1~dc-2"},
		"one datacenter":          {table + "\n", "dc-1"},
		"the same again":          {table + "\n" + table, "dc-1 / dc-1"},
		"two and the same again":  {table + second + "\n" + table + second, "dc-1,dc-2 / dc-1,dc-2"},
		"out of order":            {second + "\n" + table, "dc-2 / dc-1"},
		"a note in between":       {table + "\nNote: Non-system keyspaces don't have the same replication settings\n" + second, "dc-1 / dc-2"},
		"a comment in between":    {table + "\n# west\n" + second, "dc-1 / dc-2"},
		"a command in between":    {table + "\nuser@host:~$ kubectl exec -it apigee-cassandra-default-0 -- nodetool status\n" + second, "dc-1 / dc-2"},
		"a time in between":       {table + "\n# observed-at: 2026-03-02T09:30:00Z\n" + second, "dc-1 / dc-2"},
		"JSON in between":         {table + "\n" + pod + "\n" + second, "dc-1 / dc-2"},
		"another header":          {table + "\n" + apart, "dc-1 / dc-2"},
		"other widths":            {table + "\n" + wider, "dc-1 / dc-2"},
		"a seam after none":       {table + second + "\n" + third, "dc-1,dc-2 / dc-3"},
		"three":                   {table + "\n" + second + "\n" + third, "dc-1~dc-2~dc-3"},
		"a warning among rows":    {strings.Replace(table, "UN  10.20.2", "WARNING: slow\nUN  10.20.2", 1), "dc-1"},
		"a blank line among rows": {strings.Replace(table, "UN  10.20.2", "\nUN  10.20.2", 1), "dc-1"},
		"a log line above":        {"WARN  [main] 2026-03-02 09:14:02,001 Config.java:1 - x\n" + table, "dc-1"},
		"JVM warnings above":      {"[0.004s][warning][gc] -XX:+UseX\nOpenJDK 64-Bit Server VM warning: x\nSLF4J: x\nlog4j:WARN x\n" + table, "dc-1"},
		"a byte order mark":       {"\ufeff" + table, "dc-1"},
		"no newline at the end":   {strings.TrimSuffix(table, "\n"), "dc-1"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, o := range parse(t, c.input).Statuses() {
				var names []string
				for _, dc := range o.Status.Datacenters {
					names = append(names, dc.Name)
				}
				seam := ","
				if o.Status.Seams {
					seam = "~"
				}
				got = append(got, strings.Join(names, seam))
			}
			if s := strings.Join(got, " / "); s != c.want {
				t.Errorf("listings are %q, want %q", s, c.want)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]int64{
		"0 bytes": 0, "870 bytes": 870, "1 byte": 1, "12 B": 12, "1 KiB": 1024, "77 KB": 78848, "1.5 MiB": 1572864, "68.07 GiB": 73089605960,
		"1.2 TiB": 1319413953331, "2 TB": 2199023255552, "1 PiB": 1 << 50, ".5 KiB": 512, "41.3GiB": 44345537331,
	} {
		if got, ok := parseSize(s); !ok || got != want {
			t.Errorf("%s is %d bytes, want %d", s, got, want)
		}
	}
	for _, s := range []string{"", "?", "12", "GiB", "1 gib", "-1 KiB", "1e3 KiB", "0x1 KiB", "1 Kib", "1  KiB", "Inf KiB", "4096 PiB", "1,5 MiB", "1. KiB"} {
		if got, ok := parseSize(s); ok {
			t.Errorf("%q is %d bytes, want none", s, got)
		}
	}
}

func TestNaturalOrder(t *testing.T) {
	want := []string{"", "apigee-2", "apigee-10", "pod", "pod-0", "pod-01", "pod-1", "pod-2", "pod-2-a", "pod-9", "pod-10", "pod-10-1", "pod-99999999999999999999998", "pod-99999999999999999999999"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, natural)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	set := sample(t, "cluster.json")
	slices.Reverse(set)
	var pods []string
	for _, o := range set.Pods() {
		pods = append(pods, o.Name)
	}
	if s := strings.Join(pods, " "); s != "apigee-cassandra-default-0 apigee-cassandra-default-2 apigee-cassandra-default-3 apigee-cassandra-default-10" {
		t.Errorf("pods are %s", s)
	}
}

// TestSet shows that the helpers find what is there, and do not depend on the
// order in which inputs were given.
func TestSet(t *testing.T) {
	var all, back Set
	for name, data := range samples(t) {
		set, _ := Parse(name, data)
		all = append(all, set...)
	}
	back = slices.Clone(all)
	slices.Reverse(back)
	for name, of := range map[string]func(Set) Set{
		"datastores": Set.Datastores, "replications": Set.Replications, "organizations": Set.Organizations, "pods": Set.Pods, "nodes": Set.Nodes,
		"claims": Set.Claims, "statuses": Set.Statuses, "netstats": Set.NetStats, "clusters": Set.Clusters, "rebuilds": Set.Rebuilds,
	} {
		if len(of(all)) == 0 {
			t.Errorf("no %s", name)
		}
		if diff := cmp.Diff(of(all), of(back), equalAddrs); diff != "" {
			t.Errorf("%s depend on the order:\n%s", name, diff)
		}
	}
}

func TestTaken(t *testing.T) {
	set := sample(t, "mixed.txt")
	noon := time.Date(2026, 3, 2, 13, 0, 0, 0, time.FixedZone("CET", 3600))
	for i, o := range set.TakenAt(noon) {
		want := "2026-03-02T11:40:00Z"
		if i == len(set)-1 {
			want = "2026-03-02T12:45:00Z"
		}
		if got := o.Taken.Format(time.RFC3339); got != want {
			t.Errorf("%s was taken at %s, want %s", o.Object(), got, want)
		}
	}
	bare := parse(t, pod)
	if !bare[0].Taken.IsZero() {
		t.Errorf("taken at %s, which nothing says", bare[0].Taken)
	}
	if got := bare.TakenAt(noon)[0].Taken; got != noon.UTC() {
		t.Errorf("taken at %s, want %s", got, noon)
	}
	if !bare[0].Taken.IsZero() {
		t.Error("TakenAt changes the set that it is called on")
	}
	below := parse(t, pod+"\n# observed-at: 2026-03-02T12:45:00Z\n")
	if !below[0].Taken.IsZero() {
		t.Error("a time below an object says nothing about it")
	}
}

func TestMissingIsNotZero(t *testing.T) {
	d := sample(t, "sparse.json")[0].Datastore
	if !d.Spec.Replicas.Is(0) || d.Spec.Cassandra.Replicas.Is(0) || d.Status.State.Is("") || d.Status.Scaling.InProgress.Is(false) {
		t.Error("a field that is missing has a value, or one that is zero has none")
	}
	if d.Status.CassandraPodIPs == nil || d.Status.Rebuild.Pods == nil || d.Status.Rebuild.Updated.IsZero() || !d.Meta.Created.IsZero() {
		t.Error("an empty list or a time of 0 is taken for missing, or the other way round")
	}
	if s := d.Spec.Replicas.String() + " " + d.Status.State.String(); s != "0 missing" {
		t.Errorf("in a message: %s", s)
	}
	if b, err := json.Marshal([]Opt[int64]{d.Spec.Replicas, d.Spec.Cassandra.Replicas}); err != nil || string(b) != "[0,null]" {
		t.Errorf("as JSON: %s, %v", b, err)
	}
	if v, ok := d.Status.State.Get(); ok || v != "" || d.Status.State.Or("none") != "none" || d.Spec.Replicas.Or(7) != 0 {
		t.Error("Get or Or is wrong")
	}
	if none := sample(t, "list.json").Replications()[0].Replication; none.DatastoreRef != (Opt[string]{}) {
		t.Errorf("datastoreRef is %s", none.DatastoreRef)
	}
}

func TestRebuildStatusPod(t *testing.T) {
	r := sample(t, "list.json").Datastores()[0].Datastore.Status.Rebuild
	if p, ok := r.Pod("apigee-cassandra-default-2"); !ok || !p.State.Is("error") || !strings.Contains(p.Message.Or(""), "sufficient sources") {
		t.Errorf("pod 2 is %v", p)
	}
	if _, ok := r.Pod("apigee-cassandra-default-3"); ok {
		t.Error("pod 3 is not listed")
	}
}

func TestRing(t *testing.T) {
	s := sample(t, "status-two.txt")[0].Status
	dc, ok := s.Datacenter("dc-2")
	if !ok || len(dc.Nodes) != 3 || !dc.Nodes[0].UN() {
		t.Fatalf("dc-2 is %v", dc)
	}
	if got := dc.Load(); !got.Is(319898 + 100475 + 192051) {
		t.Errorf("the load of dc-2 is %s", got)
	}
	if _, ok := s.Datacenter("dc-3"); ok {
		t.Error("there is no dc-3")
	}
	states := sample(t, "status-states.txt")[0].Status.Datacenters[0]
	if got := states.Load(); got.ok {
		t.Errorf("the load of a datacenter with an unknown one is %s", got)
	}
	for i, n := range states.Nodes {
		if n.UN() != (i == 0) {
			t.Errorf("%s%s is UN: %t", n.Status, n.State, n.UN())
		}
	}
	full := Datacenter{Nodes: []RingNode{{Load: Some[int64](1 << 62)}, {Load: Some[int64](1 << 62)}}}
	if full.Load().ok {
		t.Error("a load that does not fit is given")
	}
	c := sample(t, "describecluster-4.txt")[0].Cluster
	if diff := cmp.Diff(s.Addresses(), c.Addresses(), equalAddrs); diff != "" {
		t.Errorf("status and describecluster list other nodes:\n%s", diff)
	}
}

func TestTraffic(t *testing.T) {
	n := sample(t, "netstats-rebuild.txt")[0].NetStats
	if sessions, sum := n.Receiving(); sessions != 2 || sum != (Transfer{412, 88211213915, 39, 9120108975}) {
		t.Errorf("receiving %d: %v", sessions, sum)
	}
	if sessions, sum := n.Sending(); sessions != 1 || sum != (Transfer{1, 5120, 0, 0}) {
		t.Errorf("sending %d: %v", sessions, sum)
	}
	idle := sample(t, "netstats-idle.txt")[0].NetStats
	if sessions, sum := idle.Receiving(); sessions != 0 || sum != (Transfer{}) || idle.Streams != nil {
		t.Errorf("idle, but receiving %d: %v", sessions, sum)
	}
}

func TestRebuilds(t *testing.T) {
	begun := "INFO  01:00:00 rebuild from dc: dc-1, (All keyspaces), (All tokens)\n"
	plan := "INFO  01:00:01 " + stream + " Executing streaming plan for Rebuild\n"
	done := "INFO  01:00:02 " + stream + " Session with /10.0.0.1 is complete\nINFO  01:00:03 " + stream + " All sessions completed\n"
	other := strings.ReplaceAll(plan+done, "7b1c", "8b1c")
	for name, c := range map[string]struct {
		log  string
		want []Rebuild
	}{
		"complete":             {begun + plan + done, []Rebuild{{Source: "dc-1", Start: 3600, End: 3603, Sessions: 1, Complete: true}}},
		"on its way":           {begun + plan, []Rebuild{{Source: "dc-1", Start: 3600, End: 3601}}},
		"cut off above":        {plan + done, nil},
		"another plan's end":   {begun + plan + strings.Replace(other, "Rebuild", "Repair", 1), []Rebuild{{Source: "dc-1", Start: 3600, End: 3601}}},
		"an end of no plan":    {begun + done, []Rebuild{{Source: "dc-1", Start: 3600, End: 3600}}},
		"again after":          {begun + plan + done + begun, []Rebuild{{Source: "dc-1", Start: 3600, End: 3603, Sessions: 1, Complete: true}, {Source: "dc-1", Start: 3600, End: 3600}}},
		"a failed session":     {begun + plan + strings.Replace(done, "complete\n", "failed\n", 1), []Rebuild{{Source: "dc-1", Start: 3600, End: 3603, Failure: "a session with 10.0.0.1 is failed"}}},
		"an error at its end":  {begun + plan + done + "ERROR 01:00:04 Error while rebuilding node\n", []Rebuild{{Source: "dc-1", Start: 3600, End: 3604, Sessions: 1, Failure: "Error while rebuilding node"}}},
		"no sources":           {begun + "ERROR 01:00:04 Unable to find sufficient sources for streaming range (1,2] in keyspace x\n", []Rebuild{{Source: "dc-1", Start: 3600, End: 3604, Failure: "Unable to find sufficient sources for streaming range (1,2] in keyspace x"}}},
		"noise in between":     {begun + "WARNING: x\n\n" + plan + done, []Rebuild{{Source: "dc-1", Start: 3600, End: 3603, Sessions: 1, Complete: true}}},
		"aborted":              {begun + plan + "INFO  01:00:02 " + stream + " Stream aborted\n", []Rebuild{{Source: "dc-1", Start: 3600, End: 3602, Failure: "Stream aborted"}}},
		"pods that interleave": {prefix("p-0", begun) + prefix("p-1", strings.Replace(begun, "dc-1", "dc-3", 1)) + prefix("p-0", plan) + prefix("p-0", done), []Rebuild{{Pod: "p-0", Source: "dc-1", Start: 3600, End: 3603, Sessions: 1, Complete: true}, {Pod: "p-1", Source: "dc-3", Start: 3600, End: 3600}}},
	} {
		t.Run(name, func(t *testing.T) {
			set := parse(t, c.log)
			if len(set) != 1 {
				t.Fatalf("%d observations", len(set))
			}
			if diff := cmp.Diff(c.want, set[0].Rebuild.Rebuilds()); diff != "" {
				t.Error(diff)
			}
		})
	}
	l := sample(t, "rebuild.log")[0].Rebuild.Rebuilds()[0]
	if got := l.Start.Until(l.End); l.Sessions != 3 || !l.Complete || got != 42*time.Minute+15*time.Second {
		t.Errorf("%+v took %s", l, got)
	}
	f := sample(t, "rebuild-failed.log")[0].Rebuild.Rebuilds()[0]
	if f.Complete || !strings.HasPrefix(f.Failure, "Streaming error occurred on session with peer 10.20.1.14:7001: java.nio") {
		t.Errorf("%+v", f)
	}
	long := parse(t, "ERROR 01:00:04 Error while rebuilding node "+strings.Repeat("é", 10000)+"\n")
	if n := len([]rune(long[0].Rebuild.Events[0].Message)); n != 401 {
		t.Errorf("a message has %d characters", n)
	}
}

func prefix(pod, lines string) string {
	return "[pod/" + pod + "/apigee-cassandra] " + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n[pod/"+pod+"/apigee-cassandra] ") + "\n"
}

// TestDigests shows what a digest is of.
func TestDigests(t *testing.T) {
	one, two := parse(t, pod), parse(t, "# west\n"+pod+"\n"+table)
	if one[0].Digest != two[0].Digest || one[0].Input == two[0].Input || one[0].Digest != one[0].Input {
		t.Error("a digest is that of the part, and input that of the whole input")
	}
	items := sample(t, "list.json")
	if items[0].Digest == items[1].Digest || items[0].Input != items[1].Input {
		t.Error("each object of a List has its own digest")
	}
	if pos := two[1].Pos().String(); pos != "in:3" {
		t.Errorf("the listing is at %s", pos)
	}
	if s := two[0].Object() + ", " + two[1].Object(); s != "Pod apigee/p-0, nodetool status" {
		t.Errorf("the objects are %s", s)
	}
}

// TestLists tells the objects of one List from those of another, whatever else
// stands in the input, and from objects that stand alone.
func TestLists(t *testing.T) {
	of := func(items ...string) string {
		return `{"apiVersion":"v1","kind":"List","items":[` + strings.Join(items, ",") + `]}`
	}
	object := func(name string) string {
		return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"` + name + `","namespace":"n"}}`
	}
	sum := func(text string) string { return digest([]byte(text)) }
	ab, c := of(object("a"), object("b")), of(object("c"))
	typed := `{"apiVersion":"v1","kind":"PodList","items":[{"metadata":{"name":"a","namespace":"n"}}]}`
	outer := of(ab, object("c"), c)
	for name, tt := range map[string]struct {
		input string
		want  []string
	}{
		"alone":                 {object("a"), []string{""}},
		"alone, beside a list":  {object("c") + "\n" + ab, []string{"", sum(ab), sum(ab)}},
		"alone, after a list":   {ab + "\n" + object("c"), []string{sum(ab), sum(ab), ""}},
		"a list":                {ab, []string{sum(ab), sum(ab)}},
		"two lists":             {ab + "\n" + c, []string{sum(ab), sum(ab), sum(c)}},
		"the same list twice":   {c + "\n" + c, []string{sum(c), sum(c)}},
		"a list of a type":      {typed, []string{sum(typed)}},
		"lists in a list":       {outer, []string{sum(outer), sum(outer), sum(outer), sum(outer)}},
		"a bare list":           {"[" + object("a") + "," + object("b") + "]", []string{"", ""}},
		"lists in a bare list":  {"[" + ab + "," + object("d") + "," + c + "]", []string{sum(ab), sum(ab), "", sum(c)}},
		"what nodetool says":    {table, []string{""}},
		"the same but for room": {strings.Replace(c, ",", ", ", 1), []string{sum(strings.Replace(c, ",", ", ", 1))}},
	} {
		var got []string
		for _, o := range parse(t, tt.input) {
			got = append(got, o.List)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestProblemString(t *testing.T) {
	_, problems := Parse("ds.json", []byte("\n"+datastore(`"spec":{"replicas":"3"}`)))
	if got := fmt.Sprint(problems[0]); got != "ds.json:2: ApigeeDatastore apigee/default: spec.replicas is a string, not a number" {
		t.Error(got)
	}
	if b, err := json.Marshal(problems[0]); err != nil || string(b) != `{"position":{"file":"ds.json","line":2},"object":"ApigeeDatastore apigee/default","path":"spec.replicas","message":"is a string, not a number"}` {
		t.Errorf("%s, %v", b, err)
	}
}
