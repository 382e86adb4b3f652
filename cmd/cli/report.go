package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

type reportFlags struct {
	base   string
	limit  int
	output outputs
}

func newReport(a *app) *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report [TOPOLOGY | FOLDER]... --base REV",
		Short: "Tell reviewers what a change does",
		Long: `report tells what a change does since it parted from a Git revision: in one
sentence, region by region, with what comes next, what is found newly, and a
picture of the topology.

As Markdown it is one comment for a pull request, of at most --limit characters:
of a large change it lists what is gravest, and counts the rest. As HTML it is the
whole story in one file, which loads nothing from elsewhere. Nothing is sent.

Findings do not change the exit code: that is for "ringplan verify".`,
		Example: "  ringplan report --base origin/main\n  ringplan report --base origin/main -o markdown=comment.md -o html=report.html",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.charts.ahead, a.writes = true, true // as for verify, whose findings it tells
			return a.report(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.base, "base", "", "Git revision that the change is based on")
	flags.IntVar(&f.limit, "limit", report.MaxComment, "how many characters the Markdown may have")
	f.output.add(cmd, "markdown", "html", "json")
	return cmd
}

// minComment is the least that --limit allows: what the shortest comment needs.
const minComment = 16384

func (a *app) report(ctx context.Context, args []string, f reportFlags) error {
	switch {
	case f.base == "":
		return usage("report needs --base: the revision that the change is based on, such as origin/main")
	case f.limit < minComment:
		return usage("--limit: %d is less than %d, and a comment may need that", f.limit, minComment)
	}
	rings, findings, before, err := a.verified(ctx, args, f.base)
	if err != nil {
		return err
	}
	findings.Sort()
	findings.CompareWith(before.findings)
	var reviews []report.Review
	for _, r := range rings {
		review, err := r.review(before)
		if err != nil {
			return fmt.Errorf("%s: %w", r.file, err)
		}
		reviews = append(reviews, review)
	}
	reviews = withFindings(reviews, rings, findings)
	return a.emit(f.output, func(format string, _ report.Style) (string, error) {
		switch format {
		case "json":
			return report.ReviewJSON(reviews)
		case "html":
			return report.ReviewHTML(reviews, "Change review")
		}
		return report.ReviewMarkdown(reviews, f.limit), nil
	})
}

// review tells what a change does to one ring, but for its findings.
func (r *ring) review(before *earlier) (report.Review, error) {
	was := before.rings[r.file]
	_, mended := before.unreadable[r.file]
	review := report.Review{
		Topology: r.Metadata.Name, Base: before.rev, Added: was == nil && !mended, Mended: mended,
		Edited: was != nil && was.Digest() != r.Digest(), Taken: r.takenSince(was), Graph: graphOf(r), Status: statusOf(r, system.Request{Topology: r.Digest(), Now: time.Now()}),
	}
	plan, err := planOf(r, "")
	if err != nil { // the rollout does not fit the topology, which is a finding
		plan.Left = append(plan.Left, fmt.Sprintf("No plan can be made: %v.", err))
	}
	review.Plan = plan
	var old []manifest.File
	if was != nil {
		if old, err = was.render(was.at); err != nil {
			return review, err
		}
	}
	review.Diff = report.Diff{Topology: r.Metadata.Name, Against: before.rev}
	review.Diff.Regions, err = r.changesFrom(old, "")
	return review, err
}

// takenSince lists the steps of a ring that were not taken when it was so.
func (r *ring) takenSince(was *ring) []stage.Record {
	if was == nil {
		return nil
	}
	known := map[string]bool{}
	for _, rec := range was.history.records {
		known[rec.Path()] = true
	}
	return slices.DeleteFunc(slices.Clone(r.history.records), func(rec stage.Record) bool { return known[rec.Path()] })
}

// withFindings gives each review the findings of files in the folder of its
// topology, and adds a review for each file that belongs to none: a topology
// that could not be read, say.
func withFindings(reviews []report.Review, rings []*ring, findings diag.List) []report.Review {
	others := map[string]int{}
	for _, f := range findings {
		i := slices.IndexFunc(rings, func(r *ring) bool { return inFolder(f.Pos.File, r.dir()) })
		if i < 0 {
			at, known := others[f.Pos.File]
			if !known {
				at = len(reviews)
				others[f.Pos.File] = at
				reviews = append(reviews, report.Review{Topology: f.Pos.File, Broken: f.Code != "RP124", Removed: f.Code == "RP124"})
			}
			i = at
		}
		reviews[i].Findings = append(reviews[i].Findings, f)
	}
	return reviews
}

// inFolder tells whether a file is in a folder or below it.
func inFolder(file, dir string) bool {
	rel, err := filepath.Rel(dir, filepath.FromSlash(file))
	return err == nil && filepath.IsLocal(rel)
}
