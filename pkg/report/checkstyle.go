package report

import (
	"encoding/xml"

	"github.com/ringplan/ringplan/pkg/diag"
)

type (
	checkstyle struct {
		XMLName xml.Name         `xml:"checkstyle"`
		Version string           `xml:"version,attr"`
		Files   []checkstyleFile `xml:"file"`
	}
	checkstyleFile struct {
		Name   string            `xml:"name,attr"`
		Errors []checkstyleError `xml:"error"`
	}
	checkstyleError struct {
		Line     int    `xml:"line,attr,omitempty"`
		Column   int    `xml:"column,attr,omitempty"`
		Severity string `xml:"severity,attr"`
		Message  string `xml:"message,attr"`
		Source   string `xml:"source,attr"`
	}
)

// FindingsCheckstyle renders findings as a report of Checkstyle, file by file.
// Silenced ones are left out.
func FindingsCheckstyle(list diag.List) (string, error) {
	report := checkstyle{Version: "4.3"} // what other tools that write this name
	for _, group := range byFile(unsilenced(list)) {
		file := checkstyleFile{Name: group.name}
		for _, f := range group.findings {
			severity := f.Severity.String()
			if f.Severity == diag.Note {
				severity = "info"
			}
			file.Errors = append(file.Errors, checkstyleError{
				max(f.Pos.Line, 0), max(f.Pos.Column, 0), severity, visible(withHint(f) + isNew(f)), visible("ringplan." + f.Code),
			})
		}
		report.Files = append(report.Files, file)
	}
	return document(report)
}

// unsilenced returns the findings that are not silenced.
func unsilenced(list diag.List) diag.List {
	var kept diag.List
	for _, f := range list {
		if f.Silenced == "" {
			kept = append(kept, f)
		}
	}
	return kept
}
