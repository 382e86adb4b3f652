package helm

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func releaseAt(name string, generation, observed int64, ready string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{
		"observedGeneration": observed, "conditions": []any{map[string]any{"type": "Ready", "status": ready}},
	}}}
	object.SetName(name)
	object.SetNamespace("flux-system")
	object.SetGeneration(generation)
	return object
}

func TestWaits(t *testing.T) {
	after := releaseAt("after", 1, 0, "Unknown")
	for name, test := range map[string]struct {
		before *unstructured.Unstructured
		open   bool
	}{
		"ready":             {releaseAt("before", 2, 2, "True"), true},
		"ready, but before": {releaseAt("before", 2, 1, "True"), false},
		"not ready":         {releaseAt("before", 2, 2, "False"), false},
		"not there":         {releaseAt("other", 2, 2, "True"), false},
	} {
		t.Run(name, func(t *testing.T) {
			known := map[string]*unstructured.Unstructured{key(test.before): test.before}
			err := waits(after, &spec{DependsOn: []reference{{Name: "before"}}}, known)
			if (err == nil) != test.open {
				t.Errorf("it says %v", err)
			}
		})
	}
}

func TestReadyExpr(t *testing.T) {
	after, before := releaseAt("after", 3, 0, "Unknown"), releaseAt("before", 2, 1, "False")
	known := map[string]*unstructured.Unstructured{key(before): before}
	for expression, open := range map[string]bool{
		"dep.status.observedGeneration == 1":                       true,
		"dep.metadata.generation > self.metadata.generation":       false,
		"self.metadata.name == 'after' && size(dep.spec.what) > 0": false, // it cannot be answered
	} {
		err := waits(after, &spec{DependsOn: []reference{{Name: "before", ReadyExpr: expression}}}, known)
		if (err == nil) != open {
			t.Errorf("%s: it says %v", expression, err)
		}
	}
}

func TestWell(t *testing.T) {
	expression := health{InProgress: "status.?state.orValue('') == 'creating'", Failed: "status.?state.orValue('') == 'error'", Current: "status.?state.orValue('') == 'running'"}
	for state, want := range map[string]string{"creating": "in progress", "error": "failed", "running": "", "scaling": "not current"} {
		err := well(map[string]any{"status": map[string]any{"state": state}}, expression)
		if got := text(err); got != want {
			t.Errorf("%s: %q, not %q", state, got, want)
		}
	}
	if err := well(map[string]any{}, expression); err == nil {
		t.Error("an object without status is well")
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
