package diag_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/diag"
)

func TestCompareWith(t *testing.T) {
	at := func(line int, code, path, message string) diag.Finding {
		return diag.Finding{Code: code, Severity: diag.Error, Pos: diag.Pos{File: "topology.yaml", Line: line}, Path: path, Message: message}
	}
	before := diag.List{
		at(3, "RP001", "spec.regions[0].rack", "no rack"),
		at(9, "RP002", "", "spec.regions[0] is odd"),
		at(9, "RP003", "", "twice"),
	}
	now := diag.List{
		at(7, "RP001", "spec.regions[1].rack", "no rack"),        // moved
		at(9, "RP002", "", "spec.regions[2] is odd"),             // moved
		at(1, "RP003", "", "twice"), at(2, "RP003", "", "twice"), // one more
		at(9, "RP004", "", "twice"),
		at(9, "RP001", "spec.regions[1].name", "no rack"),
		at(9, "RP001", "spec.regions[1].rack", "no such rack"),
	}
	now.CompareWith(before)
	var got []diag.Baseline
	for _, f := range now {
		got = append(got, f.Baseline)
	}
	want := []diag.Baseline{diag.Unchanged, diag.Unchanged, diag.Unchanged, diag.New, diag.New, diag.New, diag.New}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	other := diag.List{at(3, "RP001", "", "no rack")}
	other[0].Pos.File = "other.yaml"
	other.CompareWith(diag.List{at(3, "RP001", "", "no rack")})
	if other[0].Baseline != diag.New {
		t.Error("a finding of another file is taken for the same")
	}
}

func TestFingerprintsAreUnique(t *testing.T) {
	f := diag.Finding{Code: "RP001", Message: "m"}
	prints := diag.List{f, f, f, {Code: "RP001m"}, {Code: "RP001", Path: "m"}}.Fingerprints()
	seen := map[string]bool{}
	for _, print := range prints {
		if seen[print] || len(print) != 32 {
			t.Errorf("%q of %q", print, prints)
		}
		seen[print] = true
	}
}
