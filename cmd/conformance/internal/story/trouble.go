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
	object, err := p.Regions[world.Second].Get(ctx, operator.Datastore, world.Namespace, "default")
	if err != nil {
		return err
	}
	if state, _, _ := unstructured.NestedString(object.Object, "status", "cassandraDataReplication", "state"); state != "complete" {
		return fmt.Errorf("there is no trap: the state is %q", state)
	}
	return p.closed(ctx, "the status is of an earlier rebuild", ": it is left from an earlier rebuild")
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
	if err := p.Until(ctx, soon, world.Second, "rebuild ended: error"); err != nil {
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
