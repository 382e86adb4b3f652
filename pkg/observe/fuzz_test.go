package observe

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse shows what holds for every input: no panic, the same result
// again, no silence, positions inside the input, and evidence that says what
// was observed.
func FuzzParse(f *testing.F) {
	for _, data := range samples(f) {
		f.Add(data)
	}
	for _, s := range []string{secret, "[" + pod + "," + pod + "]", "# observed-at: 2026-03-02T09:30:00Z\n" + pod + table, "kind: Secret", "{\"a\":1}{", pod + table + "\noops\n" + pod} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		set, problems := Parse("in", data)
		again, problemsAgain := Parse("in", data)
		if !slices.Equal(problems, problemsAgain) || !cmp.Equal(set, again, equalAddrs) {
			t.Error("parsed again, the input is another")
		}
		if len(set)+len(problems) == 0 {
			t.Error("the input is skipped in silence")
		}
		if _, problems := Parse("in", slices.Concat(data, []byte("\nwhat is this\n"))); len(problems) == 0 {
			t.Error("a further line is skipped in silence")
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, p := range problems {
			if p.Pos.Line < 1 || p.Pos.Line > lines || p.Message == "" {
				t.Errorf("the problem stands nowhere: %v", p)
			}
		}
		for _, o := range set {
			if o.Line < 1 || o.Line > lines {
				t.Errorf("%s stands nowhere: %d", o.Object(), o.Line)
			}
			if err := o.validate(); err != nil {
				t.Errorf("%s: %v", o.Object(), err)
			}
			back, err := restored(o)
			if err != nil {
				t.Errorf("%s: %v", o.Object(), err)
			}
			if diff := cmp.Diff(o, back, equalAddrs); diff != "" {
				t.Errorf("restored, %s differs:\n%s", o.Object(), diff)
			}
		}
		if secretKind.Match(data) && json.Valid(data) && holds(data) && len(set) > 0 {
			t.Error("an input with a Secret gives observations")
		}
	})
}

// holds reports whether JSON is a Secret, found in another way than the
// parser finds it.
func holds(data []byte) bool {
	var o struct {
		Kind string          `json:"kind"`
		Data json.RawMessage `json:"data"`
	}
	return json.Unmarshal(data, &o) == nil && o.Kind == "Secret" && o.Data != nil
}

// FuzzNodetoolStatus shows that no row is lost: every line that looks like a
// row is a node, or there is a problem.
func FuzzNodetoolStatus(f *testing.F) {
	for name, data := range samples(f) {
		if strings.HasPrefix(name, "status") {
			f.Add(string(data))
		}
	}
	f.Add(table + second)
	f.Add(table + "\n" + table)
	f.Fuzz(func(t *testing.T, body string) {
		text := "Datacenter: dc-1\n" + body
		set, problems := Parse("in", []byte(text))
		if len(problems) > 0 {
			return
		}
		rows, datacenters, nodes, listed := 0, 0, 0, 0
		for line := range strings.Lines(text) {
			line = strings.TrimLeft(line, " \t")
			if row.MatchString(line) {
				rows++
			}
			if strings.HasPrefix(line, "Datacenter:") {
				datacenters++
			}
		}
		for _, o := range set.Statuses() {
			listed += len(o.Status.Datacenters)
			for _, dc := range o.Status.Datacenters {
				nodes += len(dc.Nodes)
				if len(dc.Nodes) == 0 {
					t.Error("a datacenter has no nodes")
				}
			}
		}
		if rows > nodes || datacenters != listed {
			t.Errorf("%d rows and %d datacenters are read as %d and %d", rows, datacenters, nodes, listed)
		}
	})
}
