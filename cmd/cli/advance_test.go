package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/tree"
)

const (
	crashVar    = "RINGPLAN_TEST_CRASH"
	crashStatus = 42
	crashNow    = "2026-11-21T10:00:00Z"
)

// A crash is a command line to run in a process of its own, which dies before
// a write.
type crash struct {
	Args []string
	At   int // counted from 1
}

// runCrash is the main function of those processes.
func runCrash(text string) int {
	var c crash
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		panic(err)
	}
	n := 0
	tree.Failpoint = func(string) error {
		if n++; n == c.At {
			os.Exit(crashStatus)
		}
		return nil
	}
	return run(context.Background(), nil, c.Args, os.Stdout, os.Stderr)
}

// start runs the process, and returns its exit code.
func (c crash) start(t *testing.T, dir string) int {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), crashVar+"="+string(text))
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitOK && code != crashStatus {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	return cmd.ProcessState.ExitCode()
}

// newRing makes a topology in a folder and goes there.
func newRing(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	mustRun(t, "init", "--regions", "2")
	return dir
}

// withoutStaging leaves out what a dead process has left for the next.
func withoutStaging(files map[string]string) map[string]string {
	for path := range files {
		if strings.HasPrefix(path, ".rendered.ringplan/") {
			delete(files, path)
		}
	}
	return files
}

// TestAdvanceCrash kills advance before every write that it makes, for a step
// that makes everything and for one that changes it. What the next command
// finds is all old or all new, and the step can be taken, or has been.
func TestAdvanceCrash(t *testing.T) {
	for name, args := range map[string][]string{
		"first step": {"advance", "region-1", "--now", crashNow},
		"next step":  {"abort", "region-1", "--now", "2026-11-21T10:05:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			newRing(t)
			if name == "next step" {
				mustRun(t, "advance", "region-1", "--now", crashNow)
			}
			old := readTree(t, ".")
			outcomes := map[string]int{}
			stride := 1
			if testing.Short() {
				stride = 3
			}
			for at := 1; ; at += stride {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
					t.Fatal(err)
				}
				code := crash{Args: args, At: at}.start(t, dir)
				outcome := settled(t, dir, old)
				outcomes[outcome]++
				if outcome == "old" {
					mustRun(t, append(args, "--topology", filepath.Join(dir, "topology.yaml"))...)
				}
				mustRun(t, "verify", dir)
				if code == exitOK {
					break // it came to the end
				}
			}
			if outcomes["old"] < 5 || outcomes["new"] < 5 {
				t.Errorf("the outcomes are %v", outcomes)
			}
			t.Logf("%v", outcomes)
		})
	}
}

// settled runs a command that only reads in a folder where a process has died,
// and tells whether everything there is old or new.
func settled(t *testing.T, dir string, old map[string]string) string {
	t.Helper()
	mustRun(t, "verify", dir)
	now := withoutStaging(readTree(t, dir))
	if cmp.Equal(old, now) {
		return "old"
	}
	if now["rollout.yaml"] == old["rollout.yaml"] {
		t.Fatalf("a mix of old and new:\n%s", cmp.Diff(old, now))
	}
	return "new"
}

// TestTwoAdvances takes one step from several processes at once: one wins, and
// the others say so, or find that it is taken.
func TestTwoAdvances(t *testing.T) {
	newRing(t)
	const racers = 6
	codes, messages := make([]int, racers), make([]string, racers)
	var group sync.WaitGroup
	for i := range racers {
		group.Go(func() {
			var out, errs bytes.Buffer
			codes[i] = run(context.Background(), nil, []string{"advance", "region-1", "--now", fmt.Sprintf("2026-11-21T10:00:%02dZ", i)}, &out, &errs)
			messages[i] = errs.String()
		})
	}
	group.Wait()
	won := 0
	for i, code := range codes {
		switch {
		case code == exitOK:
			won++
		case code == exitFailed && strings.Contains(messages[i], "under way"):
		case code == exitFailed && strings.Contains(messages[i], "meanwhile"):
		case code == exitUsage && strings.Contains(messages[i], "region-1 is installing"):
		default:
			t.Errorf("exit code %d: %s", code, messages[i])
		}
	}
	if won != 1 {
		t.Errorf("%d of %d won: %v\n%s", won, racers, codes, strings.Join(messages, ""))
	}
	mustRun(t, "verify")
}

// TestStepKeepsNoSecret plants values where a cluster may show them, and looks
// for them in all that is written and said (I9).
func TestStepKeepsNoSecret(t *testing.T) {
	newRing(t)
	mustRun(t, "advance", "region-1", "--now", crashNow)
	const canary = "c4nary-"
	write(t, "seen.json", fmt.Sprintf(`{"kind": "List", "apiVersion": "v1", "items": [
		{"apiVersion": "apigee.cloud.google.com/v1alpha1", "kind": "ApigeeDatastore",
		 "metadata": {"name": "default", "namespace": "apigee", "labels": {"owner": "%[1]s1"}, "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "%[1]s2"}},
		 "spec": {"replicas": 3, "credentialRef": "%[1]s3", "components": {"cassandra": {"properties": {"datacenter": "dc-1"}, "containers": [{"env": [{"name": "PASSWORD", "value": "%[1]s4"}]}]}}},
		 "status": {"state": "running", "cassandraReadyReplicas": 3, "note": "%[1]s5"}},
		{"apiVersion": "apigee.cloud.google.com/v1alpha2", "kind": "ApigeeOrganization",
		 "metadata": {"name": "my-org-c6f029e", "namespace": "apigee"}, "spec": {"name": "my-org", "token": "%[1]s6"}, "status": {"state": "running"}}]}`, canary))
	write(t, "ring.txt", `Picked up JAVA_TOOL_OPTIONS: -Dpassword=`+canary+`7
Datacenter: dc-1
================
Status=Up/Down
|/ State=Normal/Leaving/Joining/Moving
--  Address      Load       Tokens  Owns  Host ID                               Rack
UN  10.100.0.11  71.61 GiB  256     ?     8894a98b-0000-45de-99e2-f404ab10b501  ra-1
UN  10.100.0.12  75.1 GiB   256     ?     8894a98b-0000-45de-99e2-f404ab10b502  ra-1
UN  10.100.0.13  68.08 GiB  256     ?     8894a98b-0000-45de-99e2-f404ab10b503  ra-1
`)
	code, stdout, stderr := ringplan(t, "advance", "region-1", "-f", "seen.json", "-f", "ring.txt", "--observed-at", "2026-11-21T10:30:00Z", "--now", "2026-11-21T10:31:00Z")
	if code != exitOK {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	said := stdout + stderr
	for path, text := range readTree(t, ".") {
		if path != "seen.json" && path != "ring.txt" {
			said += text
		}
	}
	if strings.Contains(said, canary) {
		t.Error("a planted value is in what was written or said")
	}
}
