package report

import (
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
)

// The parts of a SARIF 2.1.0 log that ringplan writes. What is not known is left
// out, for the standard has a default for it.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name            string      `json:"name"`
		Version         string      `json:"version,omitempty"`
		SemanticVersion string      `json:"semanticVersion,omitempty"`
		InformationURI  string      `json:"informationUri"`
		Rules           []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string      `json:"id"`
		Name                 string      `json:"name"`
		ShortDescription     sarifText   `json:"shortDescription"`
		FullDescription      sarifText   `json:"fullDescription"`
		Help                 sarifText   `json:"help"`
		DefaultConfiguration sarifConfig `json:"defaultConfiguration"`
	}
	sarifConfig struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifResult struct {
		RuleID              string             `json:"ruleId"`
		RuleIndex           *int               `json:"ruleIndex,omitempty"`
		Level               string             `json:"level"`
		Message             sarifText          `json:"message"`
		Locations           []sarifLocation    `json:"locations,omitempty"`
		PartialFingerprints map[string]string  `json:"partialFingerprints"`
		BaselineState       diag.Baseline      `json:"baselineState,omitempty"`
		Suppressions        []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPlace   `json:"physicalLocation"`
		LogicalLocations []sarifField `json:"logicalLocations,omitempty"`
	}
	sarifPlace struct {
		ArtifactLocation sarifFile    `json:"artifactLocation"`
		Region           *sarifRegion `json:"region,omitempty"`
	}
	sarifFile struct {
		URI       string `json:"uri"`
		URIBaseID string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
	sarifField struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	homepage    = "https://github.com/ringplan/ringplan"
)

// FindingsSARIF renders findings as a SARIF 2.1.0 log, which says of each rule
// what it checks, even where it found nothing. The version is that of ringplan.
// Silenced findings are in it, as suppressed.
func FindingsSARIF(list diag.List, rules []lint.Rule, version string) (string, error) {
	run := sarifRun{
		Tool: sarifTool{sarifDriver{
			Name: "ringplan", Version: version, SemanticVersion: semantic(version), InformationURI: homepage, Rules: []sarifRule{},
		}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	indexes := map[string]*int{}
	for i, r := range rules {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleSARIF(r))
		indexes[r.Code] = &i
	}
	prints := list.Fingerprints()
	for i, f := range list {
		run.Results = append(run.Results, sarifResult{
			RuleID: f.Code, RuleIndex: indexes[f.Code], Level: f.Severity.String(),
			Message: sarifText{Text: literal(withHint(f))}, Locations: locationsSARIF(f),
			PartialFingerprints: map[string]string{"ringplan/v1": prints[i]},
			BaselineState:       f.Baseline, Suppressions: suppressionsSARIF(f),
		})
	}
	return indent(sarifLog{sarifSchema, "2.1.0", []sarifRun{run}})
}

// withHint writes what is wrong and then what to do, as sentences.
func withHint(f diag.Finding) string {
	if f.Hint == "" {
		return f.Message
	}
	return strings.TrimSuffix(f.Message, ".") + ". Hint: " + f.Hint
}

var semver = regexp.MustCompile(`^v?([0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?)$`)

// semantic returns a version without the v, or "" if it is none in the sense of
// Semantic Versioning, such as that of a build outside of a release.
func semantic(version string) string {
	if m := semver.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	return ""
}

func ruleSARIF(r lint.Rule) sarifRule {
	return sarifRule{
		ID: r.Code, Name: r.Name,
		ShortDescription: sarifText{Text: literal(r.Summary)},
		FullDescription:  sarifText{Text: literal(r.Summary + " " + r.Why)},
		Help: sarifText{
			Text:     literal("Why: " + r.Why + "\nFix: " + r.Fix + "\nSource: " + r.Source),
			Markdown: literal(withoutHTML("**Why:** " + r.Why + "\n\n**Fix:** " + r.Fix + "\n\n**Source:** " + r.Source)),
		},
		DefaultConfiguration: sarifConfig{r.Severity.String()},
	}
}

// withoutHTML keeps Markdown from starting a tag, as SARIF wants it (§3.11.4.2).
func withoutHTML(text string) string { return strings.ReplaceAll(text, "<", "&lt;") }

var placeholder = regexp.MustCompile(`\{[0-9]+\}`)

// literal keeps text from being read as more than that: {0} is a placeholder
// unless all braces are doubled (SARIF 2.1.0, §3.11.5), and [a](b) is a link
// (§3.11.6). Braces without a number stand as they are: most viewers would show
// both of two.
func literal(text string) string {
	if placeholder.MatchString(text) {
		text = strings.NewReplacer("{", "{{", "}", "}}").Replace(text)
	}
	return strings.ReplaceAll(text, "](", "] (")
}

// locationsSARIF tells where a finding is, as far as it is known.
func locationsSARIF(f diag.Finding) []sarifLocation {
	if !f.Pos.IsValid() {
		return nil
	}
	at := sarifLocation{PhysicalLocation: sarifPlace{ArtifactLocation: fileSARIF(f.Pos.File)}}
	if f.Pos.Line > 0 {
		at.PhysicalLocation.Region = &sarifRegion{f.Pos.Line, max(f.Pos.Column, 0)}
	}
	if f.Path != "" {
		at.LogicalLocations = []sarifField{{f.Path, "property"}}
	}
	return []sarifLocation{at}
}

var drive = regexp.MustCompile(`^[A-Za-z]:/`)

// fileSARIF turns the path of a file, with slashes, into a URI: one below the
// folder that ringplan ran in, unless the path is absolute.
func fileSARIF(file string) sarifFile {
	switch {
	case drive.MatchString(file):
		file = "/" + file
		fallthrough
	case path.IsAbs(file):
		return sarifFile{URI: (&url.URL{Scheme: "file", Path: file}).String()}
	}
	return sarifFile{(&url.URL{Path: file}).String(), "%SRCROOT%"}
}

// suppressionsSARIF tells why a finding is silenced. The annotation that does it
// is in the topology, so it is one in the source (§3.35.2).
func suppressionsSARIF(f diag.Finding) []sarifSuppression {
	if f.Silenced == "" {
		return nil
	}
	return []sarifSuppression{{"inSource", f.Silenced}}
}
