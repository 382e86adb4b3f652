package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// stepFlags are those of every verb that looks at observations.
type stepFlags struct {
	files            []string
	topology         string
	observedAt, now  string
	skew             time.Duration
	since, procedure string
	commit, abort    bool
	adopts           bool
	live             liveFlags
	watch            watchFlags
	output           outputs
}

// add adds the flags that all of those verbs have.
func (f *stepFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.files, "file", "f", nil, "file with observations, - for the standard input (repeatable)")
	flags.StringVar(&f.topology, "topology", "", "topology file (default: the nearest one upwards)")
	flags.StringVar(&f.observedAt, "observed-at", "", "when the observations were taken, as RFC 3339, where they do not say so")
	flags.DurationVar(&f.skew, "max-skew", stage.Skew, "by how much two clocks may differ")
	flags.StringVar(&f.now, "now", "", "the present time, as RFC 3339")
	_ = flags.MarkHidden("now")
	f.live.add(cmd, "read what the gates want from the clusters, besides the files")
	flags.BoolVar(&f.live.exec, "exec", false, "with --live, let nodetool be run in a pod of Cassandra")
	f.output.add(cmd, "text", "json")
}

const observationHelp = `Observations are what kubectl get … -o json and nodetool printed, in files or on
the standard input (-f -). Several files make one set. A file says when it was
taken in a first line "# observed-at: TIME"; else --observed-at says so, else the
time of the file, with a warning. Only what was seen after a phase began counts
for its gate.

--live reads them from the cluster of each region that the gate looks at, through
the context that the topology names, or --context: it only lists, and "ringplan
access" prints the Role that it needs. Files may be given besides. A cluster that
does not answer is named, and what it was asked is unknown; that the kubeconfig or
the context is not there, or that the cluster does not accept its credentials, is
an error. nodetool is run in a pod of Cassandra with --exec only, as the user of
JMX_USER and JMX_PASSWORD if they are set; without --exec, its output comes in a
file.`

func newGate(a *app) *cobra.Command {
	var f stepFlags
	cmd := &cobra.Command{
		Use:   "gate REGION [-f FILE...] [--live]",
		Short: "Check whether a gate is open, from what a cluster said",
		Long: `gate answers every check of the gate that a region waits at, and changes
nothing. "ringplan advance" does the same, and goes through.

` + observationHelp + `

--watch looks again and again, until the gate is open or has failed: then only
somebody's help opens it. It tells on the error stream what has changed.

Exit code 4 means that the gate is not open.`,
		Example: `  kubectl -n apigee get apigeeds,cdr,apigeeorg -o json > seen.json
  ringplan gate us-west1 -f seen.json
  ringplan gate us-west1 --live --exec
  ringplan gate us-west1 --live --watch --watch-timeout 6h`,
		Args: oneRegion,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.gate(cmd.Context(), cmd.InOrStdin(), args[0], f)
		},
		ValidArgsFunction: completeOneRegion(a),
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.since, "since", "", "with --phase: when that phase began, as RFC 3339")
	cmd.Flags().StringVar(&f.procedure, "procedure", "", "the procedure that a region at rest would start")
	_ = cmd.RegisterFlagCompletionFunc("procedure", completeProcedure())
	f.watch.add(cmd)
	addPhaseFlag(a, cmd)
	return cmd
}

func (a *app) gate(ctx context.Context, stdin io.Reader, region string, f stepFlags) error {
	if (f.since == "") != (len(a.phases) == 0) {
		return usage("--phase and --since go together: they say where the region stands, and since when")
	}
	if err := f.watch.check(f.live.on); err != nil {
		return err
	}
	r, req, err := a.request(ctx, stdin, region, f)
	if err != nil {
		return err
	}
	at := r.at
	if f.since != "" {
		p := at.At(region)
		if p.Since, err = parseTime("--since", f.since); err != nil {
			return err
		}
		at = at.With(p)
	}
	if !at.At(region).Phase.Rests() && !f.observes() {
		return usage("gate needs observations: name files with -f, or - for the standard input, or read the clusters with --live")
	}
	lookout, err := f.lookout([]*ring{r})
	if err != nil {
		return err
	}
	look := func(ctx context.Context) (report.Gate, []stage.Refusal, error) {
		judging, req, err := lookout.ask(ctx, r, at, req, false)
		if err != nil {
			return report.Gate{}, nil, err
		}
		taken, refusals := judging.Advance(r.compiled, at, req)
		return verdictOf(r, taken), refusals, nil
	}
	verdict, refusals, err := a.watched(ctx, f.watch, look)
	switch {
	case err != nil:
		return err
	case len(refusals) > 0:
		return a.refused(refusals)
	}
	return a.printVerdict(verdict, f.output)
}

// observes reports whether there is anything to judge by.
func (f *stepFlags) observes() bool { return len(f.files) > 0 || f.live.on }

// request reads what every step needs: the ring of the region, where it is not
// to be guessed, the present time, and the observations.
func (a *app) request(ctx context.Context, stdin io.Reader, region string, f stepFlags) (*ring, system.Request, error) {
	req := system.Request{Region: region, Procedure: f.procedure, MaxSkew: f.skew}
	var err error
	if req.Now, err = f.check(); err != nil {
		return nil, req, err
	}
	if f.topology != "" {
		a.file = f.topology
	}
	rings, err := a.usable(ctx, nil)
	if err != nil {
		return nil, req, err
	}
	if len(rings) != 1 {
		return nil, req, usage("%d topologies are there: name one with --topology", len(rings))
	}
	r := rings[0]
	r.named = system.Quote(filepath.ToSlash(f.topology))
	if r.Region(region) == nil {
		return nil, req, usage("%s has no region %s; it has %s", filepath.ToSlash(r.file), region, regionNames(r.Topology))
	}
	if f.procedure != "" && r.system.Procedures.Named(f.procedure) == nil {
		return nil, req, usage("--procedure: there is no %q; there are %s", f.procedure, strings.Join(r.system.Procedures.Startable(), ", "))
	}
	req.Topology = r.Digest()
	req.Seen, err = a.observations(stdin, f)
	return r, req, err
}

// check checks the flags of a step, and returns the present time.
func (f *stepFlags) check() (time.Time, error) {
	if err := f.live.check(false); err != nil {
		return time.Time{}, err
	}
	switch {
	case f.skew < 0 || f.skew > stage.MaxSkew:
		return time.Time{}, usage("--max-skew: %s is not between 0s and %s", f.skew, stage.MaxSkew)
	case f.now != "":
		return parseTime("--now", f.now)
	}
	return time.Now(), nil
}

// oneRegion is for verbs that are about a region.
func oneRegion(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("%s wants the name of a region", cmd.Name())
	case 1:
		return nil
	}
	return fmt.Errorf("%s is about one region, and %q is a second; files go with -f", cmd.Name(), args[1])
}

// refused prints why a step may not be taken.
func (a *app) refused(refusals []stage.Refusal) error {
	for _, r := range refusals {
		fmt.Fprintf(a.stderr, "ringplan: %s\n", r)
	}
	return &exitError{code: exitGate}
}

func verdictOf(r *ring, taken system.Taken) report.Gate {
	rec := taken.Record
	if rec.Region == "" {
		return report.Gate{} // the step is refused
	}
	g := report.Gate{Topology: r.Metadata.Name, Region: rec.Region, Phase: rec.From, Gate: taken.Gate, Results: rec.Results, Procedure: rec.Procedure, To: rec.To, Named: r.named}
	if taken.Gate != nil {
		g.Look = looks(r, rec.Region, taken.Gate)
	}
	return g
}

// looks returns the commands that show where a region stands, for its own
// cluster, or that of another that serves, and its namespace.
func looks(r *ring, region string, gate *stage.Gate) []string {
	own, survivor := "kubectl", "kubectl"
	if name := r.Region(region).Kubernetes.Context; name != "" {
		own += " --context " + name
	}
	for _, p := range r.at.Regions {
		other := r.Region(p.Region)
		if p.Region != region && p.Phase == stage.Serving && other != nil && other.Kubernetes.Context != "" && survivor == "kubectl" {
			survivor += " --context " + other.Kubernetes.Context
		}
	}
	commands := make([]string, len(gate.Look))
	for i, look := range gate.Look {
		if own == "kubectl" && !strings.Contains(look, "SURVIVOR") {
			look += "  # in cluster " + r.Region(region).Kubernetes.Cluster
		}
		if survivor == "kubectl" && strings.Contains(look, "SURVIVOR") {
			look += "  # in the cluster of a region that stays"
		}
		commands[i] = strings.NewReplacer("kubectl --context SURVIVOR", survivor, "kubectl", own, "NAMESPACE", r.Spec.Namespace).Replace(look)
	}
	return commands
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
// The observations are left with the names of their files alone: evidence is
// the same on every machine.
func (a *app) observations(stdin io.Reader, f stepFlags) (observe.Set, error) {
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
		for _, o := range set.TakenAt(taken) {
			o.Source = sourceName(file)
			all = append(all, o)
		}
	}
	if failed {
		return nil, errors.New("not everything in the observations can be read, so no gate is judged on them")
	}
	return all, nil
}

func sourceName(file string) string {
	if file == "-" {
		return "standard input"
	}
	return filepath.Base(file)
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

func (a *app) printVerdict(g report.Gate, o outputs) error {
	err := a.emit(o, func(format string, style report.Style) (string, error) {
		if format == "json" {
			return report.VerdictJSON(g)
		}
		return report.VerdictText(g, style), nil
	})
	if err != nil {
		return err
	}
	if !g.Open() {
		return &exitError{code: exitGate}
	}
	return nil
}
