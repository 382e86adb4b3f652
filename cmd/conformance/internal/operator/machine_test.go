package operator

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// bench steps the operators of two regions of one ring.
type bench struct {
	ring  *Ring
	log   *Log
	first *Machine
	now   time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{ring: new(Ring), log: new(Log), now: time.Unix(1_000_000, 0)}
	b.first = NewMachine("one", Options{Delay: time.Second, Network: "10.1.0"}, b.ring, b.log)
	b.step(b.first, 0, Look{Datastore: datastore("dc-1", "")})
	b.step(b.first, 2*time.Second, Look{Datastore: datastore("dc-1", "")})
	return b
}

func (b *bench) second(change func(*Options)) *Machine {
	options := Options{Delay: time.Second, RebuildDelay: time.Second, PodTime: time.Second, Network: "10.2.0"}
	if change != nil {
		change(&options)
	}
	return NewMachine("two", options, b.ring, b.log)
}

// step lets time pass, and returns the status of the datastore.
func (b *bench) step(m *Machine, passed time.Duration, look Look) map[string]any {
	b.now = b.now.Add(passed)
	answers := m.Step(b.now, look)
	return answers[len(answers)-1].Status
}

func datastore(datacenter, seed string) *unstructured.Unstructured {
	properties := map[string]any{"datacenter": datacenter, "rack": "ra-1"}
	if seed != "" {
		properties["multiRegionSeedHost"] = seed
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"kind": "ApigeeDatastore",
		"spec": map[string]any{"components": map[string]any{"cassandra": map[string]any{"replicas": int64(3), "properties": properties}}},
	}}
	object.SetGeneration(1)
	return object
}

func replication(uid, source string) []unstructured.Unstructured {
	object := unstructured.Unstructured{Object: map[string]any{
		"kind": "CassandraDataReplication", "spec": map[string]any{"source": map[string]any{"region": source}},
	}}
	object.SetUID(types.UID(uid))
	object.SetName(uid)
	return []unstructured.Unstructured{object}
}

func state(status map[string]any) any {
	data, _ := status["cassandraDataReplication"].(map[string]any)
	return data["state"]
}

const seed = "10.1.0.11"

// join brings a second region into the ring.
func (b *bench) join(m *Machine) {
	b.step(m, 0, Look{Datastore: datastore("dc-2", seed)})
	b.step(m, 2*time.Second, Look{Datastore: datastore("dc-2", seed)})
}

func TestRebuild(t *testing.T) {
	b := newBench(t)
	m := b.second(nil)
	b.join(m)
	if !strings.Contains(b.ring.Status(), "Datacenter: dc-2") {
		t.Fatalf("dc-2 is not in the ring:\n%s", b.ring.Status())
	}
	look := Look{Datastore: datastore("dc-2", seed), Replications: replication("a", "dc-1")}
	b.step(m, 0, look)
	if got := state(b.step(m, 2500*time.Millisecond, look)); got != running {
		t.Errorf("half way the state is %v", got)
	}
	if got := state(b.step(m, 2*time.Second, look)); got != complete {
		t.Errorf("in the end the state is %v", got)
	}
	b.step(m, 0, Look{Datastore: datastore("dc-2", "")})
	if err := b.log.Wrong(); err != nil {
		t.Error(err)
	}
	if !b.ring.has("dc-2") {
		t.Error("dc-2 holds no data")
	}
}

func TestWrong(t *testing.T) {
	for name, play := range map[string]func(*bench){
		"removed before the rebuild is done": func(b *bench) {
			m := b.second(nil)
			b.join(m)
			look := Look{Datastore: datastore("dc-2", seed), Replications: replication("a", "dc-1")}
			b.step(m, 0, look)
			b.step(m, 2*time.Second, look)
			b.step(m, 0, Look{Datastore: datastore("dc-2", "")})
		},
		"removed before the rebuild is done, stale": func(b *bench) {
			m := b.second(func(o *Options) { o.Stale = true })
			b.join(m)
			b.step(m, 0, Look{Datastore: datastore("dc-2", "")})
		},
		"a ring of its own": func(b *bench) {
			m := b.second(nil)
			b.step(m, 0, Look{Datastore: datastore("dc-2", "")})
			b.step(m, 2*time.Second, Look{Datastore: datastore("dc-2", "")})
		},
		"objects that use it": func(b *bench) {
			gone := datastore("dc-1", "")
			gone.Object["metadata"].(map[string]any)["deletionTimestamp"] = "2026-01-01T00:00:00Z"
			org := unstructured.Unstructured{Object: map[string]any{"kind": "ApigeeOrganization"}}
			b.step(b.first, 0, Look{Datastore: gone, Others: []unstructured.Unstructured{org}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if err := b.log.Wrong(); err != nil {
				t.Fatal(err)
			}
			play(b)
			words, _, _ := strings.Cut(name, ",")
			if err := b.log.Wrong(); err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("the log says: %v", err)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		cut    bool
		source string
		want   string
	}{
		"one pod":      {true, "dc-1", "the stream was cut"},
		"wrong source": {false, "us-east1", "sufficient sources"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			m := b.second(nil)
			m.Fate.Cut.Store(test.cut)
			b.join(m)
			look := Look{Datastore: datastore("dc-2", seed), Replications: replication("a", test.source)}
			b.step(m, 0, look)
			status := b.step(m, time.Minute, look)
			details := status["cassandraDataReplication"].(map[string]any)["rebuildDetails"].(map[string]any)
			pod := details["apigee-cassandra-default-2"].(map[string]any)
			if state(status) != failed || pod["state"] != failed || !strings.Contains(pod["message"].(string), test.want) {
				t.Errorf("status is %v", status)
			}
		})
	}
}

func TestStale(t *testing.T) {
	b := newBench(t)
	m := b.second(func(o *Options) { o.Stale = true })
	b.join(m)
	look := Look{Datastore: datastore("dc-2", seed), Replications: replication("a", "dc-1")}
	status := b.step(m, 0, look)
	updated := status["cassandraDataReplication"].(map[string]any)["updated"].(int64)
	if state(status) != complete || updated >= b.now.Unix() {
		t.Errorf("before the rebuild it says %v", status)
	}
	if got := state(b.step(m, 1500*time.Millisecond, look)); got != running {
		t.Errorf("in the rebuild the state is %v", got)
	}
}
