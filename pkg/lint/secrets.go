package lint

import (
	"regexp"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/topology"
)

var secretRules = []Rule{{
	Code: "RP084", Name: "plaintext-secret", Severity: diag.Error,
	Summary: "A private key, a token or a password stands in the topology.",
	Why:     "The topology and what is rendered from it are committed to Git, where a secret stays for ever and many can read it.",
	Fix:     "Put it into a Kubernetes Secret or a vault and refer to that; then replace the secret, because it has been written down.",
	Source:  "ringplan: no secret value reaches rendered files",
	Always:  true,
	Check:   checkSecrets,
}}

// secretShapes are strings that are secrets by their look.
var secretShapes = []struct {
	what  string
	shape *regexp.Regexp
}{
	{"a private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY`)},
	{"a private key in base64", regexp.MustCompile(`LS0tLS1CRUdJTi(BQUklW|BSU0Eg|BFQyBQ|BPUEVO|BFTkNS|BEU0Eg)`)},
	{"a Google service account key", regexp.MustCompile(`"private_key(_id)?"\s*:`)},
	{"a Google service account key in base64", regexp.MustCompile(`\b(eyJ0eXBlIjo|ewogICJ0eXBlIjog)`)},
	{"an AWS access key", regexp.MustCompile(`\b(AKIA|ASIA)[0-9A-Z]{16}\b`)},
	{"a GitHub token", regexp.MustCompile(`\bgh[pousr]_[0-9A-Za-z]{36}`)},
	{"a GitLab token", regexp.MustCompile(`\bglpat-[0-9A-Za-z_-]{20}`)},
	{"a Slack token", regexp.MustCompile(`\bxox[abprs]-[0-9A-Za-z-]{10}`)},
	{"a Google API key", regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{35}`)},
	{"a JSON web token", regexp.MustCompile(`\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.`)},
	{"a password in a URL", regexp.MustCompile(`\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@]+@`)},
}

// secretName matches the last key of a path that holds an environment variable
// of a secret.
var secretName = regexp.MustCompile(`(^|[."])([A-Z][A-Z0-9_]*?|(?i:[a-z0-9_]+_))(?i:PASSWORD|PASSWD|TOKEN|SECRET|API_?KEY|PRIVATE_?KEY)"?$`)

func checkSecrets(p *Pass) {
	const hint = "refer to a Kubernetes Secret or a vault instead, and replace the secret: it has been written down"
	p.Walk(func(path string, value any) {
		if what := secretIn(path, value); what != "" {
			p.Report(path, hint, "%s stands in plain text", what)
		}
		if isSecretVariable(value) {
			name, _ := value.(map[string]any)["name"].(string)
			p.Report(topology.JoinPath(path, "value"), hint, "the value of a secret variable, %s, stands in plain text", name)
		}
	})
}

// secretIn says what kind of secret a text is, by its look or its place.
func secretIn(path string, value any) string {
	text, ok := value.(string)
	if !ok || text == "" {
		return ""
	}
	for _, s := range secretShapes {
		if s.shape.MatchString(text) {
			return s.what
		}
	}
	if secretName.MatchString(path) {
		return "the value of a secret variable"
	}
	return ""
}

// isSecretVariable reports whether a map is a container's environment variable
// whose name tells of a secret, and whose value does not by itself.
func isSecretVariable(variable any) bool {
	m, _ := variable.(map[string]any)
	name, _ := m["name"].(string)
	value, _ := m["value"].(string)
	return value != "" && secretName.MatchString(name) && secretIn("", value) == ""
}

// hiddenName matches the last name of a path that may hold a secret, whatever
// that looks like.
var hiddenName = regexp.MustCompile(`(?i)(password|passwd|passphrase|token|private_?key|encryption_?key|api_?key|salt)"?\]?$`)

// Hidden stands for what [Redact] takes out.
const Hidden = "(hidden)"

// Hide hides every scalar of a value, whatever it is.
func Hide(value any) any {
	switch v := value.(type) {
	case nil:
		return nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = Hide(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = Hide(item)
		}
		return out
	}
	return Hidden
}

// Redact returns a value of a rendered file for people to see: what looks like
// a secret, or stands where one may, is hidden. It errs on the side of hiding.
func Redact(path string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = Redact(topology.JoinPath(path, key), item)
		}
		if isSecretVariable(out) {
			out["value"] = Hidden
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = Redact(path, item)
		}
		return out
	case nil:
		return nil
	}
	name := elementName(path)
	if secretIn(path, value) != "" || hiddenName.MatchString(path) || secretName.MatchString(name) || hiddenName.MatchString(name) {
		return Hidden
	}
	return value
}

// elementName returns the NAME of a path such as env[NAME].value, or "".
func elementName(path string) string {
	rest, ok := strings.CutSuffix(path, "].value")
	if !ok {
		return ""
	}
	return rest[strings.LastIndex(rest, "[")+1:]
}
