package release

import (
	"slices"
	"testing"
)

func TestObject(t *testing.T) {
	type m = map[string]any
	whole := Object{Doc: m{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": m{"name": "web", "namespace": "prod"}, "spec": m{"replicas": int64(3), "none": nil}}}
	tests := map[string]struct {
		object                                 Object
		version, group, kind, name, ns, string string
	}{
		"whole":    {whole, "apps/v1", "apps", "Deployment", "web", "prod", "Deployment/web"},
		"core":     {object("v1 Service web"), "v1", "", "Service", "web", "", "Service/web"},
		"nothing":  {Object{}, "", "", "", "", "", "/"},
		"no texts": {Object{Doc: m{"apiVersion": int64(1), "kind": nil, "metadata": []any{"web"}}}, "", "", "", "", "", "/"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := tt.object
			got := []string{o.APIVersion(), o.Group(), o.Kind(), o.Name(), o.Namespace(), o.String()}
			if want := []string{tt.version, tt.group, tt.kind, tt.name, tt.ns, tt.string}; !slices.Equal(want, got) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestLookup(t *testing.T) {
	type m = map[string]any
	o := Object{Doc: m{"spec": m{"replicas": int64(3), "none": nil, "list": []any{m{"a": 1}}}}}
	for name, tt := range map[string]struct {
		keys  []string
		want  any
		found bool
	}{
		"there":        {[]string{"spec", "replicas"}, int64(3), true},
		"null":         {[]string{"spec", "none"}, nil, true},
		"not there":    {[]string{"spec", "x"}, nil, false},
		"above":        {[]string{"x", "replicas"}, nil, false},
		"below a text": {[]string{"spec", "replicas", "x"}, nil, false},
		"below null":   {[]string{"spec", "none", "x"}, nil, false},
		"below a list": {[]string{"spec", "list", "a"}, nil, false},
	} {
		if got, found := o.Lookup(tt.keys...); got != tt.want || found != tt.found {
			t.Errorf("%s: got %v, %v", name, got, found)
		}
	}
}

func TestID(t *testing.T) {
	for text, want := range map[string]string{
		"apps/v1 Deployment web":                           "apps/Deployment/apigee/web",
		"apps/v1 Deployment prod/web":                      "apps/Deployment/prod/web",
		"v1 Service web":                                   "/Service/apigee/web",
		"v1 Namespace web":                                 "/Namespace//web",
		"v1 Namespace prod/web":                            "/Namespace//web",
		"rbac.authorization.k8s.io/v1 ClusterRole web":     "rbac.authorization.k8s.io/ClusterRole//web",
		"rbac.authorization.k8s.io/v1 Role web":            "rbac.authorization.k8s.io/Role/apigee/web",
		"apiextensions.k8s.io/v1 " + Definition + " a.b.c": "apiextensions.k8s.io/CustomResourceDefinition//a.b.c",
		"cert-manager.io/v1 ClusterIssuer web":             "cert-manager.io/ClusterIssuer//web",
		"cert-manager.io/v1 Issuer web":                    "cert-manager.io/Issuer/apigee/web",
	} {
		if got := object(text).ID("apigee"); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if !slices.IsSorted(clusterScoped) {
		t.Error("the kinds are not in order")
	}
}
