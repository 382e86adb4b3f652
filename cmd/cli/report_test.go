package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReviewsKeepNoSecret plants values that nobody should have written down, in
// the topology, at its base and in a rendered file, and looks for them in all
// that reviewers are shown (I9).
func TestReviewsKeepNoSecret(t *testing.T) {
	newRing(t)
	mustRun(t, "advance", "region-1", "--now", crashNow)
	const canary = "c4nary-"
	plant := func(values string) {
		editFile(t, "topology.yaml", "  regions:\n", "  values: {"+values+"}\n  regions:\n")
	}
	git(t, "init", "--quiet")
	plant("kmsEncryptionKey: " + canary + "base, httpProxy: {host: h, port: 1, password: " + canary + "old}")
	git(t, "add", "--all")
	git(t, "commit", "--quiet", "--message", "base")
	editFile(t, "topology.yaml", canary+"old", canary+"new")
	editFile(t, "topology.yaml", "kmsEncryptionKey: "+canary+"base", "cassandra: {auth: {default: {password: "+canary+"added}}}")
	editFile(t, "rendered/region-1/overrides.yaml", "cassandra:\n", "cassandra:\n  adminPassword: "+canary+"rendered\n")
	for _, line := range []string{
		"report --base HEAD", "report --base HEAD -o json", "report --base HEAD -o html",
		"verify --base HEAD", "verify -o json", "verify -o sarif", "verify -o junit", "verify -o github", "verify -o markdown", "verify -o checkstyle",
		"diff", "diff -o json", "diff --base HEAD -o markdown", "plan -o json", "graph -o svg",
	} {
		code, stdout, stderr := ringplan(t, strings.Fields(line)...)
		if code == exitFailed || code == exitUsage || strings.HasPrefix(line, "report") && !strings.Contains(stdout, "httpProxy.password") && !strings.Contains(line, "json") {
			t.Errorf("%s: exit code %d\n%s%s", line, code, stdout, stderr)
		}
		if i := strings.Index(stdout+stderr, canary); i >= 0 {
			t.Errorf("%s shows %.60q", line, (stdout + stderr)[max(0, i-40):])
		}
	}
	// The verbs that stop at such a topology show what is left of them without it.
	git(t, "checkout", "--quiet", "HEAD", "topology.yaml")
	editFile(t, "topology.yaml", "  values: {kmsEncryptionKey: "+canary+"base, httpProxy: {host: h, port: 1, password: "+canary+"old}}\n", "")
	for _, line := range []string{"diff", "diff -o json", "diff -o markdown", "diff --base HEAD", "diff --base HEAD -o json"} {
		_, stdout, stderr := ringplan(t, strings.Fields(line)...)
		if strings.Contains(stdout+stderr, canary) || !strings.Contains(stdout, "assword") && !strings.Contains(stdout, "httpProxy") {
			t.Errorf("%s:\n%s%s", line, stdout, stderr)
		}
	}
}

// editFile replaces a text in a file.
func editFile(t *testing.T, file, from, to string) {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), from) {
		t.Fatalf("%s does not hold %q", file, from)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(data), from, to, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}
