package report

import (
	"encoding/xml"
	"fmt"
	"strings"
	"unicode"

	"github.com/ringplan/ringplan/pkg/diag"
)

type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		Name    string   `xml:"name,attr"`
		junitCount
		Suites []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCount
		Cases []junitCase `xml:"testcase"`
	}
	junitCount struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
		Time     int `xml:"time,attr"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Time    int           `xml:"time,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Skipped *junitSkipped `xml:"skipped,omitempty"`
		Output  *junitOutput  `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",cdata"`
	}
	junitOutput struct {
		Text string `xml:",cdata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// FindingsJUnit renders findings as a JUnit report: a suite for each file, and a
// test for each finding. What the exit code counts has failed: errors, and if
// strict warnings too. Other findings have passed, with what they say as their
// output, and silenced ones are skipped. Without any finding there is one test,
// which has passed, for viewers do not like a report without tests.
func FindingsJUnit(list diag.List, strict bool) (string, error) {
	report := junitSuites{Name: "ringplan"}
	for _, group := range byFile(list) {
		suite := junitSuite{Name: group.name}
		seen := map[string]int{}
		for _, f := range group.findings {
			test := testJUnit(f, group.name, strict)
			seen[test.Name]++
			if n := seen[test.Name]; n > 1 {
				test.Name = fmt.Sprintf("%s (%d)", test.Name, n)
			}
			suite.add(test)
		}
		report.add(suite)
	}
	if len(list) == 0 {
		suite := junitSuite{Name: report.Name}
		suite.add(junitCase{Class: report.Name, Name: Summary(list)})
		report.add(suite)
	}
	return document(report)
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
}

func (r *junitSuites) add(s junitSuite) {
	r.Suites = append(r.Suites, s)
	r.Tests += s.Tests
	r.Failures += s.Failures
	r.Skipped += s.Skipped
}

// testJUnit makes a finding a test of a suite.
func testJUnit(f diag.Finding, suite string, strict bool) junitCase {
	test := junitCase{Class: suite, Name: visible(f.Code + ": " + head(f.Message)), File: visible(f.Pos.File)}
	text := visible(FindingsText(diag.List{f}, Style{}))
	switch {
	case f.Silenced != "":
		test.Skipped = &junitSkipped{visible("silenced: " + f.Silenced)}
	case f.Severity == diag.Error, strict && f.Severity == diag.Warning:
		test.Failure = &junitFailure{visible(withHint(f)), f.Severity.String(), text}
	default:
		test.Output = &junitOutput{text}
	}
	return test
}

// headLength is how many characters of a message name a test.
const headLength = 120

// head returns the first line of a message, shortened.
func head(message string) string {
	line, _, cut := strings.Cut(message, "\n")
	if runes := []rune(line); len(runes) > headLength {
		line, cut = string(runes[:headLength]), true
	}
	if cut {
		line += "…"
	}
	return line
}

// A fileGroup holds the findings of one file.
type fileGroup struct {
	name     string
	findings diag.List
}

// byFile groups findings by their files, in the order in which these come.
// Findings of no file are those of "ringplan".
func byFile(list diag.List) []fileGroup {
	var groups []fileGroup
	at := map[string]int{}
	for _, f := range list {
		name := visible(f.Pos.File)
		if name == "" {
			name = "ringplan"
		}
		i, known := at[name]
		if !known {
			i, at[name] = len(groups), len(groups)
			groups = append(groups, fileGroup{name: name})
		}
		groups[i].findings = append(groups[i].findings, f)
	}
	return groups
}

// visible takes out the control characters, which XML cannot hold, but for ends
// of lines and tabs.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r == '\ufffe' || r == '\uffff' {
			return -1
		}
		return r
	}, text)
}

// document writes a value as an XML document.
func document(v any) (string, error) {
	data, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", fmt.Errorf("report: %w", err)
	}
	return xml.Header + string(data) + "\n", nil
}
