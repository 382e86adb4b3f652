package report

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/ringplan/ringplan/pkg/diag"
)

func TestFindingsJUnit(t *testing.T) {
	got, err := FindingsJUnit(found, false)
	if err != nil {
		t.Fatal(err)
	}
	check(t, `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="ringplan" tests="4" failures="1" errors="0" skipped="1" time="0">
  <testsuite name="a b/t.yaml" tests="1" failures="1" errors="0" skipped="0" time="0">
    <testcase classname="a b/t.yaml" name="RP001: wrong &lt;here&gt;" file="a b/t.yaml" time="0">
      <failure message="wrong &lt;here&gt;. Hint: do | this" type="error"><![CDATA[a b/t.yaml:3:5: error: wrong <here> [RP001] (new)
    at spec.x[0]
    hint: do | this
]]></failure>
    </testcase>
  </testsuite>
  <testsuite name="ringplan" tests="1" failures="0" errors="0" skipped="0" time="0">
    <testcase classname="ringplan" name="RP002: odd &amp; bad" time="0">
      <system-out><![CDATA[-: warning: odd & bad [RP002]
]]></system-out>
    </testcase>
  </testsuite>
  <testsuite name="t.yaml" tests="2" failures="0" errors="0" skipped="1" time="0">
    <testcase classname="t.yaml" name="RP001: 50% of it,…" file="t.yaml" time="0">
      <system-out><![CDATA[t.yaml: note: 50% of it,\nat: once [RP001] (new)
]]></system-out>
    </testcase>
    <testcase classname="t.yaml" name="RP002: quiet" file="t.yaml" time="0">
      <skipped message="silenced: because"></skipped>
    </testcase>
  </testsuite>
</testsuites>
`, got)
}

func TestFindingsJUnitOfNothing(t *testing.T) {
	got, err := FindingsJUnit(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	check(t, `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="ringplan" tests="1" failures="0" errors="0" skipped="0" time="0">
  <testsuite name="ringplan" tests="1" failures="0" errors="0" skipped="0" time="0">
    <testcase classname="ringplan" name="no findings" time="0"></testcase>
  </testsuite>
</testsuites>
`, got)
}

// TestJUnitFailures holds failures to what the exit code counts.
func TestJUnitFailures(t *testing.T) {
	for _, c := range []struct {
		severity diag.Severity
		silenced string
		strict   bool
		want     int
	}{
		{diag.Error, "", false, 1}, {diag.Error, "", true, 1}, {diag.Error, "why", true, 0},
		{diag.Warning, "", false, 0}, {diag.Warning, "", true, 1}, {diag.Warning, "why", true, 0},
		{diag.Note, "", false, 0}, {diag.Note, "", true, 0},
	} {
		report := parsedJUnit(t, diag.List{{Code: "RP1", Severity: c.severity, Silenced: c.silenced, Message: "m"}}, c.strict)
		if report.Failures != c.want || report.Suites[0].Failures != c.want {
			t.Errorf("%+v: %d failures", c, report.Failures)
		}
	}
}

// TestJUnitNames wants the names of a suite to differ, to be short and to be on
// one line.
func TestJUnitNames(t *testing.T) {
	long := strings.Repeat("ä", headLength)
	report := parsedJUnit(t, diag.List{
		{Code: "RP1", Message: "m"}, {Code: "RP1", Message: "m"}, {Code: "RP2", Message: "m"},
		{Code: "RP1", Message: long}, {Code: "RP1", Message: long + "x"}, {Code: "RP1", Message: "a\nb"},
	}, false)
	var names []string
	for _, c := range report.Suites[0].Cases {
		names = append(names, c.Name)
	}
	check(t, strings.Join([]string{"RP1: m", "RP1: m (2)", "RP2: m", "RP1: " + long, "RP1: " + long + "…", "RP1: a…"}, "|"), strings.Join(names, "|"))
}

func parsedJUnit(t testing.TB, list diag.List, strict bool) junitSuites {
	t.Helper()
	text, err := FindingsJUnit(list, strict)
	if err != nil {
		t.Fatal(err)
	}
	var report junitSuites
	if err := xml.Unmarshal([]byte(text), &report); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return report
}

// TestXMLWithoutControlCharacters wants them to be taken out, rather than to be
// replaced by what stands for a character that is not known.
func TestXMLWithoutControlCharacters(t *testing.T) {
	odd := "a\x00\x1b\r\u0085\ufffe"
	f := diag.Finding{Code: odd, Severity: diag.Error, Pos: diag.Pos{File: odd}, Path: odd, Message: odd, Hint: odd}
	silenced := f
	silenced.Silenced = odd
	junit, err := FindingsJUnit(diag.List{f, silenced}, false)
	if err != nil {
		t.Fatal(err)
	}
	style, err := FindingsCheckstyle(diag.List{f})
	if err != nil {
		t.Fatal(err)
	}
	if at := strings.IndexAny(junit+style, "\ufffd\ufffe\u0085\x00\x1b\r"); at >= 0 || strings.Contains(junit+style, "&#xD;") {
		t.Errorf("control characters at %d of %q", at, junit+style)
	}
}

func FuzzFindingsXML(f *testing.F) {
	f.Add("m", "t.yaml", "")
	f.Add("\x00\x1b[31m\ufffe]]>\r\n\xff", "<a \"b\">&\x07", "\x01why")
	f.Add("\u0085\u2028", "\n\t", "")
	f.Fuzz(func(t *testing.T, message, file, silenced string) {
		list := diag.List{
			{Code: "RP1", Severity: diag.Error, Pos: diag.Pos{File: file}, Message: message, Silenced: silenced},
			{Code: "RP2", Severity: diag.Note, Pos: diag.Pos{File: file}, Message: message},
		}
		report := parsedJUnit(t, list, false)
		if want := visible(file); want != "" && report.Suites[0].Name != want || report.Tests != 2 {
			t.Errorf("%q is the suite %q of %d tests", file, report.Suites[0].Name, report.Tests)
		}
		if failed := report.Suites[0].Cases[0].Failure; silenced == "" && failed.Message != visible(message) {
			t.Errorf("%q is read as %q", message, failed.Message)
		}
		text, err := FindingsCheckstyle(list)
		if err != nil {
			t.Fatal(err)
		}
		var style checkstyle
		if err := xml.Unmarshal([]byte(text), &style); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		errors := style.Files[0].Errors
		if got := errors[len(errors)-1].Message; got != visible(message) {
			t.Errorf("%q is read as %q", message, got)
		}
	})
}
