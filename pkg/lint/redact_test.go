package lint

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedact(t *testing.T) {
	const canary = "c4nary"
	tests := map[string]struct {
		path  string
		value any
		want  any
	}{
		"a plain value":              {"cassandra.replicaCount", 3, 3},
		"the name of a Secret":       {"cassandra.auth.secret", "auth", "auth"},
		"a password":                 {"cassandra.auth.default.password", canary, Hidden},
		"in any case":                {"x.PassWord", canary, Hidden},
		"no text":                    {"x.token", 12, Hidden},
		"a key":                      {"envs[prod].kmsEncryptionKey", canary, Hidden},
		"nothing":                    {"x.password", nil, nil},
		"by its look":                {"x.note", "-----BEGIN PRIVATE KEY-----", Hidden},
		"a list":                     {"x.tokens", []any{canary}, []any{canary}},
		"a list of what is hidden":   {"x.token", []any{canary}, []any{Hidden}},
		"inside a map":               {"x", map[string]any{"password": canary, "name": "a"}, map[string]any{"password": Hidden, "name": "a"}},
		"an environment variable":    {"x", map[string]any{"name": "DB_PASSWORD", "value": canary}, map[string]any{"name": "DB_PASSWORD", "value": Hidden}},
		"a map of lists of maps":     {"x", map[string]any{"l": []any{map[string]any{"salt": canary}}}, map[string]any{"l": []any{map[string]any{"salt": Hidden}}}},
		"a quoted name":              {`x["my.password"]`, canary, Hidden},
		"a variable's value alone":   {"udca.env[DB_PASSWORD].value", canary, Hidden},
		"another variable's":         {"udca.env[LEVEL].value", "info", "info"},
		"a variable by its own path": {"x.env.API_KEY", canary, Hidden},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Redact(tt.path, tt.value)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHide(t *testing.T) {
	type m = map[string]any
	tests := map[string]struct{ value, want any }{
		"nothing":         {nil, nil},
		"a text":          {"c4nary", Hidden},
		"an empty one":    {"", Hidden},
		"a number":        {int64(7), Hidden},
		"false":           {false, Hidden},
		"a list":          {[]any{"a", nil, 1.5}, []any{Hidden, nil, Hidden}},
		"an empty list":   {[]any{}, []any{}},
		"a map":           {m{"a": "b", "c": nil}, m{"a": Hidden, "c": nil}},
		"an empty map":    {m{}, m{}},
		"maps in a list":  {m{"a": []any{m{"b": "c"}, []any{true}}}, m{"a": []any{m{"b": Hidden}, []any{Hidden}}}},
		"names are shown": {m{"password": m{"x": "y"}}, m{"password": m{"x": Hidden}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Hide(tt.value)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	given := m{"a": []any{"b"}, "c": m{"d": "e"}}
	Hide(given)
	if diff := cmp.Diff(m{"a": []any{"b"}, "c": m{"d": "e"}}, given); diff != "" {
		t.Errorf("what was given has changed (-want +got):\n%s", diff)
	}
}
