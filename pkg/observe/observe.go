package observe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringplan/ringplan/pkg/diag"
)

// A Kind says what was observed.
type Kind string

// The kinds that are recognised. Those of objects are Kubernetes' own words.
const (
	KindDatastore    Kind = "ApigeeDatastore"
	KindReplication  Kind = "CassandraDataReplication"
	KindOrganization Kind = "ApigeeOrganization"
	KindPod          Kind = "Pod"
	KindNode         Kind = "Node"
	KindClaim        Kind = "PersistentVolumeClaim"
	KindStatus       Kind = "nodetool status"
	KindNetStats     Kind = "nodetool netstats"
	KindCluster      Kind = "nodetool describecluster"
	KindRebuild      Kind = "rebuild log"
)

// An Observation is one thing that a cluster said. Exactly one of the pointers
// is set, the one that Kind names.
type Observation struct {
	// Source names the input, and Line is where in it the part begins.
	Source string `json:"source"`
	Line   int    `json:"line"`
	// Digest is the SHA-256 of the bytes that the observation was read from,
	// and Input that of the whole input, both in hex.
	Digest string `json:"digest"`
	Input  string `json:"input"`
	// Taken is when the observation was made, zero if unknown: from a line
	// "# observed-at: TIME" above it, or from the caller; see [Set.TakenAt].
	Taken time.Time `json:"taken,omitzero"`
	// List is the SHA-256, in hex, of the List of kubectl that the object stands
	// in, if any: only a whole list can tell what is not there.
	List string `json:"list,omitempty"`

	Kind Kind `json:"kind"`
	// Namespace and Name are those of the object; what nodetool and logs say
	// has none.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`

	Datastore    *Datastore    `json:"datastore,omitempty"`
	Replication  *Replication  `json:"replication,omitempty"`
	Organization *Organization `json:"organization,omitempty"`
	Pod          *Pod          `json:"pod,omitempty"`
	Node         *Node         `json:"node,omitempty"`
	Claim        *Claim        `json:"claim,omitempty"`
	Status       *Status       `json:"status,omitempty"`
	NetStats     *NetStats     `json:"netstats,omitempty"`
	Cluster      *Cluster      `json:"cluster,omitempty"`
	Rebuild      *RebuildLog   `json:"rebuild,omitempty"`
}

// Object returns the kind and the name for a message, such as
// "ApigeeDatastore apigee/default".
func (o *Observation) Object() string { return object(string(o.Kind), o.Namespace, o.Name) }

// Pos returns where the observation was read from.
func (o *Observation) Pos() diag.Pos { return diag.Pos{File: o.Source, Line: o.Line} }

func object(kind, namespace, name string) string {
	switch {
	case name == "":
		return kind
	case namespace == "":
		return kind + " " + name
	}
	return kind + " " + namespace + "/" + name
}

// A Problem is a part of an input that gave no observation, and why. It names
// kinds, objects and fields, and never repeats a value of the input, which may
// be what nobody should read in a log.
type Problem struct {
	Pos diag.Pos `json:"position"`
	// Object and Path name the object and its field, if it is about one.
	Object string `json:"object,omitempty"`
	Path   string `json:"path,omitempty"`
	// Message says what it looks like and what is wrong, and Hint what would
	// be accepted or what to run.
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// String returns the problem in one line.
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", p.Pos)
	if p.Object != "" {
		b.WriteString(p.Object + ": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + " ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

// A Set is what several inputs said together: append one to another. Order
// among the inputs does not matter to the methods.
type Set []Observation

// TakenAt returns the set with that time for the observations that have none.
func (s Set) TakenAt(t time.Time) Set {
	s = slices.Clone(s)
	for i := range s {
		if s[i].Taken.IsZero() {
			s[i].Taken = t.Round(0).UTC()
		}
	}
	return s
}

// Of returns the observations of a kind, ordered by namespace, name, source
// and line; numbers in names count as numbers.
func (s Set) Of(kind Kind) Set {
	var some Set
	for _, o := range s {
		if o.Kind == kind {
			some = append(some, o)
		}
	}
	slices.SortStableFunc(some, func(a, b Observation) int {
		return cmp.Or(natural(a.Namespace, b.Namespace), natural(a.Name, b.Name), natural(a.Source, b.Source),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Digest, b.Digest))
	})
	return some
}

// Datastores returns the observations of ApigeeDatastores; like the methods
// below, in the order of [Set.Of].
func (s Set) Datastores() Set { return s.Of(KindDatastore) }

// Replications returns the observations of CassandraDataReplications.
func (s Set) Replications() Set { return s.Of(KindReplication) }

// Organizations returns the observations of ApigeeOrganizations.
func (s Set) Organizations() Set { return s.Of(KindOrganization) }

// Pods returns the observations of pods.
func (s Set) Pods() Set { return s.Of(KindPod) }

// Nodes returns the observations of Kubernetes' nodes.
func (s Set) Nodes() Set { return s.Of(KindNode) }

// Claims returns the observations of PersistentVolumeClaims.
func (s Set) Claims() Set { return s.Of(KindClaim) }

// Statuses returns the observations by nodetool status.
func (s Set) Statuses() Set { return s.Of(KindStatus) }

// NetStats returns the observations by nodetool netstats.
func (s Set) NetStats() Set { return s.Of(KindNetStats) }

// Clusters returns the observations by nodetool describecluster.
func (s Set) Clusters() Set { return s.Of(KindCluster) }

// Rebuilds returns the logs of rebuilds.
func (s Set) Rebuilds() Set { return s.Of(KindRebuild) }

// natural compares strings with their runs of digits as numbers, so that
// pod-2 comes before pod-10.
func natural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		m, n := digits(x), digits(y)
		if m == 0 || n == 0 {
			if x[0] != y[0] {
				return cmp.Compare(x[0], y[0])
			}
			x, y = x[1:], y[1:]
			continue
		}
		p, q := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
		if c := cmp.Or(cmp.Compare(len(p), len(q)), cmp.Compare(p, q)); c != 0 {
			return c
		}
		x, y = x[m:], y[n:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// digits returns how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}
