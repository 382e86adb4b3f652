package apigee

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// kindOf returns the kind of observation that a want gives.
func kindOf(w system.Want) observe.Kind {
	if w.Run != "" {
		return observe.Kind(w.Run)
	}
	return observe.Kind(w.Kind)
}

// only returns the observations of the kinds of wants, or all but those of one.
func only(seen observe.Set, wants []system.Want, but *system.Want) observe.Set {
	var some observe.Set
	for _, o := range seen {
		wanted := func(w system.Want) bool { return kindOf(w) == o.Kind && (but == nil || w != *but) }
		if slices.ContainsFunc(wants, wanted) {
			some = append(some, o)
		}
	}
	return some
}

// TestWants shows for every check of every gate that what it wants is enough to
// answer it, and that it wants nothing that it does not need.
func TestWants(t *testing.T) {
	gates := 0
	for _, p := range procedures {
		for i := range p.Gates {
			gate := &p.Gates[i]
			if gate.Name == "" {
				continue
			}
			gates++
			wants := live.Wants[gate.Name]
			if len(wants) != len(gate.Checks) {
				t.Errorf("gate %s has %d checks, and wants for %d", gate.Name, len(gate.Checks), len(wants))
				continue
			}
			q := worldAt(t, gate.Name).question(t)
			seen := q.Seen
			for n, list := range wants {
				check := fmt.Sprintf("gate %s, check %d", gate.Name, n+1)
				q.Seen = only(seen, list, nil)
				if r := decide(q).Results[n]; r.Answer != stage.Met {
					t.Errorf("%s, by what it wants: %s: %s", check, r.Answer, r.Reason)
				}
				for _, w := range list {
					q.Seen = only(seen, list, &w)
					// Without the replication the start of the phase counts.
					surer := w.Optional || w.Kind == "CassandraDataReplication"
					if r := decide(q).Results[n]; (r.Answer == stage.Met) != surer {
						t.Errorf("%s, without %s: %s: %s", check, kindOf(w), r.Answer, r.Reason)
					}
				}
			}
		}
	}
	if gates < len(live.Wants) || len(live.Wants) == 0 {
		t.Errorf("%d gates, and wants of %d", gates, len(live.Wants))
	}
}

// TestWantsAreKnown shows that everything that is wanted can be asked for and
// allowed.
func TestWantsAreKnown(t *testing.T) {
	used := map[string]bool{live.Kind: true}
	for name, checks := range live.Wants {
		if procedures.Gate(name) == nil {
			t.Errorf("there is no gate %s", name)
		}
		for _, w := range slices.Concat(checks...) {
			used[w.Kind] = true
			switch run := live.Run(w.Run); {
			case w.Run == "" && (w.APIVersion == "" || live.Resources[w.Kind] == ""):
				t.Errorf("gate %s wants %+v, which RBAC has no name for", name, w)
			case w.Run != "" && (run == nil || len(run.Containers) == 0 || run.End == ""):
				t.Errorf("gate %s wants %q, which nothing runs", name, w.Run)
			case w.All && w.Where != system.OwnCluster:
				t.Errorf("gate %s wants all namespaces of a region that stays", name)
			}
		}
	}
	for kind := range live.Resources {
		if !used[kind] {
			t.Errorf("nothing wants %s", kind)
		}
	}
}
