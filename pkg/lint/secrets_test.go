package lint

import (
	"encoding/json"
	"strings"
	"testing"
)

// canary is in every planted secret, and must be in nothing that is reported
// (I9).
const canary = "C4NARY0123456789abcdefghijklmnopqrstuvwx"

func TestSecretsAreFoundAndNotRepeated(t *testing.T) {
	const values = "spec/values/"
	text := func(s string) string {
		data, _ := json.Marshal(s)
		return string(data)
	}
	tests := map[string]struct {
		set  set
		path string // of the finding; empty for none
	}{
		"private key":            {set{values + "a": text("-----BEGIN RSA PRIVATE KEY-----\n" + canary)}, "spec.values.a"},
		"private key, PKCS 8":    {set{values + "a": text("x -----BEGIN PRIVATE KEY-----" + canary)}, "spec.values.a"},
		"OpenSSH key in a list":  {set{values + "a": `[1, ` + text("-----BEGIN OPENSSH PRIVATE KEY-----"+canary) + `]`}, "spec.values.a[1]"},
		"private key in base64":  {set{values + "a": text("LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t" + canary)}, "spec.values.a"},
		"service account key":    {set{values + "a": text(`{"type": "service_account", "private_key_id": "` + canary + `"}`)}, "spec.values.a"},
		"the same as a map":      {set{values + "a": `{"type": "service_account", "private_key": ` + text("-----BEGIN PRIVATE KEY-----"+canary) + `}`}, "spec.values.a.private_key"},
		"the same in base64":     {set{values + "a": text("eyJ0eXBlIjogInNlcnZpY2VfYWNjb3VudCIs" + canary)}, "spec.values.a"},
		"AWS key":                {set{values + "a": text("AKIAC4NARY0123456789")}, "spec.values.a"},
		"GitHub token":           {set{values + "a": text("ghp_" + canary)}, "spec.values.a"},
		"GitLab token":           {set{values + "a": text("glpat-" + canary)}, "spec.values.a"},
		"Slack token":            {set{values + "a": text("xoxb-" + canary)}, "spec.values.a"},
		"Google key":             {set{values + "a": text("AIza" + canary)}, "spec.values.a"},
		"JSON web token":         {set{values + "a": text("eyJhbGciOiJI.eyJzdWIiOiIx." + canary)}, "spec.values.a"},
		"password in a URL":      {set{values + "a": text("https://me:" + canary + "@proxy:8080")}, "spec.values.a"},
		"variable":               {set{values + "env/DB_PASSWORD": text(canary)}, "spec.values.env.DB_PASSWORD"},
		"variable in lower case": {set{values + "env/db_password": text(canary)}, "spec.values.env.db_password"},
		"variable in a list":     {set{values + "env": `[{"name": "API_TOKEN", "value": ` + text(canary) + `}]`}, "spec.values.env[0].value"},
		"variable of a region":   {set{"spec/regions/1/values/env": `[{"name": "API_TOKEN", "value": ` + text(canary) + `}]`}, "spec.regions[1].values.env[0].value"},
		"annotation":             {set{"metadata/annotations": `{"note": ` + text("ghp_"+canary) + `}`}, "metadata.annotations.note"},
		"hidden in CUE":          {set{values + "_a": text("ghp_" + canary)}, `spec.values."_a"`},

		"certificate":                 {set{values + "a": text("-----BEGIN CERTIFICATE-----")}, ""},
		"certificate in base64":       {set{values + "a": text("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t")}, ""},
		"URL without a password":      {set{values + "a": text("https://me@proxy:8080")}, ""},
		"name of a Secret":            {set{values + "auth/secret": text("apigee-cassandra-auth")}, ""},
		"variable from a Secret":      {set{values + "env": `[{"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]`}, ""},
		"variable that is empty":      {set{values + "env/DB_PASSWORD": `""`}, ""},
		"variable of another kind":    {set{values + "env": `[{"name": "TOKENS", "value": "3"}]`}, ""},
		"tokenExpiration is a number": {set{values + "tokenExpiration": "3600"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := run(tt.set.on(t), nil)
			switch {
			case tt.path == "" && len(got) > 0:
				t.Errorf("%v", got)
			case tt.path != "" && (len(got) != 1 || got[0].Code != "RP084" || got[0].Path != tt.path):
				t.Errorf("got %v, want one finding at %s", got, tt.path)
			}
			for _, f := range got {
				if strings.Contains(f.Message+f.Hint+f.Path, "C4NARY") {
					t.Errorf("a secret is repeated: %+v", f)
				}
			}
		})
	}
}
