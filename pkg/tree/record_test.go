package tree

import (
	"maps"
	"strings"
	"testing"
)

func TestParseRecord(t *testing.T) {
	a, b := digest([]byte("a")), digest([]byte("b"))
	tests := map[string]struct {
		text string
		want map[string]string
		err  string
	}{
		"empty":        {"", map[string]string{}, ""},
		"two":          {a + "  x/a\n" + b + "  y\n", map[string]string{"x/a": a, "y": b}, ""},
		"unsorted":     {a + "  y\n" + b + "  x\n", map[string]string{"x": b, "y": a}, ""},
		"blanks":       {a + "   x  y \n", map[string]string{" x  y ": a}, ""},
		"cut off":      {a + "  x\n" + b + "  ya", nil, "line 2: the line is cut off"},
		"empty line":   {a + "  x\n\n" + b + "  y\n", nil, "line 2: not a SHA-256"},
		"conflict":     {a + "  x\n<<<<<<< HEAD\n", nil, "line 2: not a SHA-256"},
		"short digest": {a[:62] + "  x\n", nil, "line 1: not a SHA-256"},
		"upper case":   {strings.ToUpper(a) + "  x\n", nil, "line 1: not a SHA-256"},
		"binary mode":  {a + " *x\n", nil, "line 1: not a SHA-256"},
		"no path":      {a + "  \n", nil, "line 1: path is empty"},
		"outside":      {a + "  ../x\n", nil, `line 1: path "../x"`},
		"CRLF":         {a + "  x\r\n", nil, "line 1: the line ends as on Windows"},
		"itself":       {a + "  SHA256SUMS\n", nil, "line 1: the record lists itself"},
		"twice":        {a + "  x\n" + b + "  x\n", nil, `line 2: path "x" is listed twice`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseRecord([]byte(tt.text))
			wantError(t, err, tt.err)
			if !maps.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func FuzzRecord(f *testing.F) {
	a := digest([]byte("a"))
	for _, s := range []string{"", a + "  x\n", a + "  b\n" + a + "  a\n", a + " *x\n", a + "  x", "\n", a + "   \n", a + "  ../x\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		sums, err := parseRecord(data)
		if err != nil {
			wantError(t, err, "line ")
			return
		}
		text := formatRecord(sums)
		again, err := parseRecord(text)
		if err != nil || !maps.Equal(sums, again) {
			t.Fatalf("%q reads as %v, written %q, then as %v: %v", data, sums, text, again, err)
		}
		if len(text) != len(data) {
			t.Fatalf("%q is written as %q", data, text)
		}
	})
}
