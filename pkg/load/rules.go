package load

import (
	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
)

// The codes of what loading finds.
const (
	codeRead    = "RP001"
	codeSyntax  = "RP002"
	codeUnknown = "RP003"
	codeType    = "RP004"
	codeMissing = "RP005"
	codeKind    = "RP006"
	codeValue   = "RP100"
	codeValueOf = "RP101"
)

// Rules documents the findings of this package.
func Rules() []lint.Rule {
	return []lint.Rule{
		{
			Code: codeRead, Name: "unreadable", Severity: diag.Error,
			Summary: "A topology file cannot be read.",
			Why:     "Nothing can be said of it.",
			Fix:     "Check its path, its permissions and its size; a topology has at most 4 MiB.",
			Source:  "ringplan",
		}, {
			Code: codeSyntax, Name: "not-well-formed", Severity: diag.Error,
			Summary: "A topology file is not well-formed YAML, JSON or CUE.",
			Why:     "Repeated keys, bad indentation and bad encoding are read differently by different tools; ringplan reads none of them.",
			Fix:     "Correct the line that the finding names.",
			Source:  "YAML 1.2; RFC 8259; the CUE language",
		}, {
			Code: codeUnknown, Name: "unknown-field", Severity: diag.Error,
			Summary: "A field is none of a topology's.",
			Why:     "A misspelt field would be ignored, and what it says would not happen.",
			Fix:     "Correct the name; `ringplan schema` prints every field. Chart properties belong under values.",
			Source:  "schema/",
		}, {
			Code: codeType, Name: "wrong-value", Severity: diag.Error,
			Summary: "A field holds a value of the wrong type, form or range.",
			Why:     "It could not be rendered into anything that works.",
			Fix:     "Write what the finding says is expected.",
			Source:  "schema/",
		}, {
			Code: codeMissing, Name: "missing-field", Severity: diag.Error,
			Summary: "A required field is missing.",
			Why:     "There is no safe default for it.",
			Fix:     "Add the field.",
			Source:  "schema/",
		}, {
			Code: codeKind, Name: "not-a-topology", Severity: diag.Error,
			Summary: "A file is no topology, or one of another version or system.",
			Why:     "Its fields may mean something else.",
			Fix:     "A topology starts with apiVersion: ringplan.dev/v1alpha1, kind: Topology, and names its system.",
			Source:  "schema/",
		}, {
			Code: codeValue, Name: "unknown-property", Severity: diag.Error,
			Summary: "A property under values is none that the charts read or their reference documents.",
			Why:     "Helm accepts any key and ignores those that it does not know, so a misspelt one does nothing.",
			Fix:     "Correct the name. If your charts are patched to read it, silence this rule with a reason.",
			Source:  "[CFG]; [C15]; [C16]",
		}, {
			Code: codeValueOf, Name: "wrong-property-value", Severity: diag.Error,
			Summary: "A property under values has a value of the wrong type, form or range.",
			Why:     "The charts fail to render, or render something that Kubernetes refuses.",
			Fix:     "Write what the finding says is expected.",
			Source:  "[CFG]; [C15]; [C16]",
		},
	}
}
