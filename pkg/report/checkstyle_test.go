package report

import (
	"testing"

	"github.com/ringplan/ringplan/pkg/diag"
)

func TestFindingsCheckstyle(t *testing.T) {
	for want, list := range map[string]diag.List{
		`  <file name="a b/t.yaml">
    <error line="3" column="5" severity="error" message="wrong &lt;here&gt;. Hint: do | this (new)" source="ringplan.RP001"></error>
  </file>
  <file name="ringplan">
    <error severity="warning" message="odd &amp; bad" source="ringplan.RP002"></error>
  </file>
  <file name="t.yaml">
    <error severity="info" message="50% of it,&#xA;at: once (new)" source="ringplan.RP001"></error>
  </file>
`: found,
		"  <file name=\"t\">\n    <error line=\"1\" severity=\"error\" message=\"m\" source=\"ringplan.RP1\"></error>\n    <error severity=\"error\" message=\"\" source=\"ringplan.RP2\"></error>\n  </file>\n": {
			{Code: "RP1", Severity: diag.Error, Pos: diag.Pos{File: "t", Line: 1, Column: -1}, Message: "m\x00\x1b"},
			{Code: "RP2", Severity: diag.Error, Pos: diag.Pos{File: "t\a", Line: -1}},
		},
	} {
		got, err := FindingsCheckstyle(list)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\">\n"+want+"</checkstyle>\n", got)
	}
	got, err := FindingsCheckstyle(found[3:])
	if err != nil {
		t.Fatal(err)
	}
	check(t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\"></checkstyle>\n", got)
}
