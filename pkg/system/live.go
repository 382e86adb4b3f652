package system

import (
	"slices"

	"github.com/ringplan/ringplan/pkg/stage"
)

// A Live tells how what is rendered for a region shows in its cluster, and what
// the gates want to know of one.
type Live struct {
	// Chart is that of the release that is the datacenter.
	Chart string
	// APIVersion, Kind and Name are of the object that this chart makes, and
	// Fields those of it that the values decide.
	APIVersion, Kind, Name string
	Fields                 []LiveField
	// Passing are the kinds that are rendered at some phases only: objects that
	// are rendered no more are listed.
	Passing []Passing
	// Resources names the resources of kinds, as RBAC does, by the kind.
	Resources map[string]string
	// Wants lists, by the name of a gate and in the order of its checks, what
	// each of them needs.
	Wants map[string][][]Want
	// Runs are the commands that a want may name.
	Runs []Run
}

// A LiveField is a field of an object that a value of a chart decides.
type LiveField struct {
	// Paths are where it may stand in the object; the first that does counts.
	Paths [][]string
	// Value is the path of the value; "" is the version of the release.
	Value string
	// Absent is what a field, or value, that is not there means; nil if
	// nothing, and then "" is nothing too.
	Absent any
	// Optional marks a field that some charts do not write.
	Optional bool
}

// A Passing is a kind of object, and the rendered file that holds it.
type Passing struct{ APIVersion, Kind, File string }

// A Where says whose cluster a check looks at.
type Where int

// Whose cluster it is.
const (
	// OwnCluster is that of the region that the gate is about.
	OwnCluster Where = iota
	// EveryCluster is each one whose datacenter may be in the ring.
	EveryCluster
	// AnotherCluster is that of any other region that serves.
	AnotherCluster
)

// A Want is what a check needs of a cluster: the objects of a kind, or what a
// command prints.
type Want struct {
	Where Where
	// Kind is listed in the namespace of the system, or in all.
	APIVersion, Kind string
	All              bool
	// Run is the name of a command; then there is no kind.
	Run string
	// Optional is what only makes an answer surer: without it none is kinder.
	Optional bool
}

// A Run is a command that is run in a pod, and prints what checks read.
type Run struct {
	// Name is what it is called, such as "nodetool status".
	Name string
	// Pods starts the names of the pods that can run it, which are numbered from
	// 0, and Containers are theirs, the most likely first.
	Pods       string
	Containers []string
	Args       []string
	// End is the last line of a whole output, and no part of it.
	End string
}

// Run returns the command of a name, nil if there is none.
func (l *Live) Run(name string) *Run {
	i := slices.IndexFunc(l.Runs, func(r Run) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return &l.Runs[i]
}

// Gate returns the gate that a step would be judged by, where the region stands
// like that; nil if there is none. The step adopts the region, or goes on.
func (s System) Gate(ring Ring, p stage.Progress, procedure string, adopts bool) *stage.Gate {
	next := s.Procedures.Named(procedure)
	switch member := ring.Members().Member(p.Region); {
	case member == nil:
		return nil
	case adopts:
		next = s.Procedures.Adopting()
	case next == nil && p.Phase.Rests() && p.Phase != stage.Serving:
		next = member.Procedure
	}
	current := s.Procedures.Named(p.Procedure)
	switch {
	case adopts && next != nil, next != nil && (p.Phase.Rests() || next.Name != p.Procedure && next.StartsFrom(p.Phase)):
		return next.Gate(next.First())
	case current != nil && !p.Phase.Rests():
		return current.Gate(p.Phase)
	}
	return nil
}

// Without returns the system as it judges where some of what checks want could
// not be read: why says it, and "" of what was. Such a check is unknown, whatever
// the rest would answer.
func (s System) Without(why func(Want) string) System {
	judge := s.Judge
	s.Judge = func(q Question) Judgement {
		j := judge(q)
		for i, wants := range s.Live.Wants[q.Gate.Name] {
			if i >= len(j.Results) {
				break
			}
			for _, want := range wants {
				if reason := why(want); reason != "" && !want.Optional {
					j.Results[i] = stage.Result{Check: j.Results[i].Check, Answer: stage.Unknown, Reason: reason}
					break
				}
			}
		}
		return j
	}
	return s
}
