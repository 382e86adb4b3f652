package cli

import (
	"context"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

func newStatus(a *app) *cobra.Command {
	var f stepFlags
	cmd := &cobra.Command{
		Use:   "status [-f FILE...] [--live]",
		Short: "Show where every region stands, and what it waits for",
		Long: `status shows where each region of a topology stands in its procedure, since
when, and the gate that it waits at. With observations, every check of that gate
is answered; without them, it says what each check wants.

` + observationHelp,
		Example:           "  ringplan status\n  kubectl -n apigee get apigeeds,cdr -o json | ringplan status -f -\n  ringplan status --live\n  ringplan status -o json",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.status(cmd.Context(), cmd.InOrStdin(), f)
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) status(ctx context.Context, stdin io.Reader, f stepFlags) error {
	now, err := f.check()
	if err != nil {
		return err
	}
	a.file = f.topology
	rings, err := a.usable(ctx, nil)
	if err != nil {
		return err
	}
	seen, err := a.observations(stdin, f)
	if err != nil {
		return err
	}
	req := system.Request{Now: now, MaxSkew: f.skew, Seen: seen}
	sights, err := f.sights(ctx, rings, &req)
	if err != nil {
		return err
	}
	var list []report.Status
	var setup []string
	for i, r := range rings {
		req.Topology = r.Digest()
		if f.topology != "" {
			r.named = system.Quote(filepath.ToSlash(r.file))
		}
		for _, seen := range sights[i] {
			setup = append(setup, seen.setup...)
		}
		list = append(list, statusSeen(r, req, sights[i]))
	}
	if err := a.printStatus(list, f.output); err != nil {
		return err
	}
	return wrongSetup(setup)
}

// sights reads what every region waits for, with --live, and returns what was
// seen for each, by ring and the name of the region.
func (f *stepFlags) sights(ctx context.Context, rings []*ring, req *system.Request) ([]map[string]sight, error) {
	sights := make([]map[string]sight, len(rings))
	lookout, err := f.lookout(rings)
	if lookout == nil || err != nil {
		return sights, err
	}
	var regions []waiting
	for i, r := range rings {
		sights[i] = map[string]sight{}
		for _, p := range r.at.Regions {
			if !p.Phase.Rests() {
				regions = append(regions, waiting{r, r.at, p.Region, r.system.Gate(r.compiled, p, "", false)})
			}
		}
	}
	seen, err := lookout.look(ctx, regions)
	if err != nil {
		return nil, err
	}
	for i, w := range regions {
		all := slices.Concat(req.Seen, seen[i].Set)
		sights[slices.Index(rings, w.ring)][w.region] = sight{all, seen[i].system.Without(lookout.fromFiles(all)), seen[i].setup}
	}
	req.Asked = true
	req.Now, err = lookout.now()
	return sights, err
}

// statusOf tells where the regions of a ring stand, by what was seen for all.
func statusOf(r *ring, req system.Request) report.Status { return statusSeen(r, req, nil) }

// statusSeen tells where the regions of a ring stand: those of the topology in
// its order, then those that are gone from it. What was seen for single regions
// is by their names.
func statusSeen(r *ring, req system.Request, sights map[string]sight) report.Status {
	s := report.Status{Topology: r.Metadata.Name, Step: r.at.Step}
	for i := range r.Spec.Regions {
		region := &r.Spec.Regions[i]
		p := r.at.At(region.Name)
		line := report.Standing{Progress: p, Datacenter: region.Datacenter}
		if p.Phase == stage.Planned {
			line.Procedure = r.members.Member(region.Name).Procedure.Name
		}
		if !p.Phase.Rests() {
			req, judging := req, r.system
			req.Region = region.Name
			if seen, read := sights[region.Name]; read {
				req.Seen, judging = seen.Set, seen.system
			}
			taken, refusals := judging.Advance(r.compiled, r.at, req)
			line.Refusals = refusals
			if len(refusals) == 0 {
				g := verdictOf(r, taken)
				line.Gate = &g
			}
		}
		s.Regions = append(s.Regions, line)
	}
	for _, p := range r.at.Regions {
		if r.Region(p.Region) == nil {
			s.Regions = append(s.Regions, report.Standing{Progress: p})
		}
	}
	return s
}

func (a *app) printStatus(list []report.Status, o outputs) error {
	return a.emit(o, func(format string, style report.Style) (string, error) {
		if format == "json" {
			return report.StatusJSON(list)
		}
		return joined(list, func(s report.Status) string { return report.StatusText(s, style) }), nil
	})
}
