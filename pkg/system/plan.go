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

// Plan returns the steps from the given phases until every region serves. root
// is the rendered tree, as the commands see it.
func Plan(ring Ring, phases stage.Phases, root string) ([]Step, error) {
	stages := ring.Members().Plan(phases)
	steps := make([]Step, len(stages))
	for i, s := range stages {
		before, err := ring.Render(s.Region, s.From)
		if err != nil {
			return nil, fmt.Errorf("stage %d: %w", s.Number, err)
		}
		after, err := ring.Render(s.Region, s.To)
		if err != nil {
			return nil, fmt.Errorf("stage %d: %w", s.Number, err)
		}
		steps[i] = Step{Stage: s, Changes: manifest.Diff(before, after), Releases: ring.Releases(s), Commands: ring.Commands(s, root)}
	}
	return steps, nil
}

// Render returns the files of every region at its phase.
func Render(ring Ring, phases stage.Phases) ([]manifest.File, error) {
	var files []manifest.File
	for _, m := range ring.Members() {
		of, err := ring.Render(m.Region, phases[m.Region])
		if err != nil {
			return nil, err
		}
		files = append(files, of...)
	}
	return files, nil
}
