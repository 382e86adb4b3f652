package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, file := range []string{
		"one/topology.cue", "fleet/b/topology.yml", "fleet/a/topology.json", "fleet/a/deep/er/topology.yaml",
		"fleet/.hidden/topology.yaml", "fleet/rendered/topology.yaml", "fleet/cue.mod/topology.yaml",
		"two/topology.yaml", "two/topology.cue", "fleets/x/topology.yaml", "fleets/y/topology.cue", "fleets/y/topology.json",
		"none/topology.txt", "named.yaml",
	} {
		write(t, filepath.FromSlash(file), "")
	}
	if err := os.Mkdir("none/topology.yaml", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		want []string
		err  string
	}{
		{path: "one", want: []string{"one/topology.cue"}},
		{path: "one/topology.cue", want: []string{"one/topology.cue"}},
		{path: "named.yaml", want: []string{"named.yaml"}},
		{path: "fleet", want: []string{"fleet/a/deep/er/topology.yaml", "fleet/a/topology.json", "fleet/b/topology.yml"}},
		{path: "fleet/a", want: []string{"fleet/a/topology.json"}},
		{path: "fleet/rendered", want: []string{"fleet/rendered/topology.yaml"}},
		{path: "two", err: "two holds topology.cue and topology.yaml: keep one, or name one with --file"},
		{path: "fleets", err: "fleets/y holds topology.cue and topology.json: keep one, or name one with --file"},
		{path: "none", err: "no topology.cue, topology.yaml or topology.json in none or below it"},
		{path: "nosuch", err: "nosuch: no such file or directory"},
	} {
		got, err := Find(c.path)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: error %v, not %s", c.path, err, c.err)
			}
			continue
		}
		for i := range got {
			got[i] = filepath.ToSlash(got[i])
		}
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", c.path, err, diff)
		}
	}
}

func TestFindUpwards(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "topology.yaml", "")
	write(t, "a/b/c", "")
	write(t, "a/two/topology.yaml", "")
	write(t, "a/two/topology.json", "")
	for from, want := range map[string]string{".": "topology.yaml", "a": "../topology.yaml", "a/b": "../../topology.yaml"} {
		t.Chdir(filepath.Join(dir, from))
		got, err := Find("")
		if err != nil || len(got) != 1 || filepath.ToSlash(got[0]) != want {
			t.Errorf("from %s: %v, %v", from, got, err)
		}
	}
	t.Chdir(filepath.Join(dir, "a", "two"))
	if _, err := Find(""); err == nil || !strings.Contains(err.Error(), "keep one") {
		t.Errorf("from a folder with two: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "topology.yaml")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(dir, "a"))
	if _, err := Find(""); err == nil || !strings.Contains(err.Error(), "in this folder or above it") {
		t.Errorf("from a folder with none: %v", err)
	}
}
