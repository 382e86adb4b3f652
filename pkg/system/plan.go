package system

import (
	"fmt"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
)

// A Step is one stage of a plan, with what it changes and what to do for it.
type Step struct {
	stage.Stage
	// Changes is what differs from the revision before, in this region alone.
	Changes []manifest.Change
	// Releases are to be applied, in order.
	Releases []string
	Commands []Command
}

// Plan returns the steps that are left. root is the rendered tree, as the
// commands see it.
func Plan(s System, ring Ring, at stage.Rollout, root string) ([]Step, error) {
	stages := ring.Members().Plan(s.Procedures, at)
	steps := make([]Step, len(stages))
	for i, next := range stages {
		p := at.At(next.Region)
		p.Procedure, p.Phase = next.Procedure.Name, next.From
		before, err := ring.Render(p)
		if err != nil {
			return nil, fmt.Errorf("stage %d: %w", next.Number, err)
		}
		p.Phase = next.To
		after, err := ring.Render(p)
		if err != nil {
			return nil, fmt.Errorf("stage %d: %w", next.Number, err)
		}
		steps[i] = Step{Stage: next, Changes: manifest.Diff(before, after), Releases: ring.Releases(next), Commands: ring.Commands(next, root)}
	}
	return steps, nil
}

// Render returns the files of every region where it stands.
func Render(ring Ring, at stage.Rollout) ([]manifest.File, error) {
	var files []manifest.File
	for _, m := range ring.Members() {
		of, err := ring.Render(at.At(m.Region))
		if err != nil {
			return nil, err
		}
		files = append(files, of...)
	}
	return files, nil
}
