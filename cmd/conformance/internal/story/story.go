package story

import (
	"context"

	"github.com/ringplan/ringplan/cmd/conformance/internal/world"
)

// Story is one scenario with one engine.
type Story struct {
	Name   string
	Engine string
	Play   func(context.Context, *world.World) error
}

// deliveries are the engines, and what each delivers.
var deliveries = []world.Delivery{
	{Engine: "flux", By: "rendered"}, {Engine: "argocd", By: "rendered"}, {Engine: "flux", By: "helm"}, {Engine: "argocd", By: "helm"},
}

// All are the scenarios, in the order in which they are played: first whole
// expansions, then what may go wrong in one, and what the API server accepts.
func All() []Story {
	var all []Story
	for _, d := range deliveries {
		all = append(all, Story{Name: "expansion", Engine: name(d), Play: variant{}.run(d)})
	}
	for _, v := range variants {
		for _, d := range deliveries[:2] {
			all = append(all, Story{Name: v.name, Engine: name(d), Play: v.run(d)})
		}
	}
	for _, d := range deliveries {
		all = append(all, Story{Name: "accepted", Engine: name(d), Play: accepted(d)})
	}
	return all
}

func name(d world.Delivery) string { return d.Engine + "-" + d.By }

// Title names the scenario and the engine.
func (s Story) Title() string { return s.Name + " " + s.Engine }
