package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
)

// watchFlags are those of gate --watch.
type watchFlags struct {
	on                bool
	interval, timeout time.Duration
}

func (f *watchFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.on, "watch", false, "with --live, look again until the gate is open or has failed")
	flags.DurationVar(&f.interval, "interval", 10*time.Second, "with --watch, how long to wait between two looks")
	flags.DurationVar(&f.timeout, "watch-timeout", 0, "with --watch, how long to watch at most (default: without end)")
}

// shortest is the least time between two looks: each asks the API servers anew.
const shortest = time.Second

func (f *watchFlags) check(live bool) error {
	switch {
	case f.on && !live:
		return usage("--watch goes with --live: what stands in files does not change")
	case !f.on && f.timeout != 0:
		return usage("--watch-timeout goes with --watch")
	case f.interval < shortest:
		return usage("--interval wants %s or more, not %s", shortest, f.interval)
	case f.timeout < 0:
		return usage("--watch-timeout wants a time such as 6h, not %s", f.timeout)
	}
	return nil
}

// pace is how time goes by while a gate is watched.
var pace = struct {
	now  func() time.Time
	wait func(context.Context, time.Duration) error
}{time.Now, wait}

// wait waits, or returns the error of a context that ends before.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A look answers a gate anew, or says why the step is refused.
type look func(context.Context) (report.Gate, []stage.Refusal, error)

// watched answers a gate once; or, if it is watched, when it is open, or has
// failed, or the time is up.
func (a *app) watched(ctx context.Context, f watchFlags, look look) (report.Gate, []stage.Refusal, error) {
	if !f.on {
		return look(ctx)
	}
	s := &screen{out: a.stderr, style: a.style(a.stderr), rewrites: isTerminal(a.stderr)}
	end := pace.now().Add(f.timeout)
	for {
		g, refusals, err := look(ctx)
		if err != nil || len(refusals) > 0 {
			return g, refusals, err
		}
		now := pace.now()
		s.show(g, now)
		if g.Open() || stage.Verdict(g.Results) == stage.Failed {
			return g, nil, nil
		}
		rest := f.interval
		if f.timeout > 0 {
			if rest = min(rest, end.Sub(now)); rest <= 0 {
				fmt.Fprintf(a.stderr, "the gate was watched for %s, and is not open\n", f.timeout)
				return g, nil, nil
			}
		}
		if err := pace.wait(ctx, rest); err != nil {
			return g, nil, err
		}
	}
}

// A screen shows how a gate goes on: at a terminal as a block that is written
// anew, else as a line for each answer that is another than before.
type screen struct {
	out      io.Writer
	style    report.Style
	rewrites bool
	before   report.Gate
	// lines is how many lines the block has.
	lines int
}

// What a terminal is told: not to wrap long lines, so that a block has as many
// lines as it says; to go up to its first line; and to clear what is below.
const (
	wrapOff   = "\x1b[?7l"
	wrapOn    = "\x1b[?7h"
	upLines   = "\x1b[%dA"
	clearDown = "\x1b[J"
)

func (s *screen) show(g report.Gate, now time.Time) {
	if !s.rewrites {
		fmt.Fprint(s.out, report.ChangedText(s.before, g, now, s.style))
		s.before = g
		return
	}
	block := report.ProgressText(g, now, s.style)
	up := ""
	if s.lines > 0 {
		up = fmt.Sprintf(upLines, s.lines)
	}
	fmt.Fprint(s.out, up+clearDown+wrapOff+block+wrapOn)
	s.lines = strings.Count(block, "\n")
}

// isTerminal reports whether what is written can be rewritten.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
