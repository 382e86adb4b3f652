package operator

import (
	"fmt"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Options say how an operator behaves.
type Options struct {
	Delay        time.Duration // from creating to running
	RebuildDelay time.Duration // from the replication to the first pod's rebuild
	PodTime      time.Duration // that the rebuild of one pod takes
	Stale        bool          // a complete of an earlier rebuild stands in the status from the start
	Network      string        // the first three numbers of its pods' addresses
}

// Fate is what becomes of the rebuilds of a region. It may be changed while they go
// on.
type Fate struct {
	Held atomic.Bool // they stand still
	Cut  atomic.Bool // that of the last pod fails
}

// States, as the operator writes them.
const (
	creating  = "creating"
	releasing = "releasing"
	running   = "running"
	deleting  = "deleting"
	complete  = "complete"
	failed    = "error"
	none      = "none"
)

// finalizer keeps a datastore until its nodes have left the ring.
const finalizer = "apigeedatastore.apigee.cloud.google.com"

// Look is what an operator sees in its cluster at one moment.
type Look struct {
	Datastore    *unstructured.Unstructured // or nil
	Replications []unstructured.Unstructured
	Others       []unstructured.Unstructured // of the other kinds of the group
}

// Answer is what an operator does to an object.
type Answer struct {
	Object     *unstructured.Unstructured
	Status     map[string]any
	Finalizers []string
}

// Machine is the operator of one region, without its cluster. It is stepped with
// what is there and the time, and answers what it writes.
type Machine struct {
	region  string
	options Options
	ring    *Ring
	log     *Log
	Fate    Fate

	now        time.Time
	datacenter string
	seed       string
	present    bool
	joined     bool
	generation int64
	created    time.Time
	since      time.Time // of the generation
	leaving    time.Time
	rebuild    rebuild
	began      map[string]time.Time // of the other objects, by UID and generation
}

// rebuild is where the rebuild of a region stands.
type rebuild struct {
	of     string // the UID of the replication
	source string
	from   time.Time      // when the first pod's rebuild begins
	state  string         // as it was at the last step, for the log
	failed string         // why none of it can succeed
	said   map[string]any // what the status said last
	before map[string]any // and what it said of the rebuild before
}

// NewMachine returns the operator of a region of a ring.
func NewMachine(region string, options Options, ring *Ring, log *Log) *Machine {
	return &Machine{region: region, options: options, ring: ring, log: log, began: map[string]time.Time{}, rebuild: rebuild{state: none}}
}

// Step takes what is there at a time, which never goes back, and returns what the
// operator writes.
func (m *Machine) Step(now time.Time, look Look) []Answer {
	if m.Fate.Held.Load() {
		m.rebuild.from = m.rebuild.from.Add(now.Sub(m.now))
	}
	m.now = now
	answers := make([]Answer, 0, len(look.Others)+len(look.Replications)+1)
	for i := range look.Others {
		answers = append(answers, Answer{Object: &look.Others[i], Status: m.other(&look.Others[i]), Finalizers: look.Others[i].GetFinalizers()})
	}
	if look.Datastore == nil {
		m.absent()
		return answers
	}
	m.observe(look)
	answers = append(answers, m.replicate(look.Replications)...)
	return append(answers, m.datastore(look.Datastore))
}

// say adds an event to the log.
func (m *Machine) say(wrong bool, format string, args ...any) {
	m.log.add(Event{Time: m.now, Region: m.region, What: fmt.Sprintf(format, args...), Rebuild: m.rebuild.state, Wrong: wrong})
}

// other is the status of an object that only starts.
func (m *Machine) other(object *unstructured.Unstructured) map[string]any {
	key := fmt.Sprint(object.GetUID(), object.GetGeneration())
	if m.began[key].IsZero() {
		m.began[key] = m.now
	}
	state := creating
	if m.now.Sub(m.began[key]) >= m.options.Delay {
		state = running
	}
	if object.GetDeletionTimestamp() != nil {
		state = deleting
	}
	status := map[string]any{"state": state}
	if object.GetKind() != "ApigeeRouteConfig" {
		status["lastAppliedGeneration"] = object.GetGeneration()
	}
	return status
}

func (m *Machine) absent() {
	if !m.present {
		return
	}
	m.say(false, "datastore gone")
	m.ring.leave(m.datacenter)
	m.present, m.joined, m.seed, m.generation = false, false, "", 0
	m.leaving, m.rebuild = time.Time{}, rebuild{state: none}
}

// observe logs what changed in the datastore since the last step.
func (m *Machine) observe(look Look) {
	object := look.Datastore
	seed := property(object, "multiRegionSeedHost")
	if !m.present {
		m.present, m.created = true, m.now
		m.datacenter, m.seed = property(object, "datacenter"), seed
		m.say(false, "datastore created in %s, seed host %q", m.datacenter, seed)
	}
	if seed != m.seed {
		m.reseed(seed)
	}
	if object.GetGeneration() != m.generation {
		m.generation, m.since = object.GetGeneration(), m.now
	}
	if object.GetDeletionTimestamp() != nil && m.leaving.IsZero() {
		m.leaving = m.now
		users := using(look.Others)
		m.say(users > 0, "datastore deleted, with %d objects that use it", users)
	}
}

// using counts the objects that cannot do without the datastore.
func using(others []unstructured.Unstructured) int {
	count := 0
	for _, object := range others {
		if kind := object.GetKind(); kind == Organization.Kind || kind == "ApigeeEnvironment" {
			count++
		}
	}
	return count
}

// reseed logs that the seed host changed. It may be taken out only when the
// rebuild that it serves is done.
func (m *Machine) reseed(seed string) {
	old := m.seed
	m.seed = seed
	switch {
	case seed != "":
		m.say(m.joined, "seed host set to %q", seed)
	case m.rebuild.state != complete:
		m.say(true, "seed host %q removed before the rebuild is done", old)
	default:
		m.say(false, "seed host %q removed", old)
	}
}

// property is a property of the datastore's Cassandra.
func property(object *unstructured.Unstructured, name string) string {
	text, _, _ := unstructured.NestedString(object.Object, "spec", "components", "cassandra", "properties", name)
	return text
}

func (m *Machine) replicas(object *unstructured.Unstructured) int {
	count, _, _ := unstructured.NestedInt64(object.Object, "spec", "components", "cassandra", "replicas")
	return int(count)
}

// datastore is the datastore's status, and what keeps it.
func (m *Machine) datastore(object *unstructured.Unstructured) Answer {
	answer := Answer{Object: object, Finalizers: []string{finalizer}}
	state := m.state(object)
	if state == running && !m.joined {
		m.joined = m.join(object)
	}
	if !m.joined && state == running {
		state = creating
	}
	if state == deleting && m.now.Sub(m.leaving) >= m.options.Delay {
		m.ring.leave(m.datacenter)
		answer.Finalizers = nil
	}
	replicas := int64(m.replicas(object))
	answer.Status = map[string]any{"state": state, "observedGeneration": m.generation, "lastAppliedGeneration": m.generation}
	if m.joined {
		answer.Status["cassandraReadyReplicas"] = replicas
		answer.Status["cassandraPodIps"] = texts(m.Addresses(int(replicas)))
	}
	if data := m.replicationStatus(int(replicas)); data != nil {
		answer.Status["cassandraDataReplication"] = data
	}
	return answer
}

func (m *Machine) state(object *unstructured.Unstructured) string {
	switch {
	case object.GetDeletionTimestamp() != nil:
		return deleting
	case m.now.Sub(m.since) >= m.options.Delay:
		return running
	case m.joined:
		return releasing
	default:
		return creating
	}
}

// join brings the nodes into the ring, and tells whether they could.
func (m *Machine) join(object *unstructured.Unstructured) bool {
	others, reached := m.ring.others(m.datacenter, m.seed)
	if m.seed != "" && !reached {
		return false
	}
	if m.seed == "" && others {
		m.say(true, "datacenter %s forms a ring of its own, without a seed host", m.datacenter)
	}
	m.ring.join(datacenter{
		name: m.datacenter, rack: property(object, "rack"),
		addresses: m.Addresses(m.replicas(object)), full: m.seed == "",
	})
	m.say(false, "datacenter %s runs", m.datacenter)
	return true
}

// Addresses are those of the first pods.
func (m *Machine) Addresses(count int) []string {
	addresses := make([]string, count)
	for i := range addresses {
		addresses[i] = fmt.Sprintf("%s.%d", m.options.Network, 11+i)
	}
	return addresses
}

func texts(list []string) []any {
	all := make([]any, len(list))
	for i, each := range list {
		all[i] = each
	}
	return all
}
