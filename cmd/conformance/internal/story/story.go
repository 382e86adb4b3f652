// Package story holds the scenarios: what users do, what the operators must see,
// and what must never happen.
package story

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ringplan/ringplan/cmd/conformance/internal/world"
)

// Scenario is something that is proved of one engine.
type Scenario struct{ Name, Engine string }

// Title names the scenario and the engine.
func (s Scenario) Title() string { return s.Name + " " + s.Engine }

// The scenarios.
const (
	accepted     = "accepted"
	expansion    = "expansion"
	restarted    = "engine-restarted"
	stale        = "stale-complete"
	byHand       = "edited-by-hand"
	away         = "api-server-away"
	failed       = "failed-rebuild"
	decommission = "decommission"
)

// names are the scenarios in the order of the table.
var names = []string{accepted, expansion, restarted, stale, byHand, away, failed, decommission}

// deliveries are the engines, and how each delivers. What may be chosen otherwise is
// chosen otherwise in one of them.
var deliveries = []world.Delivery{
	{Engine: "flux", By: "rendered", Source: "ExternalArtifact"}, {Engine: "argocd", By: "rendered", Asks: true},
	{Engine: "flux", By: "helm"}, {Engine: "argocd", By: "helm", Set: true, Packed: true},
}

// All are the scenarios of every engine. However releases are delivered, an engine
// brings and removes a replication in the same way, so that its failure, which takes
// long, is played with one delivery of each.
func All() []Scenario {
	var all []Scenario
	for _, name := range names {
		for _, d := range deliveries {
			if name != failed || d.By == "helm" {
				all = append(all, Scenario{name, d.Name()})
			}
		}
	}
	return all
}

// Journey plays scenarios in one world, one on the way to another: an expansion,
// in which ever more goes wrong, and at its end a decommission.
type Journey struct {
	Name      string
	Regions   []string // that its world must have
	Scenarios []Scenario
	steps     func(*world.World) []step
}

// step is a part of a scenario.
type step struct {
	scenario Scenario
	do       func(context.Context) error
}

// Journeys are those that prove the chosen scenarios. An expansion comes with all of
// its own engine.
func Journeys(chosen []Scenario) []Journey {
	var journeys []Journey
	first := Journey{Name: accepted, Regions: []string{world.First}}
	for _, d := range deliveries {
		var own []Scenario
		for _, each := range chosen {
			switch {
			case each.Engine != d.Name():
			case each.Name == accepted:
				first.Scenarios = append(first.Scenarios, each)
			default:
				own = append(own, each)
			}
		}
		if len(own) == 0 {
			continue
		}
		if basis := (Scenario{expansion, d.Name()}); !slices.Contains(own, basis) {
			own = append([]Scenario{basis}, own...)
		}
		journeys = append(journeys, Journey{
			Name: d.Name(), Regions: []string{world.First, world.Second}, Scenarios: own,
			steps: func(w *world.World) []step { return newPlay(w, d).steps() },
		})
	}
	if len(first.Scenarios) > 0 {
		first.steps = acceptance
		journeys = append(journeys, first)
	}
	return journeys
}

// Result is how a scenario ended.
type Result struct {
	Scenario Scenario
	Err      error
	Took     time.Duration
}

// ErrNotReached is the result of a scenario when one before it failed.
var ErrNotReached = errors.New("not reached")

// Play plays the journey, up to the first step that fails, and returns how each
// scenario ended.
func (j Journey) Play(ctx context.Context, w *world.World) []Result {
	results := make([]Result, len(j.Scenarios))
	for i, each := range j.Scenarios {
		results[i] = Result{Scenario: each, Err: ErrNotReached}
	}
	broken := false
	for _, step := range j.steps(w) {
		at := slices.Index(j.Scenarios, step.scenario)
		switch {
		case at < 0:
		case !broken:
			results[at].play(ctx, w, step)
			broken = results[at].Err != nil
		case results[at].Err == nil:
			results[at].Err = ErrNotReached
		}
	}
	return results
}

func (r *Result) play(ctx context.Context, w *world.World, step step) {
	start := time.Now()
	r.Err = errors.Join(step.do(ctx), w.Log.Wrong())
	r.Took += time.Since(start)
}
