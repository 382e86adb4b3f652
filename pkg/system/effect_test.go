package system

import (
	"testing"

	"github.com/ringplan/ringplan/pkg/manifest"
)

func TestClassify(t *testing.T) {
	s := System{Effects: []Effect{
		{File: "a.yaml", Op: manifest.Removed, Class: DestroysData},
		{File: "a.yaml", Path: "ring.size", Class: OneWay},
		{File: "a.yaml", Path: "*Key", Class: DestroysData},
		{File: "a.yaml", Path: "ring", Class: RingMovement},
		{File: "b.yaml", Path: "*", Class: Safe},
	}}
	tests := map[string]struct {
		change manifest.Change
		want   Class
	}{
		"a file that goes":         {manifest.Change{File: "west/a.yaml", Op: manifest.Removed}, DestroysData},
		"a file that comes":        {manifest.Change{File: "west/a.yaml", Op: manifest.Added}, RollingRestart},
		"the first that matches":   {manifest.Change{File: "west/a.yaml", Path: "ring.size", Op: manifest.Changed}, OneWay},
		"below a field":            {manifest.Change{File: "west/a.yaml", Path: "ring.size.now", Op: manifest.Changed}, OneWay},
		"an item of a list":        {manifest.Change{File: "west/a.yaml", Path: "ring.size[2]", Op: manifest.Changed}, OneWay},
		"beside it":                {manifest.Change{File: "west/a.yaml", Path: "ring.sizes", Op: manifest.Changed}, RingMovement},
		"not a part of a name":     {manifest.Change{File: "west/a.yaml", Path: "rings", Op: manifest.Changed}, RollingRestart},
		"any part before":          {manifest.Change{File: "west/a.yaml", Path: "envs[prod].kmsKey", Op: manifest.Changed}, DestroysData},
		"another file":             {manifest.Change{File: "west/b.yaml", Path: "ring.size", Op: manifest.Changed}, Safe},
		"a whole document":         {manifest.Change{File: "west/b.yaml", Document: "example.com/Thing x", Op: manifest.Removed}, RollingRestart},
		"a new object":             {manifest.Change{File: "west/z.yaml", Document: "example.com/Thing x", Op: manifest.Added}, Safe},
		"a release that comes":     {manifest.Change{File: "west/z.yaml", Document: "operator", Op: manifest.Added}, RollingRestart},
		"pods of a workload":       {manifest.Change{File: "west/z.yaml", Document: "apps/Deployment ns/x", Path: "spec.template.spec.a", Op: manifest.Changed}, RollingRestart},
		"beside its pods":          {manifest.Change{File: "west/z.yaml", Document: "apps/Deployment ns/x", Path: "metadata.labels.a", Op: manifest.Changed}, Safe},
		"a definition that goes":   {manifest.Change{File: "west/z.yaml", Document: "apiextensions.k8s.io/CustomResourceDefinition x", Op: manifest.Removed}, DestroysData},
		"a field of that name":     {manifest.Change{File: "west/z.yaml", Path: "spec.template", Op: manifest.Changed}, RollingRestart},
		"a map that goes":          {manifest.Change{File: "a.yaml", Path: "envs", Op: manifest.Removed, Old: map[string]any{"prod": []any{map[string]any{"kmsKey": "k"}}}}, DestroysData},
		"a map that comes":         {manifest.Change{File: "a.yaml", Path: "envs", Op: manifest.Added, New: map[string]any{"kmsKey": "k", "a": 1}}, DestroysData},
		"a map without":            {manifest.Change{File: "a.yaml", Path: "envs", Op: manifest.Added, New: map[string]any{"a": 1}}, RollingRestart},
		"a file that nobody knows": {manifest.Change{File: "c.yaml", Path: "a", Op: manifest.Changed}, RollingRestart},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := s.Classify(tt.change).Class; got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestWorse(t *testing.T) {
	for i, c := range Classes() {
		for j, d := range Classes() {
			if got := c.Worse(d); got != (i > j) {
				t.Errorf("%s is worse than %s: %v", c, d, got)
			}
		}
	}
}
