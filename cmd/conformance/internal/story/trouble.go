package story

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ringplan/ringplan/cmd/conformance/internal/operator"
	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
	"github.com/ringplan/ringplan/cmd/conformance/internal/world"
)

// restart has the engine killed twice: while it brings the second region up, and
// when it has just been told that the seed host goes.
func (p *play) restart(context.Context) error {
	p.restarts = true
	return nil
}

// kill kills the engine if it is to be, and starts it again.
func (p *play) kill() error {
	if !p.restarts {
		return nil
	}
	p.Say("the engine is killed, and starts again")
	p.kills++
	return p.engine.restart()
}

// restarted sees that the engine was killed.
func (p *play) restarted(context.Context) error {
	const kills = 2
	if p.kills != kills {
		return fmt.Errorf("the engine was killed %d times, not %d", p.kills, kills)
	}
	return nil
}

// distrust sees that the gate does not take what an earlier rebuild left in the
// status.
func (p *play) distrust(ctx context.Context) error {
	if err := p.untilSaid(ctx, "complete"); err != nil {
		return fmt.Errorf("there is no trap: %w", err)
	}
	return p.closed(ctx, "the status is of an earlier rebuild", ": it is left from an earlier rebuild")
}

// untilSaid waits until the datastore of the second region says so of its rebuild.
func (p *play) untilSaid(ctx context.Context, state string) error {
	says := func(object *unstructured.Unstructured) error {
		if got, _, _ := unstructured.NestedString(object.Object, "status", "cassandraDataReplication", "state"); got != state {
			return fmt.Errorf("the state is %q", got)
		}
		return nil
	}
	what := "said to be rebuilt: " + state
	return p.Regions[world.Second].Until(ctx, soon, operator.Datastore, world.Namespace, "default", what, says)
}

// outage asks the gate while the second region does not answer.
func (p *play) outage(ctx context.Context) error {
	p.Say("the API server of %s is ended", world.Second)
	resume := p.Regions[world.Second].Pause()
	err := p.closed(ctx, "a cluster does not answer", "region "+world.Second+": context "+world.Second, "cannot be reached")
	return errors.Join(err, resume(ctx))
}

// fail has the rebuild fail: the gate says why, and the seed host stays. Then it is
// given up, what was in the way is mended, and it begins anew.
func (p *play) fail(ctx context.Context) error {
	p.Fate.Cut.Store(true)
	p.Fate.Held.Store(false)
	if err := p.untilSaid(ctx, "error"); err != nil {
		return err
	}
	if err := p.closed(ctx, "the rebuild has failed", "the stream was cut"); err != nil {
		return err
	}
	if err := proc.Pause(ctx, hesitation); err != nil {
		return err
	}
	if p.Log.Count(world.Second, "removed") > 0 {
		return errors.New("the seed host is gone")
	}
	p.Fate.Held.Store(true)
	p.Fate.Cut.Store(false)
	if _, err := p.Ringplan(ctx, world.Fine, "abort", world.Second); err != nil {
		return err
	}
	if err := p.settle(ctx, "The rebuild is given up"); err != nil {
		return err
	}
	if err := p.Until(ctx, soon, world.Second, "replication deleted"); err != nil {
		return err
	}
	return p.replicate(ctx, "The second region is rebuilt anew", 2)
}
