package story

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
	"github.com/ringplan/ringplan/cmd/conformance/internal/repo"
	"github.com/ringplan/ringplan/cmd/conformance/internal/world"
)

type kindOf = schema.GroupVersionKind

// seedHost is the one that the topology names.
const seedHost = "10.100.0.11"

// soon is how long an engine may take to bring a commit to a cluster.
const soon = 2 * time.Minute

// play is a scenario under way.
type play struct {
	*world.World
	engine   engine
	delivery world.Delivery
	restarts bool // the engine is killed half way
	outage   bool // an API server is away for a while
}

// begin writes the repository, installs the first region through the engine, and
// proves that it serves.
func (p *play) begin(ctx context.Context) error {
	if err := p.WriteTopology(p.delivery); err != nil {
		return err
	}
	if _, err := p.Ringplan(ctx, world.Fine, "lint"); err != nil {
		return err
	}
	if err := p.move(ctx, world.First); err != nil {
		return err
	}
	commit, err := p.commit(ctx, "Install the first region")
	if err != nil {
		return err
	}
	if err := p.engine.start(ctx, p.World); err != nil {
		return err
	}
	if err := p.Until(ctx, soon, world.First, "runs"); err != nil {
		return err
	}
	if err := untilSynced(ctx, p.World, p.engine, commit); err != nil {
		return err
	}
	if err := p.move(ctx, world.First); err != nil {
		return err
	}
	return p.settle(ctx, "The first region serves")
}

// move takes a region on as soon as its gate is open.
func (p *play) move(ctx context.Context, region string) error {
	return proc.Until(ctx, time.Minute, "the gate of "+region, func(ctx context.Context) error {
		_, err := p.Step(ctx, world.Fine, region)
		return err
	})
}

// commit has everything verified, commits and pushes.
func (p *play) commit(ctx context.Context, message string) (string, error) {
	if _, err := p.Ringplan(ctx, world.Fine, "verify"); err != nil {
		return "", err
	}
	return p.Commit(ctx, message)
}

// settle commits, and waits until the engine is there.
func (p *play) settle(ctx context.Context, message string) error {
	commit, err := p.commit(ctx, message)
	if err != nil {
		return err
	}
	return untilSynced(ctx, p.World, p.engine, commit)
}

// explain adds what the engine says of itself to an error.
func (p *play) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	head, wrong := p.Repo.Head(ctx)
	if wrong != nil {
		return err
	}
	if says := p.engine.synced(ctx, p.World, head); says != nil {
		return fmt.Errorf("%w\nthe engine says at %s:\n%w", err, head[:7], says)
	}
	return err
}

// join takes the second region up to the moment when its rebuild is under way.
func (p *play) join(ctx context.Context) error {
	if err := p.move(ctx, world.Second); err != nil {
		return err
	}
	if err := p.settle(ctx, "The second region joins"); err != nil {
		return err
	}
	if err := p.Until(ctx, soon, world.Second, "runs"); err != nil {
		return err
	}
	if err := p.kill(); err != nil {
		return err
	}
	if err := p.move(ctx, world.Second); err != nil {
		return err
	}
	if _, err := p.commit(ctx, "The second region is rebuilt"); err != nil {
		return err
	}
	return p.Until(ctx, soon, world.Second, "replication created from dc-1")
}

// expand plays a whole expansion.
func (p *play) expand(ctx context.Context) error {
	for _, part := range []func(context.Context) error{p.begin, p.join, p.holds, p.rebuilt, p.serve} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return p.order()
}

// holds sees that nothing takes the seed host out while the rebuild goes on: not
// the gate, not an edit by hand, not a cluster that does not answer.
func (p *play) holds(ctx context.Context) error {
	if _, err := p.Step(ctx, world.Closed, world.Second); err != nil {
		return fmt.Errorf("the gate must hold while the rebuild goes on: %w", err)
	}
	if err := p.byHand(ctx); err != nil {
		return err
	}
	if !p.outage {
		return nil
	}
	p.Say("the API server of %s is ended", world.Second)
	resume := p.Regions[world.Second].Pause()
	said, err := p.Step(ctx, world.Closed, world.Second)
	if err := errors.Join(err, resume(ctx)); err != nil {
		return fmt.Errorf("the gate must hold while a cluster does not answer: %w", err)
	}
	if !strings.Contains(said, world.Second) {
		return fmt.Errorf("the region that does not answer is not named:\n%s", said)
	}
	return nil
}

// byHand takes the seed host out of what is rendered, and then says in the rollout
// that it may go; neither passes what CI runs.
func (p *play) byHand(ctx context.Context) error {
	for _, edit := range []struct{ file, old, new string }{
		{"rendered/" + world.Second + "/overrides.yaml", "multiRegionSeedHost: " + seedHost, "{}"},
		{"rollout.yaml", "phase: rebuilding", "phase: settling"},
	} {
		if err := p.Replace(edit.file, edit.old, edit.new); err != nil {
			return err
		}
		out, err := p.Ringplan(ctx, world.Findings, "verify", "--base", "origin/"+repo.Branch)
		if err := errors.Join(err, p.Repo.Undo(ctx)); err != nil {
			return fmt.Errorf("an edit of %s by hand must be refused: %w\n%s", edit.file, err, out)
		}
	}
	p.Say("two commits by hand that let the seed host go early are refused")
	return nil
}

// rebuilt waits for the rebuild, and has the seed host taken out.
func (p *play) rebuilt(ctx context.Context) error {
	if err := p.Until(ctx, soon, world.Second, "rebuild ended: complete"); err != nil {
		return err
	}
	if err := p.move(ctx, world.Second); err != nil {
		return err
	}
	if err := p.kill(); err != nil {
		return err
	}
	if err := p.settle(ctx, "The second region loses its seed host"); err != nil {
		return err
	}
	return p.Until(ctx, soon, world.Second, "seed host \""+seedHost+"\" removed")
}

// serve proves that the second region serves.
func (p *play) serve(ctx context.Context) error {
	if err := p.move(ctx, world.Second); err != nil {
		return err
	}
	if err := p.Replace("topology.yaml", "      seedHost: "+seedHost+"\n", ""); err != nil {
		return err
	}
	if err := p.settle(ctx, "The second region serves"); err != nil {
		return err
	}
	_, err := p.Ringplan(ctx, world.Fine, "verify", "--strict")
	return err
}

// kill kills the engine if it is to be, and starts it again.
func (p *play) kill() error {
	if !p.restarts {
		return nil
	}
	p.Say("the engine is killed, and starts again")
	return p.engine.restart()
}

// order sees that the operator was told everything, and nothing too early.
func (p *play) order() error {
	want := []string{"datastore created", "runs", "replication created", "rebuild ended: complete", "removed"}
	next := 0
	for _, event := range p.Log.Events() {
		if event.Region == world.Second && next < len(want) && strings.Contains(event.What, want[next]) {
			next++
		}
	}
	if next < len(want) {
		return errors.Join(fmt.Errorf("the operator of %s was never told in this order: %q", world.Second, want[next]), p.Log.Wrong())
	}
	return p.Log.Wrong()
}
