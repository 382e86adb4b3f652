package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/system"
)

// adoptAll brings every region of the topologies of fleetOf in as serving, from
// what their clusters would say.
func adoptAll(b *testing.B, files []string, regionCount int) {
	b.Helper()
	const observed = "# observed-at: 2026-11-21T09:55:00Z\n"
	perRing := min(regionCount, maxInitRegions)
	var datacenters []string
	for i := 1; i <= perRing; i++ {
		var nodes strings.Builder
		fmt.Fprintf(&nodes, "Datacenter: dc-%d\n================\nStatus=Up/Down\n|/ State=Normal/Leaving/Joining/Moving\n--  Address  Load  Tokens  Owns  Host ID  Rack\n", i)
		for n := 1; n <= 3; n++ {
			fmt.Fprintf(&nodes, "UN  10.%d.0.%d  71.61 GiB  256  ?  8894a98b-0000-45de-99e2-f404ab10%02d%02d  ra-1\n", 99+i, 10+n, i, n)
		}
		datacenters = append(datacenters, nodes.String())
	}
	slices.Sort(datacenters) // as nodetool lists them
	for _, file := range files {
		for i := 1; i <= perRing; i++ {
			seen := observed + fmt.Sprintf(`{"apiVersion": "v1", "kind": "List", "items": [
{"apiVersion": "apigee.cloud.google.com/v1alpha1", "kind": "ApigeeDatastore",
 "metadata": {"name": "default", "namespace": "apigee", "generation": 1, "labels": {"app.kubernetes.io/version": "1.16.0"}},
 "spec": {"components": {"cassandra": {"replicas": 3, "properties": {"clusterName": "apigeecluster", "datacenter": "dc-%d", "rack": "ra-1"}}}},
 "status": {"state": "running", "observedGeneration": 1, "lastAppliedGeneration": 1, "cassandraReadyReplicas": 3}},
{"apiVersion": "apigee.cloud.google.com/v1alpha2", "kind": "ApigeeOrganization",
 "metadata": {"name": "my-org-c6f029e", "namespace": "apigee"}, "status": {"state": "running"}}]}
`, i) + strings.Join(datacenters, "")
			name := filepath.Join(b.TempDir(), "seen.txt")
			if err := os.WriteFile(name, []byte(seen), 0o644); err != nil {
				b.Fatal(err)
			}
			mustRun(b, "adopt", fmt.Sprintf("region-%d", i), "--topology", file, "-f", name, "--now", "2026-11-21T10:00:00Z")
		}
	}
}

// changedFleet is a repository of topologies with so many regions, all serving,
// whose last commit is the base of a change in every region.
func changedFleet(b *testing.B, regionCount int) string {
	b.Helper()
	dir, files := fleetOf(b, regionCount)
	adoptAll(b, files, regionCount)
	gitBench(b, dir, "init", "--quiet")
	gitBench(b, dir, "add", "--all")
	gitBench(b, dir, "commit", "--quiet", "--message", "base")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, bytes.Replace(data, []byte("    auth: "), []byte("    resources: {requests: {cpu: 2}}\n    auth: "), 1), 0o644)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	mustRun(b, "render", dir)
	return dir
}

func gitBench(b *testing.B, dir string, args ...string) {
	b.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "gc.auto=0"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// BenchmarkDiff compares two renderings of every region that differ in one field
// each, and writes the text.
func BenchmarkDiff(b *testing.B) {
	perScale(b, func(b *testing.B, dir string, _ []string) {
		b.Helper()
		rings := compiledRings(b, dir)
		before := make([][]manifest.File, len(rings))
		for i, r := range rings {
			var err error
			r.at = allServing(r)
			if before[i], err = system.Render(r.compiled, r.at); err != nil {
				b.Fatal(err)
			}
			for _, region := range r.Spec.Regions {
				r.Region(region.Name).Cassandra.Replicas = 6
			}
		}
		b.ResetTimer()
		for b.Loop() {
			for i, r := range rings {
				d := report.Diff{Topology: r.Metadata.Name}
				var err error
				if d.Regions, err = r.changesFrom(before[i], ""); err != nil || len(d.Regions) != len(r.Spec.Regions) {
					b.Fatal(len(d.Regions), err)
				}
				report.DiffText(d, false, report.Style{})
			}
		}
	})
}

// BenchmarkReportBase is the whole of `ringplan report --base` for a change in
// every region, as a comment and as a page.
func BenchmarkReportBase(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("regions=%d", n), func(b *testing.B) {
			dir := changedFleet(b, n)
			page := filepath.Join(b.TempDir(), "page.html")
			var out, errs bytes.Buffer
			for b.Loop() {
				out.Reset()
				errs.Reset()
				if code := run(context.Background(), nil, []string{"report", dir, "--base", "HEAD", "-o", "markdown", "-o", "html=" + page}, &out, &errs); code != exitOK {
					b.Fatal(code, errs.String())
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/float64(n), "ms/region")
			b.ReportMetric(float64(out.Len()), "characters")
			info, err := os.Stat(page)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size()), "page-bytes")
		})
	}
}

// BenchmarkVerifyBase compares `ringplan verify --base` of ten regions with what
// people do by hand: a worktree of the base, ringplan render in both, diff -r.
// Both run as processes; the ratio is that of verify to the work by hand.
func BenchmarkVerifyBase(b *testing.B) {
	dir := changedFleet(b, 10)
	temp := b.TempDir()
	binary := filepath.Join(temp, "ringplan")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", binary, "../ringplan").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	byHand := `git worktree add --quiet --detach "$2/base" HEAD
(cd "$2/base/ring-0" && "$1" render --out "$2/before" 2>"$2/said")
"$1" render --out "$2/after" 2>"$2/said"
diff -r "$2/before" "$2/after" >"$2/difference" && exit 9
git worktree remove --force "$2/base"
rm -r "$2/before" "$2/after"`
	var verify, hand time.Duration
	timed := func(sum *time.Duration, name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Dir = filepath.Join(dir, "ring-0")
		start := time.Now()
		out, err := cmd.CombinedOutput()
		*sum += time.Since(start)
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	for b.Loop() {
		timed(&verify, binary, "verify", "--base", "HEAD")
		timed(&hand, "sh", "-ec", byHand, "sh", binary, temp)
	}
	b.ReportMetric(float64(verify.Milliseconds())/float64(b.N), "verify-ms")
	b.ReportMetric(float64(hand.Milliseconds())/float64(b.N), "by-hand-ms")
	b.ReportMetric(verify.Seconds()/hand.Seconds(), "ratio")
}
