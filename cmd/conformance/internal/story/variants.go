package story

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ringplan/ringplan/cmd/conformance/internal/operator"
	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
	"github.com/ringplan/ringplan/cmd/conformance/internal/world"
)

// variant is an expansion in which something is otherwise.
type variant struct {
	name     string
	operator func(*operator.Options) // of the second region
	play     func(*play)
	failing  bool // the rebuild fails, so the region never comes to serve
	leaving  bool // the region is decommissioned once it serves
}

var variants = []variant{
	{name: "decommission", leaving: true},
	{name: "failed-rebuild", operator: func(o *operator.Options) { o.FailPod = 2 }, failing: true},
	{name: "stale-complete", operator: func(o *operator.Options) { o.Stale, o.RebuildDelay = true, 10*time.Second }},
	{name: "engine-restarted", play: func(p *play) { p.restarts = true }},
	{name: "api-server-away", play: func(p *play) { p.outage = true }, operator: func(o *operator.Options) { o.PodTime = 8 * time.Second }},
}

// run plays the variant with an engine.
func (v variant) run(delivery world.Delivery) func(context.Context, *world.World) error {
	return func(ctx context.Context, w *world.World) error {
		behaviour := world.Behaviour()
		if v.operator != nil {
			second := behaviour[world.Second]
			v.operator(&second)
			behaviour[world.Second] = second
		}
		if err := w.Populate(ctx, behaviour); err != nil {
			return err
		}
		p := &play{World: w, engine: engines[delivery.Engine](), delivery: delivery}
		if v.play != nil {
			v.play(p)
		}
		switch {
		case v.failing:
			return p.explain(ctx, p.fail(ctx))
		case v.leaving:
			return p.explain(ctx, p.decommission(ctx))
		}
		return p.explain(ctx, p.expand(ctx))
	}
}

// fail plays an expansion whose rebuild fails: the gate says so, and the seed host
// stays.
func (p *play) fail(ctx context.Context) error {
	for _, part := range []func(context.Context) error{p.begin, p.join} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	if err := p.Until(ctx, soon, world.Second, "rebuild ended: error"); err != nil {
		return err
	}
	said, err := p.Step(ctx, world.Closed, world.Second)
	if err != nil {
		return err
	}
	if !strings.Contains(said, "the stream was cut") {
		return fmt.Errorf("the gate does not say why the rebuild failed:\n%s", said)
	}
	if err := proc.Pause(ctx, hesitation); err != nil {
		return err
	}
	if p.Log.Has(world.Second, "removed") {
		return fmt.Errorf("the seed host is gone")
	}
	return p.Log.Wrong()
}
