package observe

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// samples returns the inputs in testdata by name.
func samples(tb testing.TB) map[string][]byte {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		tb.Fatal(err)
	}
	list := map[string][]byte{}
	for _, f := range files {
		if strings.HasSuffix(f, ".golden") {
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		list[filepath.Base(f)] = data
	}
	if len(list) == 0 {
		tb.Fatal("testdata is empty")
	}
	return list
}

// TestGolden compares what every sample is parsed to; UPDATE=1 rewrites it.
func TestGolden(t *testing.T) {
	for name, data := range samples(t) {
		t.Run(name, func(t *testing.T) {
			set, problems := Parse(name, data)
			var got bytes.Buffer
			e := json.NewEncoder(&got)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			if err := e.Encode(struct {
				Observations Set       `json:"observations"`
				Problems     []Problem `json:"problems,omitempty"`
			}{set, problems}); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".golden")
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s differs; got\n%s", golden, got.Bytes())
			}
		})
	}
}
