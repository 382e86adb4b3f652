package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/deliver/argocd"
	"github.com/ringplan/ringplan/pkg/deliver/flux"
	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/load"
	"github.com/ringplan/ringplan/pkg/release"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/system/apigee"
	"github.com/ringplan/ringplan/pkg/topology"
	"github.com/ringplan/ringplan/regions"
	"github.com/ringplan/ringplan/schema"
)

// systems lists what ringplan can plan.
var systems = []system.System{apigee.System()}

// Exit codes; README.md tells users of them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitDifferences = 2
	exitFindings    = 3
	exitGate        = 4
	exitUsage       = 64
)

// An exitError ends the program with a code. Without an error there is nothing
// left to print.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// app holds what every verb shares.
type app struct {
	stdout, stderr io.Writer
	// libraries are nil in the program that does without Helm.
	libraries *release.Libraries
	charts    chartFlags

	// writes is whether the verb writes the rendered tree or checks it.
	writes bool
	// changes is whether the verb changes files.
	changes bool
	// erring is whether charts were to be rendered, and were not for errors.
	erring bool

	file    string
	strict  bool
	noColor bool
	phases  []string
	// loader reads topologies; nil until the first is read.
	loader *load.Loader
	// topologies are the files that were found.
	topologies []string
}

// exitCode prints an error, if there is one, and turns it into a code.
func (a *app) exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{exitFailed, err}
	}
	if errors.Is(err, context.Canceled) {
		exit.err = errors.New("interrupted")
		if a.changes {
			exit.err = errors.New("interrupted; what is not listed above is as it was")
		}
	}
	if exit.err != nil {
		fmt.Fprintf(a.stderr, "ringplan: %v\n", exit.err)
	}
	return exit.code
}

// style decides on colour for a stream.
func (a *app) style(w io.Writer) report.Style {
	return report.Style{Color: !a.noColor && os.Getenv("NO_COLOR") == "" && isTerminal(w)}
}

// A ring is a topology that has been read and compiled.
type ring struct {
	file string
	// named is the file as a shell is told of it, where --topology names it.
	named string
	*topology.Topology
	system   system.System
	compiled system.Ring
	members  stage.Ring
	history  history
	// lastRecord is the path of the last record that could be followed.
	lastRecord string
	// at is where the regions stand: as the history says, or as --phase does;
	// then refusals say why they cannot.
	at       stage.Rollout
	refusals []stage.Refusal
	// lock pins the charts, and manifests are what they render, by region, where
	// that was asked for.
	lock      release.Lock
	charts    []string // their names, once they were asked for
	manifests []*regionManifests
	// files are those of its repository, and below is its folder in them.
	files fs.FS
	below string
	// findings are those from before the rules run.
	findings diag.List
	// laidOut is the file that the ring was read from, if that is not its own.
	laidOut string
}

// out returns the rendered tree of the ring: beside its topology, or in the
// given folder, and there in one of its own if it belongs to a fleet.
func (r *ring) out(dir string, fleet bool) string {
	switch {
	case dir == "":
		return filepath.Join(filepath.Dir(r.file), "rendered")
	case fleet:
		return filepath.Join(dir, r.Metadata.Name)
	}
	return dir
}

// load reads every topology that the command line names, lints them, and
// returns those that can be gone on with.
func (a *app) load(ctx context.Context, args []string) ([]*ring, diag.List, error) {
	if err := a.charts.check(); err != nil {
		return nil, nil, err
	}
	if a.charts.on {
		if err := a.needLibraries(); err != nil {
			return nil, nil, err
		}
	}
	rings, findings, err := a.readRings(ctx, args)
	if err != nil {
		return nil, nil, err
	}
	commits := a.writes && slices.ContainsFunc(rings, (*ring).commitsManifests)
	if !a.charts.on && !commits {
		return rings, findings, nil
	}
	if findings.HasErrors() {
		a.erring = true
		fmt.Fprintln(a.stderr, "the charts were not rendered: mend the errors first")
		return rings, findings, nil
	}
	if err := a.needLibraries(); err != nil {
		return nil, nil, err
	}
	return a.loadManifests(ctx, rings)
}

// readRings reads and lints every topology that the command line names.
func (a *app) readRings(ctx context.Context, args []string) ([]*ring, diag.List, error) {
	files, err := a.find(args)
	if err != nil {
		return nil, nil, err
	}
	known, err := parsePhases(a.phases, len(files))
	if err != nil {
		return nil, nil, err
	}
	var rings []*ring
	var findings diag.List
	for _, file := range files {
		r, found, err := a.readRing(ctx, file, known, nil)
		switch {
		case err != nil:
			return nil, nil, err
		case r != nil:
			rings = append(rings, r)
		default:
			findings = append(findings, found...)
		}
	}
	lintFleet(rings)
	for _, r := range rings {
		findings = append(findings, r.lint()...)
	}
	findings.Sort()
	return rings, findings, nil
}

// loadManifests renders the charts of rings that have no errors, and lints them
// once more with what was found in that.
func (a *app) loadManifests(ctx context.Context, rings []*ring) ([]*ring, diag.List, error) {
	if err := a.renderManifests(ctx, rings); err != nil {
		return nil, nil, err
	}
	var findings diag.List
	for _, r := range rings {
		found := r.manifestFindings()
		if !a.charts.on {
			found = withoutNotes(found) // who asks for the charts wants to know all of them
		}
		r.findings = append(r.findings, found...)
		findings = append(findings, r.lint()...)
	}
	findings.Sort()
	return rings, findings, nil
}

// readRing reads one topology and its rollout; if that cannot be gone on with,
// the ring is nil, and the findings say why. What it refers to is read after
// prepare, which may be nil.
func (a *app) readRing(ctx context.Context, file string, known stage.Phases, prepare func(*topology.Topology) error) (*ring, diag.List, error) {
	if a.loader == nil {
		loader, err := load.New(schema.FS, regions.FS)
		if err != nil {
			return nil, nil, err
		}
		a.loader = loader
	}
	t, found, err := read(ctx, a.loader, file)
	if t == nil || err != nil {
		return nil, found, err
	}
	if prepare != nil {
		if err := prepare(t); err != nil {
			return nil, nil, err
		}
	}
	r, err := compile(t, file, known)
	if err != nil {
		return nil, nil, err
	}
	r.findings = found
	if err := r.readBeside(); err != nil {
		return nil, nil, err
	}
	if err := r.readHistory(); err != nil {
		return nil, nil, err
	}
	r.lintRollout()
	r.preview(known)
	return r, nil, nil
}

// lint runs every rule over a ring where it stands.
func (r *ring) lint() diag.List {
	return lint.Run(r.Topology, lint.Standing{Procedures: r.system.Procedures, Rollout: r.at, Refusals: r.refusals, Charts: r.checkedManifests()}, allRules(r.system, r.compiled), r.findings)
}

// read reads one topology, unless it is interrupted: a .cue file is a program,
// and may run for long.
func read(ctx context.Context, loader *load.Loader, file string) (*topology.Topology, diag.List, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	type result struct {
		t        *topology.Topology
		findings diag.List
	}
	done := make(chan result, 1)
	go func() {
		t, findings := loader.File(file)
		done <- result{t, findings}
	}()
	select {
	case r := <-done:
		return r.t, r.findings, nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// find returns the files that the arguments, or --file, stand for.
func (a *app) find(args []string) ([]string, error) {
	if a.file != "" {
		if len(args) > 0 {
			return nil, usage("name the topology with --file or as an argument, not both")
		}
		args = []string{a.file}
	}
	if len(args) == 0 {
		args = []string{""}
	}
	var files []string
	for _, arg := range args {
		found, err := load.Find(arg)
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			files = append(files, filepath.Clean(file))
		}
	}
	slices.Sort(files)
	a.topologies = slices.Compact(files)
	return a.topologies, nil
}

// compile makes a ring of a topology.
func compile(t *topology.Topology, file string, known stage.Phases) (*ring, error) {
	i := slices.IndexFunc(systems, func(s system.System) bool { return s.Name == t.Spec.System })
	if i < 0 {
		return nil, fmt.Errorf("%s: system %s has a schema, but nothing renders it", file, t.Spec.System)
	}
	compiled, err := systems[i].New(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for region := range known {
		if t.Region(region) == nil {
			return nil, usage("--phase: %s has no region %s; it has %s", file, region, regionNames(t))
		}
	}
	return &ring{file: file, Topology: t, system: systems[i], compiled: compiled, members: compiled.Members()}, nil
}

func regionNames(t *topology.Topology) string {
	var names []string
	for i := range t.Spec.Regions {
		names = append(names, t.Spec.Regions[i].Name)
	}
	return strings.Join(names, ", ")
}

// allRules lists every rule that can report something on a system.
func allRules(s system.System, compiled system.Ring) []lint.Rule {
	rules := slices.Concat(load.Rules(), lint.Rules(), s.Rules(compiled), fleetRules, rolloutRules, chartRules, besideRules, deliver.Rules, flux.Rules, argocd.Rules)
	slices.SortFunc(rules, func(a, b lint.Rule) int { return strings.Compare(a.Code, b.Code) })
	return rules
}

// parsePhases reads REGION=PHASE pairs.
func parsePhases(pairs []string, files int) (stage.Phases, error) {
	if len(pairs) > 0 && files > 1 {
		return nil, usage("--phase goes with one topology, not with a fleet of %d", files)
	}
	phases := stage.Phases{}
	for _, pair := range pairs {
		region, phase, ok := strings.Cut(pair, "=")
		if !ok || region == "" || phase == "" {
			return nil, usage("--phase wants REGION=PHASE, not %q", pair)
		}
		if _, twice := phases[region]; twice {
			return nil, usage("--phase: region %s is given twice", region)
		}
		phases[region] = stage.Phase(phase)
	}
	return phases, nil
}

// verdict returns the error that findings amount to, or nil: errors always
// count, warnings with --strict.
func (a *app) verdict(findings diag.List) error {
	if findings.HasErrors() || a.strict && findings.Count(diag.Warning) > 0 {
		return &exitError{code: exitFindings}
	}
	return nil
}

// usable loads topologies for a verb that needs them without errors: it prints
// what lint found to the error stream, and stops on an error.
func (a *app) usable(ctx context.Context, args []string) ([]*ring, error) {
	rings, findings, err := a.load(ctx, args)
	if err != nil {
		return nil, err
	}
	return rings, a.said(findings)
}

// withoutNotes leaves out notes, which are for who asks for them, with lint.
func withoutNotes(findings diag.List) diag.List {
	return slices.DeleteFunc(findings, func(f diag.Finding) bool { return f.Severity == diag.Note })
}
