package diag

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSortIsTotalAndDropsRepeats(t *testing.T) {
	at := func(file string, line, column int) Pos { return Pos{File: file, Line: line, Column: column} }
	sorted := List{
		{Code: "RP9"},
		{Code: "RP1", Pos: at("a", 1, 9)},
		{Code: "RP1", Pos: at("a", 2, 1)},
		{Code: "RP1", Pos: at("a", 10, 1)},
		{Code: "RP1", Pos: at("b", 1, 1)},
		{Code: "RP2", Pos: at("b", 1, 1), Path: "x"},
		{Code: "RP2", Pos: at("b", 1, 1), Path: "y", Message: "m"},
		{Code: "RP2", Pos: at("b", 1, 1), Path: "y", Message: "n"},
	}
	for shift := range sorted {
		list := append(append(List{}, sorted[shift:]...), sorted[:shift]...)
		list = append(list, sorted[shift])
		list.Sort()
		if diff := cmp.Diff(sorted, list); diff != "" {
			t.Errorf("shifted by %d (-want +got):\n%s", shift, diff)
		}
	}
}

func TestCount(t *testing.T) {
	list := List{{Severity: Error, Silenced: "why"}, {Severity: Warning}, {Severity: Note}, {Severity: Note}}
	if list.HasErrors() || list.Count(Warning) != 1 || list.Count(Note) != 2 || list.Silenced() != 1 {
		t.Errorf("errors %t, warnings %d, notes %d, silenced %d", list.HasErrors(), list.Count(Warning), list.Count(Note), list.Silenced())
	}
	if !(List{{Severity: Error}}).HasErrors() || (List)(nil).HasErrors() {
		t.Error("HasErrors is wrong")
	}
}

func TestPosString(t *testing.T) {
	for want, pos := range map[string]Pos{
		"-": {}, "f": {File: "f"}, "f:2": {File: "f", Line: 2}, "f:2:3": {File: "f", Line: 2, Column: 3},
	} {
		if got := pos.String(); got != want || pos.IsValid() != (want != "-") {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestFindingJSON(t *testing.T) {
	tests := map[string]Finding{
		`{"code":"RP1","severity":"error","position":{"file":"f","line":1,"column":2},"path":"p","message":"m","hint":"h","silenced":"s","baselineState":"new"}`: {
			"RP1", Error, Pos{"f", 1, 2}, "p", "m", "h", "s", New,
		},
		`{"code":"RP1","severity":"note","position":{},"message":"m"}`: {Code: "RP1", Severity: Note, Message: "m"},
	}
	for want, f := range tests {
		got, err := json.Marshal(f)
		if err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
	}
	if got := Severity(9).String(); got != "severity(9)" {
		t.Errorf("an unknown severity is %q", got)
	}
}
