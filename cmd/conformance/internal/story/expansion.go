package story

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
	"github.com/ringplan/ringplan/cmd/conformance/internal/registry"
	"github.com/ringplan/ringplan/cmd/conformance/internal/repo"
	"github.com/ringplan/ringplan/cmd/conformance/internal/world"
)

type kindOf = schema.GroupVersionKind

// seedHost is the one that the topology names.
const seedHost = "10.100.0.11"

// soon is how long an engine may take to bring a commit to a cluster.
const soon = 2 * time.Minute

// play is the journey of one engine.
type play struct {
	*world.World
	engine   engine
	delivery world.Delivery
	restarts bool // the engine is killed on the way
	kills    int
}

func newPlay(w *world.World, delivery world.Delivery) *play {
	return &play{World: w, engine: engines[delivery.Engine](delivery), delivery: delivery}
}

// steps are those of all scenarios, each proved on the way of one expansion.
func (p *play) steps() []step {
	var steps []step
	for _, each := range []struct {
		name string
		do   func(context.Context) error
	}{
		{expansion, p.begin},
		{restarted, p.restart},
		{expansion, p.join},
		{expansion, p.rebuild},
		{stale, p.distrust},
		{byHand, p.edit},
		{away, p.outage},
		{failed, p.fail},
		{expansion, p.rebuilt},
		{expansion, p.serve},
		{restarted, p.restarted},
		{decommission, p.leave},
	} {
		do := func(ctx context.Context) error { return p.explain(ctx, each.do(ctx)) }
		steps = append(steps, step{Scenario{each.name, p.delivery.Name()}, do})
	}
	return steps
}

// begin writes the repository, installs the first region through the engine, and
// proves that it serves.
func (p *play) begin(ctx context.Context) error {
	if err := p.Populate(ctx); err != nil {
		return err
	}
	if err := p.write(ctx); err != nil {
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
	return p.move(ctx, world.First)
}

// write writes the repository. Where the charts are not to be in it, they are pushed
// to a registry, and a person applies the definitions, which Argo CD does not take
// out of it.
func (p *play) write(ctx context.Context) error {
	if !p.delivery.Packed {
		return p.WriteTopology(p.delivery)
	}
	server, err := registry.Start(ctx, p.Group, p.Programs.Registry, p.Programs.Helm, p.Folder)
	if err != nil {
		return err
	}
	p.Packed = server.Charts()
	if err := p.WriteTopology(p.delivery); err != nil {
		return err
	}
	if err := server.Push(ctx, p.Charts()); err != nil {
		return err
	}
	for region := range p.Regions {
		if err := p.DefineSystem(ctx, region); err != nil {
			return err
		}
	}
	return os.RemoveAll(p.Charts())
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
	commit, err := p.Commit(ctx, message)
	if err != nil {
		return "", err
	}
	return commit, p.engine.pushed(ctx, p.World)
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
	head := p.Repo.Head()
	if says := p.engine.synced(ctx, p.World, head); says != nil {
		return fmt.Errorf("%w\nthe engine says at %s:\n%w", err, head[:7], says)
	}
	return err
}

// join takes the second region up to the moment when it runs. That the first one
// serves is in the same commit.
func (p *play) join(ctx context.Context) error {
	if err := p.move(ctx, world.Second); err != nil {
		return err
	}
	commit, err := p.commit(ctx, "The second region joins")
	if err != nil {
		return err
	}
	if err := p.Until(ctx, soon, world.Second, "datastore created"); err != nil {
		return err
	}
	if err := p.kill(); err != nil {
		return err
	}
	if err := untilSynced(ctx, p.World, p.engine, commit); err != nil {
		return err
	}
	return p.Until(ctx, soon, world.Second, "runs")
}

// rebuild has the rebuild started, and held up: the gate must hold meanwhile.
func (p *play) rebuild(ctx context.Context) error {
	p.Fate.Held.Store(true)
	return p.replicate(ctx, "The second region is rebuilt", 1)
}

// replicate has a rebuild started, by a replication that is the first or a later
// one.
func (p *play) replicate(ctx context.Context, message string, time int) error {
	if err := p.move(ctx, world.Second); err != nil {
		return err
	}
	if _, err := p.commit(ctx, message); err != nil {
		return err
	}
	if err := p.UntilAgain(ctx, soon, world.Second, "replication created from dc-1", time); err != nil {
		return err
	}
	return p.closed(ctx, "the rebuild goes on")
}

// closed sees that the gate of the second region is closed, whatever else is so, and
// that it says all these words.
func (p *play) closed(ctx context.Context, while string, words ...string) error {
	said, err := p.Step(ctx, world.Closed, world.Second)
	if err != nil {
		return fmt.Errorf("the gate must hold while %s: %w", while, err)
	}
	for _, each := range words {
		if !strings.Contains(said, each) {
			return fmt.Errorf("the gate holds while %s, and does not say %q:\n%s", while, each, said)
		}
	}
	return nil
}

// edit takes the seed host out of what is rendered, and then says in the rollout
// that it may go; neither passes what CI runs.
func (p *play) edit(ctx context.Context) error {
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
	p.Fate.Held.Store(false)
	if err := p.Until(ctx, soon, world.Second, "rebuild ended: complete"); err != nil {
		return err
	}
	if err := p.move(ctx, world.Second); err != nil {
		return err
	}
	commit, err := p.commit(ctx, "The second region loses its seed host")
	if err != nil {
		return err
	}
	if err := p.kill(); err != nil {
		return err
	}
	if err := untilSynced(ctx, p.World, p.engine, commit); err != nil {
		return err
	}
	return p.Until(ctx, soon, world.Second, "seed host \""+seedHost+"\" removed")
}

// serve proves that the second region serves, and that all was in order.
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
	if _, err := p.Ringplan(ctx, world.Fine, "verify", "--strict"); err != nil {
		return err
	}
	return p.order()
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
