package observe

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// restored writes an observation and reads it back.
func restored(o Observation) (Observation, error) {
	var back Observation
	data, err := json.Marshal(o)
	if err == nil {
		err = json.Unmarshal(data, &back)
	}
	return back, err
}

// TestRestoreSamples shows that evidence says what was observed.
func TestRestoreSamples(t *testing.T) {
	for name, data := range samples(t) {
		set, _ := Parse(name, data)
		for _, o := range set {
			back, err := restored(o)
			if err != nil {
				t.Errorf("%s: %s: %v", name, o.Object(), err)
			} else if diff := cmp.Diff(o, back, equalAddrs); diff != "" {
				t.Errorf("%s: %s differs:\n%s", name, o.Object(), diff)
			}
		}
	}
}

// TestRestoreAny shows the same for observations that no sample has.
func TestRestoreAny(t *testing.T) {
	for seed := range int64(1000) {
		o := anyObservation(rand.New(rand.NewSource(seed)))
		back, err := restored(o)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(o, back, equalAddrs); diff != "" {
			t.Fatalf("seed %d:\n%s", seed, diff)
		}
	}
}

// anyObservation fills one kind of observation with anything.
func anyObservation(r *rand.Rand) Observation {
	o := Observation{
		Source: anyText(r), Line: 1 + r.Intn(9), Digest: strings.Repeat("0a", 32), Input: strings.Repeat("f9", 32), Name: "default",
	}
	fill(r, reflect.ValueOf(&o.Taken).Elem())
	if r.Intn(2) == 0 {
		o.List = strings.Repeat("5c", 32)
	}
	bodies := map[Kind]any{
		KindDatastore: &o.Datastore, KindReplication: &o.Replication, KindOrganization: &o.Organization, KindPod: &o.Pod, KindNode: &o.Node,
		KindClaim: &o.Claim, KindStatus: &o.Status, KindNetStats: &o.NetStats, KindCluster: &o.Cluster, KindRebuild: &o.Rebuild,
	}
	kinds := []Kind{KindDatastore, KindReplication, KindOrganization, KindPod, KindNode, KindClaim, KindStatus, KindNetStats, KindCluster, KindRebuild}
	o.Kind = kinds[r.Intn(len(kinds))]
	body := reflect.ValueOf(bodies[o.Kind]).Elem()
	body.Set(reflect.New(body.Type().Elem()))
	fill(r, body.Elem())
	if o.Status != nil {
		for i := range o.Status.Datacenters {
			o.Status.Datacenters[i].Name = "dc"
		}
	}
	return o
}

// filler is a type that fills itself; every Opt is one.
type filler interface{ fill(r *rand.Rand) }

func (o *Opt[T]) fill(r *rand.Rand) {
	*o = Opt[T]{}
	if o.ok = r.Intn(3) > 0; o.ok {
		fill(r, reflect.ValueOf(&o.value).Elem())
	}
}

func (c *Clock) fill(r *rand.Rand) { *c = Clock(r.Intn(24 * 60 * 60)) }

func (e *Event) fill(r *rand.Rand) {
	*e = []Event{EventStarted, EventStreaming, EventSession, EventCompleted, EventFailed}[r.Intn(5)]
}

func (n *RingNode) fill(r *rand.Rand) {
	type fields RingNode
	fill(r, reflect.ValueOf((*fields)(n)).Elem())
	n.Status, n.State = string("UD?"[r.Intn(3)]), string("NLJM"[r.Intn(4)])
	n.Host = ""
	if !n.Address.IsValid() {
		n.Host = "ip-10-0-0-1"
	}
}

// fill sets a value to anything. It knows every type that an observation has,
// and panics at a new one.
func fill(r *rand.Rand, v reflect.Value) {
	if f, ok := v.Addr().Interface().(filler); ok {
		f.fill(r)
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		if *p = (time.Time{}); r.Intn(3) > 0 {
			*p = time.Unix(r.Int63n(1<<33), r.Int63n(2)*r.Int63n(1e9)).UTC()
		}
		return
	case *netip.Addr:
		addrs := []string{"10.0.0.1", "2001:db8::1", "fe80::1%eth0", "::"}
		if *p = (netip.Addr{}); r.Intn(5) > 0 {
			*p = netip.MustParseAddr(addrs[r.Intn(len(addrs))])
		}
		return
	}
	fillKind(r, v)
}

func fillKind(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.Intn(3), 4))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"app": anyText(r), "app.kubernetes.io/name": anyText(r)}))
	case reflect.String:
		v.SetString(anyText(r))
	case reflect.Bool:
		v.SetBool(r.Intn(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, 1, -1, 1 << 53, 1<<63 - 1, -1 << 63, r.Int63()}[r.Intn(7)])
	case reflect.Float64:
		v.SetFloat([]float64{0, 100, 33.3, r.Float64() * 100}[r.Intn(4)])
	default:
		panic("nobody taught the test about " + v.Type().String())
	}
}

func anyText(r *rand.Rand) string {
	return []string{"", "null", "a", "<&>\u2028\"\\\n", "é \U0001F642 \uFFFD", "2026-03-02T09:30:00Z", "1.0", fmt.Sprint(r.Int63())}[r.Intn(8)]
}

// TestRestoreRefuses shows that only what was written is read.
func TestRestoreRefuses(t *testing.T) {
	status, err := json.Marshal(sample(t, "status-two.txt").TakenAt(time.Unix(1772443987, 0))[0])
	if err != nil {
		t.Fatal(err)
	}
	log, err := json.Marshal(sample(t, "rebuild.log")[0])
	if err != nil {
		t.Fatal(err)
	}
	object, err := json.Marshal(parse(t, pod)[0])
	if err != nil {
		t.Fatal(err)
	}
	listed, err := json.Marshal(parse(t, `{"apiVersion":"v1","kind":"List","items":[`+pod+`]}`)[0])
	if err != nil {
		t.Fatal(err)
	}
	empty, err := json.Marshal(parse(t, table)[0])
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{"an unknown field": `unknown field "colour"`, "a field twice": "kind comes twice", "a null": "written in another way"}
	_, rows, _ := strings.Cut(string(empty), `"nodes":[`)
	rows, _, _ = strings.Cut(rows, "]")
	for name, c := range map[string]struct{ data, from, to string }{
		"an unknown field":          {string(status), `{"source"`, `{"colour":1,"source"`},
		"an unknown field within":   {string(status), `{"status":"U"`, `{"colour":1,"status":"U"`},
		"a field twice":             {string(status), `"kind":`, `"kind":"Pod","kind":`},
		"a field in other case":     {string(status), `"rack":`, `"RACK":`},
		"another status":            {string(status), `"status":"U"`, `"status":"u"`},
		"another state":             {string(status), `"state":"N"`, `"state":"NJ"`},
		"no address":                {string(status), `"address":"10.20.1.14",`, ``},
		"address and host":          {string(status), `"address":"10.20.1.14",`, `"address":"10.20.1.14","host":"x",`},
		"an address in other words": {string(status), `"10.20.1.14"`, `"::ffff:10.20.1.14"`},
		"a number in other words":   {string(status), `"tokens":256`, `"tokens":256.0`},
		"a string for a number":     {string(status), `"tokens":256`, `"tokens":"256"`},
		"a null":                    {string(status), `"tokens":256`, `"tokens":null`},
		"another kind":              {string(status), `"nodetool status"`, `"Pod"`},
		"no kind":                   {string(status), `"kind":"nodetool status",`, ``},
		"two bodies":                {string(status), `"status":{`, `"pod":{},"status":{`},
		"no body":                   {string(object), `,"pod":{}`, ``},
		"no nodes":                  {string(empty), rows, ``},
		"no datacenters":            {string(empty), `[{"name":"dc-1","nodes":[` + rows + `]}]`, `[]`},
		"a datacenter of no name":   {string(empty), `"dc-1"`, `""`},
		"no digest":                 {string(status), `"digest":"`, `"digest":"x`},
		"a list of no digest":       {string(listed), `"list":"`, `"list":"x`},
		"a list that is empty":      {string(object), `"kind":`, `"list":"","kind":`},
		"a list that is true":       {string(object), `"kind":`, `"list":true,"kind":`}, // as it once was
		"no line":                   {string(status), `"line":1`, `"line":0`},
		"a time in another zone":    {string(status), `09:33:07Z`, `10:33:07+01:00`},
		"a time that is zero":       {string(status), `2026-03-02T09:33:07Z`, `0001-01-01T00:00:00Z`},
		"a time too early":          {string(status), `2026-03-02T`, `1026-03-02T`},
		"an unknown event":          {string(log), `"event":"started"`, `"event":"begun"`},
		"a clock in other words":    {string(log), `"clock":"23:58:57"`, `"clock":"23:58:57.5"`},
		"no name":                   {string(object), `"name":"p-0"`, `"name":""`},
		"a name of no form":         {string(object), `"name":"p-0"`, `"name":"p 0"`},
		"a second value":            {string(object), `{"source"`, `{}{"source"`},
		"no object":                 {string(object), string(object), `[]`},
		"null":                      {string(object), string(object), `null`},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(c.data, c.from) {
				t.Fatalf("%s lacks %q", c.data, c.from)
			}
			var o Observation
			err := json.Unmarshal([]byte(strings.Replace(c.data, c.from, c.to, 1)), &o)
			if err == nil {
				t.Errorf("it is read as %v", o)
			} else if want := reasons[name]; !strings.Contains(err.Error(), want) {
				t.Errorf("refused for %q, want %q", err, want)
			}
		})
	}
}
