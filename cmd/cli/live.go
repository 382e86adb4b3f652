package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/live"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/system"
)

// liveFlags are those of every verb that can read clusters.
type liveFlags struct {
	on         bool
	kubeconfig string
	contexts   []string
	timeout    time.Duration
	// exec is whether commands may be run in pods, to read what they print.
	exec bool
}

// add adds the flags to a verb; does says what --live makes of it.
func (f *liveFlags) add(cmd *cobra.Command, does string) {
	flags := cmd.Flags()
	flags.BoolVar(&f.on, "live", false, does)
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "with --live, the kubeconfig (default: KUBECONFIG, or the usual file)")
	flags.StringSliceVar(&f.contexts, "context", nil, "with --live, the kubeconfig's context of a region, as REGION=CONTEXT (repeatable; default: what the topology says)")
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "with --live, how long to wait for each cluster")
	_ = cmd.MarkFlagFilename("kubeconfig")
	_ = cmd.RegisterFlagCompletionFunc("context", cobra.NoFileCompletions)
}

// check looks at the flags; other is whether something else to compare with is
// named.
func (f *liveFlags) check(other bool) error {
	switch {
	case f.on && other:
		return usage("--live does not go with --base or --against: compare with the clusters or with files")
	case !f.on && f.exec:
		return usage("--exec goes with --live, which reads the clusters")
	case !f.on && (f.kubeconfig != "" || len(f.contexts) > 0):
		return usage("--kubeconfig and --context go with --live, which reads the clusters")
	case f.on && f.timeout <= 0:
		return usage("--timeout wants a time such as 30s, not %s", f.timeout)
	}
	return nil
}

// contextsOf reads the REGION=CONTEXT pairs.
func (f *liveFlags) contextsOf(rings []*ring) (map[string]string, error) {
	contexts := map[string]string{}
	for _, pair := range f.contexts {
		region, context, ok := strings.Cut(pair, "=")
		switch {
		case !ok || region == "" || context == "":
			return nil, usage("--context wants REGION=CONTEXT, not %q", pair)
		case contexts[region] != "":
			return nil, usage("--context: region %s is given twice", region)
		case !slices.ContainsFunc(rings, func(r *ring) bool { return r.Region(region) != nil }):
			return nil, usage("--context: no topology here has a region %s", region)
		}
		contexts[region] = context
	}
	return contexts, nil
}

// A liveRegion is a region whose cluster is read.
type liveRegion struct {
	wanted
	context string
	answer  live.Answer
}

// read reports whether anything was read of the region.
func (r *liveRegion) read() bool {
	return len(r.answer.Releases)+len(r.answer.Objects)+len(r.answer.Kinds) > 0
}

// diffLive compares rings with what runs in their clusters. What cannot be read
// does not hide the rest: it is said at the end, with exit code 1.
func (a *app) diffLive(ctx context.Context, rings []*ring, f diffFlags) error {
	contexts, err := f.live.contextsOf(rings)
	if err != nil {
		return err
	}
	config, err := live.Open(f.live.kubeconfig)
	if err != nil {
		return err
	}
	regions := make([][]*liveRegion, len(rings))
	for i, r := range rings {
		if regions[i], err = r.liveRegions(contexts, f.region); err != nil {
			return err
		}
	}
	if err := readLive(ctx, config, slices.Concat(regions...), f.live.timeout); err != nil {
		return err
	}
	var diffs []report.Diff
	for i, r := range rings {
		if f.region != "" && r.Region(f.region) == nil {
			continue
		}
		if known(regions[i]) {
			diffs = append(diffs, r.liveDiff(regions[i]))
		}
	}
	if len(diffs) > 0 {
		if err := a.printDiffs(diffs, f); err != nil {
			return err
		}
	}
	if unread := unreadOf(rings, regions); len(unread) > 0 {
		return fmt.Errorf("what runs in the clusters could not be read whole:\n  %s", strings.Join(unread, "\n  "))
	}
	if slices.ContainsFunc(diffs, func(d report.Diff) bool { return !d.Empty() }) {
		return &exitError{code: exitDifferences}
	}
	return nil
}

// known reports whether anything can be said of the regions of a ring: that is
// so where none is to be read.
func known(regions []*liveRegion) bool {
	return len(regions) == 0 || slices.ContainsFunc(regions, (*liveRegion).read)
}

// unreadOf says what could not be read, in the order of the topologies.
func unreadOf(rings []*ring, regions [][]*liveRegion) []string {
	var unread []string
	for i, r := range rings {
		for _, region := range regions[i] {
			for _, err := range region.answer.Errs {
				unread = append(unread, fmt.Sprintf("region %s of %s: %v", region.name, r.Metadata.Name, err))
			}
		}
	}
	return unread
}

// liveRegions lists the regions of a ring for which something is rendered, in
// the order of the topology: one of them, or with "" all.
func (r *ring) liveRegions(contexts map[string]string, only string) ([]*liveRegion, error) {
	files, err := system.Render(r.compiled, r.at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.file, err)
	}
	var regions []*liveRegion
	for i := range r.Spec.Regions {
		region := &r.Spec.Regions[i]
		if only != "" && region.Name != only {
			continue
		}
		own := slices.DeleteFunc(slices.Clone(files), func(f manifest.File) bool { return !strings.HasPrefix(f.Path, region.Name+"/") })
		if len(own) == 0 {
			continue
		}
		regions = append(regions, &liveRegion{wanted: wantedOf(region.Name, r.system.Live, own), context: cmp.Or(contexts[region.Name], region.Kubernetes.Context)})
	}
	return regions, nil
}

// noContext returns the error of a region whose cluster nobody names.
func noContext(region string, config *live.Kubeconfig) error {
	return setupError(fmt.Sprintf("the topology does not say how its cluster is reached: set kubernetes.context of the region, or give --context %s=CONTEXT; %s", region, config.HasContexts()))
}

// A setupError is a [live.ErrSetup] of the topology or the command line.
type setupError string

func (e setupError) Error() string        { return string(e) }
func (e setupError) Is(target error) bool { return target == live.ErrSetup }

// readLive reads the clusters of regions, and puts the answers there. An error
// is that of ctx.
func readLive(ctx context.Context, config *live.Kubeconfig, regions []*liveRegion, timeout time.Duration) error {
	var asked []*liveRegion
	var queries []live.Query
	for _, r := range regions {
		if r.context == "" {
			r.answer.Errs = []error{noContext(r.name, config)}
			continue
		}
		asked = append(asked, r)
		queries = append(queries, r.query(r.context))
	}
	answers, err := config.Read(ctx, timeout, queries)
	if err != nil {
		return err
	}
	for i, r := range asked {
		r.answer = answers[i]
		if r.empty(r.answer) { // then the definitions are still to come, as all else
			r.answer.Errs = slices.DeleteFunc(r.answer.Errs, func(err error) bool { return errors.Is(err, live.ErrNoKind) })
		}
	}
	return nil
}

// liveDiff compares the regions of a ring with what was read of them.
func (r *ring) liveDiff(regions []*liveRegion) report.Diff {
	d := report.Diff{Topology: r.Metadata.Name, Against: against(regions)}
	for _, region := range regions {
		if changes := region.compare(r.system, region.answer); len(changes) > 0 {
			d.Regions = append(d.Regions, report.RegionDiff{Region: region.name, Changes: changes})
		}
	}
	return d
}

// against says what was read.
func against(regions []*liveRegion) string {
	var names, missing []string
	for _, r := range regions {
		if r.read() {
			names = append(names, r.name)
		}
		if len(r.answer.Errs) > 0 {
			missing = append(missing, r.name)
		}
	}
	text := "no cluster, because nothing is rendered"
	switch len(names) {
	case 0:
	case 1:
		text = "the cluster of " + names[0]
	default:
		text = "the clusters of " + strings.Join(names, ", ")
	}
	if len(missing) > 0 {
		text += " (not read whole: " + strings.Join(missing, ", ") + ")"
	}
	return text
}
