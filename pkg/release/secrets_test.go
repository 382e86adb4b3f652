package release

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	canary = "c4nary-passw0rd" // long enough to be found inside other texts
	short  = "pass88"          // found only as a whole
	tiny   = "pw"              // not looked for
)

// secretOf makes a Secret with one key.
func secretOf(key, text string) Object {
	return object("v1 Secret s secret.yaml").with("data", map[string]any{key: base64.StdEncoding.EncodeToString([]byte(text))})
}

func TestSpilt(t *testing.T) {
	pod := func(text string) Object {
		return object("v1 Pod p pod.yaml").with("spec", map[string]any{"env": []any{map[string]any{"name": "A", "value": text}}})
	}
	tests := map[string]struct {
		secret Object
		values map[string]string // what the chart's values have
		pod    Object
		want   string
	}{
		"as a whole":               {secretOf("a.password", short), nil, pod(short), "key a.password of Secret/s, in spec.env[0].value"},
		"as a part":                {secretOf("a.password", canary), nil, pod("user:" + canary + "@host"), "key a.password of Secret/s, in spec.env[0].value"},
		"a short one as a part":    {secretOf("a.password", short), nil, pod("x" + short), ""},
		"a tiny one":               {secretOf("a.password", tiny), nil, pod(tiny), ""},
		"a key that is no secret":  {secretOf("a.user", canary), nil, pod(canary), ""},
		"another text":             {secretOf("a.password", canary), nil, pod("other"), ""},
		"of the values, no Secret": {object("v1 Service x s.yaml"), map[string]string{"auth.password": canary}, pod(canary), "value auth.password, in spec.env[0].value"},
		"text, not bytes":          {object("v1 Secret s secret.yaml").with("stringData", map[string]any{"token": canary}), nil, pod(canary), "key token of Secret/s, in spec.env[0].value"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := (&fake{texts: tt.values, values: map[string]string{canary: "auth.name"}}).renders(tt.secret, tt.pod)
			var got []Problem
			for _, p := range Check([]Rendered{r}, nil, true) {
				if p.Object == "Pod/p" {
					got = append(got, p)
				}
			}
			if tt.want == "" {
				if len(got) > 0 {
					t.Errorf("got %+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Code != PlainSecret || !got[0].Mild || !strings.Contains(got[0].Message, tt.want) {
				t.Errorf("got %+v, want one of %s", got, tt.want)
			}
			for _, p := range got {
				if strings.Contains(p.Message+p.Hint, canary) || strings.Contains(p.Message+p.Hint, short) {
					t.Errorf("the secret is told: %+v", p)
				}
			}
		})
	}
}

// TestSpiltByTheTopology makes an error of a secret that the user gave.
func TestSpiltByTheTopology(t *testing.T) {
	r := (&fake{texts: map[string]string{"auth.password": canary}, values: map[string]string{canary: "auth.password"}}).renders(object("v1 Pod p pod.yaml").with("spec", canary))
	r.Values = map[string]any{"auth": map[string]any{"password": canary}}
	got := Check([]Rendered{r}, nil, false)
	if len(got) != 1 || got[0].Mild || got[0].Value != "auth.password" {
		t.Errorf("got %+v", got)
	}
}

func TestHider(t *testing.T) {
	secret := secretOf("a.password", canary)
	pod := object("v1 Pod p pod.yaml").with("spec", map[string]any{"list": []any{"x" + canary + canary, short, int64(3)}, "map": map[string]any{"a": canary}})
	plain := object("v1 Pod q pod.yaml").with("spec", "hidden")
	r := (&fake{texts: map[string]string{"b.password": "hidden"}}).renders(secret, secretOf("b.token", short), pod)
	hide := Hider([]Rendered{r}, "(hidden)")
	want := map[string]any{"list": []any{"x(hidden)(hidden)", "(hidden)", int64(3)}, "map": map[string]any{"a": "(hidden)"}}
	if diff := cmp.Diff(want, hide(pod).Doc["spec"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if pod.Doc["spec"].(map[string]any)["map"].(map[string]any)["a"] != canary {
		t.Error("the object itself was changed")
	}
	if got := hide(plain).Doc["spec"]; got != "hidden" { // else it would go on for ever
		t.Errorf("what stands for a secret is hidden: %v", got)
	}
	if diff := cmp.Diff(secret, hide(secret)); diff != "" {
		t.Errorf("a Secret is for Hidden:\n%s", diff)
	}
}

// TestAddedSecret finds the values of a Secret that a component adds, and its long
// name.
func TestAddedSecret(t *testing.T) {
	secret := secretOf("a.password", canary)
	long := object("v1 Service " + strings.Repeat("x", 64) + " s.yaml")
	got := Check(nil, []Object{secret, secretOf("a.password", ""), long, object("v1 Pod p pod.yaml")}, true)
	if len(got) != 2 || got[0].Code != PlainSecret || got[0].Mild || strings.Contains(got[0].Message, canary) || got[1].Code != LongName {
		t.Errorf("got %+v", got)
	}
}
