package parts

import (
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

func TestModule(t *testing.T) {
	upstream, err := modfile.Parse("go.mod", []byte(`module example.com/up

go 1.26.0

replace (
	k8s.io/api => ./staging/api
	example.com/a => example.com/b v1.2.3
	example.com/up/api => ./api
)
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	part := Part{Module: "example.com/up", Version: "v1.0.0", Replace: map[string]string{"k8s.io/": "v0.36.3"}}
	file, err := part.module(upstream)
	if err != nil {
		t.Fatal(err)
	}
	text, err := file.Format()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"require example.com/up v1.0.0", "k8s.io/api => k8s.io/api v0.36.3", "example.com/a => example.com/b v1.2.3"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "./") {
		t.Errorf("it names a local folder:\n%s", text)
	}
}

func TestKey(t *testing.T) {
	if a, b := Kube.key(), Argo.key(); a == b || a != Kube.key() {
		t.Errorf("keys %s and %s", a, b)
	}
}
