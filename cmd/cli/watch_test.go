package cli

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
)

// paced makes time go by only where a gate waits, and then lets something happen.
func paced(t *testing.T, happens func(n int) error) {
	t.Helper()
	kept := pace
	t.Cleanup(func() { pace = kept })
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	n := 0
	pace.now = func() time.Time { return now }
	pace.wait = func(ctx context.Context, d time.Duration) error {
		n++
		now = now.Add(d)
		if n > 20 {
			t.Fatal("it is watched without end")
		}
		if err := happens(n); err != nil {
			return err
		}
		return ctx.Err()
	}
}

const (
	watchStarts = `2026-11-21T12:00:00Z region-2 waiting ApigeeDatastore/default: status.cassandraDataReplication.state is running, not complete
2026-11-21T12:00:00Z region-2 waiting ApigeeDatastore/default: rebuildDetails: 1 of 3 pods are complete; apigee-cassandra-default-1 is running, apigee-cassandra-default-2 is running
2026-11-21T12:00:00Z region-2 met     ApigeeDatastore/default: every updated time is after the replication was created at 2026-11-21T10:30:00Z
2026-11-21T12:00:00Z region-2 met     ApigeeDatastore/default: no pod is in state error
2026-11-21T12:00:00Z region-2 met     ApigeeDatastore/default: spec.components.cassandra.properties.multiRegionSeedHost is 10.100.0.11
`
	watchOn = `2026-11-21T12:00:20Z region-2 waiting ApigeeDatastore/default: rebuildDetails: 2 of 3 pods are complete; apigee-cassandra-default-2 is running
`
)

// TestWatch has the ends that a watched gate may come to, with all that is said
// on the way.
func TestWatch(t *testing.T) {
	for name, c := range map[string]struct {
		args    []string
		happens func(*gateRing, int) error
		code    int
		stdout  string // how it begins
		stderr  string
	}{
		"it opens": {
			happens: func(r *gateRing, n int) error {
				switch n {
				case 2:
					r.rebuilds(2)
				case 4:
					r.rebuilds(3)
				}
				return nil
			},
			code: exitOK, stdout: "Gate rebuild-complete of region region-2 (rebuilding) is open: met\n",
			stderr: watchStarts + watchOn + `2026-11-21T12:00:40Z region-2 met     ApigeeDatastore/default: status.cassandraDataReplication.state is complete
2026-11-21T12:00:40Z region-2 met     ApigeeDatastore/default: rebuildDetails: all 3 pods are complete
`,
		},
		"it fails": {
			happens: func(r *gateRing, _ int) error {
				object := runningDatastore(2, "10.100.0.11")
				status := rebuilt(1)
				set(status, map[string]any{"state": "error", "message": "failed to rebuild from dc-1", "updated": status["updated"]}, "rebuildDetails", "apigee-cassandra-default-2")
				set(object, status, "status", "cassandraDataReplication")
				r.clusters["region-2"].Put(object)
				return nil
			},
			code: exitGate, stdout: "Gate rebuild-complete of region region-2 (rebuilding) is not open: failed\n",
			stderr: watchStarts + `2026-11-21T12:00:10Z region-2 waiting ApigeeDatastore/default: rebuildDetails: 1 of 3 pods are complete; apigee-cassandra-default-1 is running, apigee-cassandra-default-2 is error
2026-11-21T12:00:10Z region-2 failed  ApigeeDatastore/default: apigee-cassandra-default-2 is in state error: failed to rebuild from dc-1
`,
		},
		"the time is up": {
			args:    []string{"--watch-timeout", "25s", "-o", "json"},
			happens: func(*gateRing, int) error { return nil },
			code:    exitGate, stdout: "{\n  \"formatVersion\": \"1.0\",\n",
			stderr: watchStarts + "the gate was watched for 25s, and is not open\n",
		},
		"the cluster is gone for a while": {
			args: []string{"--interval", "1m"},
			happens: func(r *gateRing, n int) error {
				switch n {
				case 1:
					r.clusters["region-2"].Refuse("/apis", http.StatusServiceUnavailable, "ServiceUnavailable")
				case 2:
					r.clusters["region-2"].Answer("/apis", nil)
					r.rebuilds(3)
				}
				return nil
			},
			code: exitOK, stdout: "Gate rebuild-complete of region region-2 (rebuilding) is open: met\n",
			stderr: watchStarts + "2026-11-21T12:01:00Z region-2 unknown region region-2: context cluster-2 (SERVER of region-2): cannot get /apis/apigee.cloud.google.com/v1alpha1: the server answered with code 503: try again, and look at the health of its API server if it stays so\n" +
				`2026-11-21T12:02:00Z region-2 met     ApigeeDatastore/default: status.cassandraDataReplication.state is complete
2026-11-21T12:02:00Z region-2 met     ApigeeDatastore/default: rebuildDetails: all 3 pods are complete
2026-11-21T12:02:00Z region-2 met     ApigeeDatastore/default: every updated time is after the replication was created at 2026-11-21T10:30:00Z
2026-11-21T12:02:00Z region-2 met     ApigeeDatastore/default: no pod is in state error
2026-11-21T12:02:00Z region-2 met     ApigeeDatastore/default: spec.components.cassandra.properties.multiRegionSeedHost is 10.100.0.11
`,
		},
		"somebody stops it": {
			happens: func(*gateRing, int) error { return context.Canceled },
			code:    exitFailed,
			stderr:  watchStarts + "ringplan: interrupted\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newGateRing(t)
			r.rebuilds(1)
			paced(t, func(n int) error { return c.happens(r, n) })
			code, stdout, stderr := r.gate(t, "rebuilding", append(c.args, "--watch")...)
			if code != c.code || !strings.HasPrefix(stdout, c.stdout) || c.stdout == "" && stdout != "" {
				t.Errorf("exit code %d\n%s", code, stdout)
			}
			if diff := cmp.Diff(c.stderr, stderr); diff != "" {
				t.Errorf("stderr (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWatchRests ends at once where no gate holds the region, or it is refused.
func TestWatchRests(t *testing.T) {
	newGateRing(t)
	paced(t, func(int) error { return errors.New("it waits") })
	if code, stdout, _ := ringplan(t, "gate", "region-1", "--live", "--watch"); code != exitOK || !strings.Contains(stdout, "no gate holds it") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	if code, _, stderr := ringplan(t, "gate", "region-2", "--live", "--watch"); code != exitGate || !strings.Contains(stderr, "only a serving region is a source") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// TestScreen writes a block, and writes the next one over it.
func TestScreen(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out, rewrites: true}
	g := report.Gate{Region: "r", Phase: "rebuilding", Gate: &stage.Gate{Name: "g"}, Results: []stage.Result{{Answer: stage.Waiting, Reason: "1 of 3"}, {Answer: stage.Met, Reason: "yes"}}}
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s.show(g, at)
	g.Results = []stage.Result{{Answer: stage.Met, Reason: "3 of 3"}, g.Results[1]}
	s.show(g, at.Add(10*time.Second))
	want := "\x1b[J\x1b[?7lGate g of region r (rebuilding), 2026-11-21T12:00:00Z: waiting\n  waiting 1 of 3\n  met     yes\n\x1b[?7h" +
		"\x1b[3A\x1b[J\x1b[?7lGate g of region r (rebuilding), 2026-11-21T12:00:10Z: met\n  met     3 of 3\n  met     yes\n\x1b[?7h"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWait waits no longer than it is let.
func TestWait(t *testing.T) {
	if err := wait(t.Context(), time.Millisecond); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestIsTerminal tells what can be rewritten.
func TestIsTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) || isTerminal(&bytes.Buffer{}) {
		t.Error("a file is no terminal")
	}
}
