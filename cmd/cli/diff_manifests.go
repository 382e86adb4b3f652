package cli

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/release"
	"github.com/ringplan/ringplan/pkg/report"
)

// checkManifests looks at the flags of a diff of manifests.
func (f diffFlags) checkManifests(a *app) error {
	switch {
	case !a.charts.on && f.chartVersion != "":
		return usage("--chart-version goes with --manifests: without it no chart is rendered")
	case !a.charts.on:
		return nil
	case f.live.on:
		return usage("--manifests does not go with --live, which compares values and custom resources")
	case f.chartVersion != "" && (f.base != "" || f.against != ""):
		return usage("--chart-version does not go with --base or --against: it compares the version of the topology with another")
	case f.chartVersion == "" && f.base == "" && f.against == "" && len(a.phases) == 0:
		return usage("--manifests compares with something: give --base, --against, --phase or --chart-version; `ringplan render --manifests --check` compares with manifests/")
	}
	return nil
}

// diffManifests compares what the charts of a ring render with what they did, or
// would do.
func (a *app) diffManifests(ctx context.Context, r *ring, before *earlier, f diffFlags) (report.Diff, error) {
	d := report.Diff{Topology: r.Metadata.Name}
	if err := r.wholeManifests(); err != nil {
		return d, err
	}
	from, to, err := a.manifestSides(ctx, r, before, f, &d)
	if err != nil {
		return d, err
	}
	changes := identified(manifest.Diff(from, to), from, to)
	d.Regions = byRegion(r.system, changes, f.region)
	for i := range d.Regions {
		for j := range d.Regions[i].Changes {
			c := &d.Regions[i].Changes[j]
			c.Fold = fold(c.Change)
		}
	}
	return d, nil
}

// manifestSides returns the manifests to compare: those before and those after.
func (a *app) manifestSides(ctx context.Context, r *ring, before *earlier, f diffFlags, d *report.Diff) (from, to []manifest.File, err error) {
	to = r.allManifests()
	switch {
	case f.chartVersion != "":
		d.Against = r.Spec.Version + " to " + f.chartVersion
		next, err := a.withVersion(ctx, r, f.chartVersion)
		if err != nil {
			return nil, nil, err
		}
		return to, next.allManifests(), next.wholeManifests()
	case f.base != "":
		d.Against = f.base
		old, err := before.ring(r.file)
		if old == nil || err != nil {
			return nil, to, err
		}
		return old.allManifests(), to, old.wholeManifests()
	case f.against != "":
		from, err = r.before(nil, f, d)
		return from, r.manifestFiles(), err
	}
	d.Against = "where the rollout stands"
	at := *r
	at.at = r.history.Rollout
	if at.manifests, err = a.manifestsAt(ctx, &at, at.at, nil); err != nil {
		return nil, nil, err
	}
	return at.allManifests(), to, nil
}

// withVersion returns a ring as it would be with another version of the charts.
// What its rules or charts say against it is printed, and errors end the run.
func (a *app) withVersion(ctx context.Context, r *ring, version string) (*ring, error) {
	t, err := r.WithVersion(version)
	if err != nil {
		return nil, err
	}
	next, err := compile(t, r.file, nil)
	if err != nil {
		return nil, err
	}
	if err := next.readBeside(); err != nil {
		return nil, err
	}
	next.history, next.at = r.history, r.at
	if next.manifests, err = a.manifestsAt(ctx, next, next.at, nil); err != nil {
		return nil, err
	}
	// That the lock does not pin the other version yet is no news.
	next.findings = slices.DeleteFunc(append(next.findings, next.manifestFindings()...), func(f diag.Finding) bool { return f.Code == "RP154" })
	return next, a.said(next.lint())
}

// said prints findings that matter, and returns the error that they amount to.
func (a *app) said(findings diag.List) error {
	findings = withoutNotes(findings)
	if len(findings) > findings.Silenced() {
		fmt.Fprint(a.stderr, report.FindingsText(findings, a.style(a.stderr)))
		fmt.Fprintln(a.stderr, report.Summary(findings))
	}
	return a.verdict(findings)
}

// allManifests returns the rendered manifests with the values of Secrets, so that
// a change of one is seen; none of them may be shown.
func (r *ring) allManifests() []manifest.File {
	return r.manifestFilesWith(func(o release.Object) release.Object { return o })
}

// identified gives every change the name of its document, also in files of one
// document, and makes one of each document of a file that comes or goes. Values
// of Secrets are hidden.
func identified(changes []manifest.Change, from, to []manifest.File) []manifest.Change {
	only := map[string]string{}
	for _, f := range append(from[:len(from):len(from)], to...) {
		if len(f.Docs) == 1 {
			only[f.Path] = manifest.Identity(f.Docs[0].Plain())
		}
	}
	var out []manifest.Change
	for _, c := range changes {
		if c.Path == "" && c.Document == "" {
			for _, doc := range c.Docs {
				out = append(out, manifest.Change{File: c.File, Document: manifest.Identity(doc), Op: c.Op})
			}
			continue
		}
		if c.Document == "" {
			c.Document = only[c.File]
		}
		if strings.HasPrefix(c.Document, "Secret ") {
			c.Old, c.New = lint.Hide(c.Old), lint.Hide(c.New)
		}
		out = append(out, c)
	}
	return out
}

// A noise is what changes with every version of a chart, whatever else does.
var noise = []struct {
	path *regexp.Regexp
	what string
}{
	{regexp.MustCompile(`(^|\.)annotations\.?("|\[)?checksum[^.]*$|(^|\.)annotations\."checksum`), "checksum annotation"},
	{regexp.MustCompile(`(^|\.)(labels|matchLabels)\.?("|\[")?helm\.sh/chart`), "label helm.sh/chart"},
	{regexp.MustCompile(`(^|\.)(labels|matchLabels)\.?("|\[")?app\.kubernetes\.io/version`), "label app.kubernetes.io/version"},
	{regexp.MustCompile(`(^|\.)labels\.chart$`), "label chart"},
}

// fold tells what noise a change is, "" if it is none.
func fold(c manifest.Change) string {
	if c.Path == "" {
		return ""
	}
	for _, n := range noise {
		if n.path.MatchString(c.Path) {
			return n.what
		}
	}
	if path.Base(c.File) == hooksName && path.Base(c.Path) == "metadata.name" {
		return "name of a hook"
	}
	return ""
}
