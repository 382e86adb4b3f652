package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// maxObservation is the size of an observation above which it is not read.
const maxObservation = 64 << 20

type gateFlags struct {
	files                  []string
	topology, format       string
	since, observedAt, now string
	skew                   time.Duration
}

func newGate(a *app) *cobra.Command {
	var f gateFlags
	cmd := &cobra.Command{
		Use:   "gate REGION -f FILE...",
		Short: "Check whether a gate is open, from what a cluster said",
		Long: `gate answers every check of the gate that a region waits at, from observations:
what kubectl get … -o json and nodetool printed, in files or on the standard
input. Several files make one set. It reads no cluster and changes nothing.

A gate opens only by observations taken after the phase began. A file says when
it was taken in a first line "# observed-at: TIME"; else --observed-at says so,
else the time of the file, with a warning.

Exit code 4 means that the gate is not open.`,
		Example: `  kubectl -n apigee get apigeeds,cdr,apigeeorg -o json > seen.json
  ringplan gate us-west1 --phase us-west1=rebuilding --since 2026-11-21T09:00:00Z -f seen.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.gate(cmd.Context(), cmd.InOrStdin(), args[0], f)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return completeRegion(a)(cmd, nil, typed)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.files, "file", "f", nil, "file with observations, - for the standard input (repeatable)")
	flags.StringVar(&f.topology, "topology", "", "topology file (default: the nearest one upwards)")
	flags.StringVar(&f.since, "since", "", "when the phase began, as RFC 3339")
	flags.StringVar(&f.observedAt, "observed-at", "", "when the observations were taken, as RFC 3339, where they do not say so")
	flags.DurationVar(&f.skew, "max-skew", 2*time.Minute, "by how much two clocks may differ")
	flags.StringVar(&f.now, "now", "", "the present time, as RFC 3339")
	_ = flags.MarkHidden("now")
	flags.StringVarP(&f.format, "output", "o", "text", "text or json")
	addPhaseFlag(a, cmd)
	return cmd
}

func (a *app) gate(ctx context.Context, stdin io.Reader, region string, f gateFlags) error {
	if f.format != "text" && f.format != "json" {
		return usage("--output: %q is neither text nor json", f.format)
	}
	if len(f.files) == 0 {
		return usage("gate needs observations: name files with -f, or - for the standard input")
	}
	q, err := f.question(region)
	if err != nil {
		return err
	}
	if f.topology != "" {
		a.file = f.topology
	}
	rings, err := a.usable(ctx, nil)
	if err != nil {
		return err
	}
	if len(rings) != 1 || rings[0].Region(region) == nil {
		return usage("there is no region %s in one topology", region)
	}
	r := rings[0]
	member := r.members.Member(region)
	if q.Gate = member.Procedure.Gate(r.phases[region]); q.Gate == nil {
		return usage("region %s is %s, where it waits at no gate; --phase says where it stands", region, r.phases[region])
	}
	q.Phases = r.phases
	if q.Seen, err = a.observations(stdin, f); err != nil {
		return err
	}
	return a.printVerdict(report.Gate{
		Topology: r.Metadata.Name, Region: region, Phase: r.phases[region],
		Gate: q.Gate, Results: r.compiled.Judge(q), Look: looks(r, region, q.Gate),
	}, f.format)
}

// looks returns the commands that show where a region stands, for its own
// cluster and namespace.
func looks(r *ring, region string, gate *stage.Gate) []string {
	kubectl := "kubectl"
	if name := r.Region(region).Kubernetes.Context; name != "" {
		kubectl += " --context " + name
	}
	commands := make([]string, len(gate.Look))
	for i, look := range gate.Look {
		commands[i] = strings.NewReplacer("kubectl", kubectl, "NAMESPACE", r.Spec.Namespace).Replace(look)
	}
	return commands
}

// question reads the times of a command line.
func (f gateFlags) question(region string) (system.Question, error) {
	q := system.Question{Region: region, MaxSkew: f.skew, Now: time.Now()}
	if f.since == "" {
		return q, usage("--since says when the phase began; only what was seen after it counts")
	}
	var err error
	if q.Since, err = parseTime("--since", f.since); err != nil {
		return q, err
	}
	if f.now != "" {
		q.Now, err = parseTime("--now", f.now)
	}
	return q, err
}

func parseTime(flag, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, usage("%s: %q is no time such as 2026-11-21T09:00:00Z", flag, text)
	}
	return t, nil
}

// observations reads every file. Whatever is not recognised in one of them is
// printed, and ends the run: a gate must not open on part of what was said.
func (a *app) observations(stdin io.Reader, f gateFlags) (observe.Set, error) {
	var all observe.Set
	var observedAt time.Time
	if f.observedAt != "" {
		var err error
		if observedAt, err = parseTime("--observed-at", f.observedAt); err != nil {
			return nil, err
		}
	}
	failed := false
	for _, file := range f.files {
		data, taken, err := readObservation(stdin, file)
		if err != nil {
			return nil, err
		}
		set, problems := observe.Parse(file, data)
		for _, p := range problems {
			fmt.Fprintln(a.stderr, p)
			failed = true
		}
		if !observedAt.IsZero() {
			taken = observedAt
		} else if untimed(set) {
			fmt.Fprintf(a.stderr, "%s does not say when it was taken; the file's own time, %s, is used\n", file, taken.UTC().Format(time.RFC3339))
		}
		all = append(all, set.TakenAt(taken)...)
	}
	if failed {
		return nil, errors.New("not everything in the observations can be read, so no gate is judged on them")
	}
	return all, nil
}

func untimed(set observe.Set) bool {
	for _, o := range set {
		if o.Taken.IsZero() {
			return true
		}
	}
	return false
}

// readObservation reads a file, or the standard input, and its time.
func readObservation(stdin io.Reader, file string) ([]byte, time.Time, error) {
	taken := time.Now()
	in := stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, taken, err
		}
		defer opened.Close() //nolint:errcheck // nothing was written
		info, err := opened.Stat()
		if err != nil {
			return nil, taken, err
		}
		in, taken = opened, info.ModTime()
	}
	data, err := io.ReadAll(io.LimitReader(in, maxObservation+1))
	if err == nil && len(data) > maxObservation {
		err = fmt.Errorf("%s: larger than %d MiB", file, maxObservation>>20)
	}
	return data, taken, err
}

func (a *app) printVerdict(g report.Gate, format string) error {
	text, err := report.VerdictJSON(g)
	if format == "text" {
		text, err = report.VerdictText(g, a.style(a.stdout)), nil
	}
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(a.stdout, text); err != nil {
		return err
	}
	if stage.Verdict(g.Results) != stage.Met {
		return &exitError{code: exitGate}
	}
	return nil
}
