package helm

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/chartutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/ringplan/ringplan/cmd/conformance/internal/cluster"
)

// reference names another object.
type reference struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	ReadyExpr string `json:"readyExpr"`
	ValuesKey string `json:"valuesKey"`
	Target    string `json:"targetPath"`
	Optional  bool   `json:"optional"`
}

// spec is what is honoured of a HelmRelease.
type spec struct {
	ReleaseName      string           `json:"releaseName"`
	TargetNamespace  string           `json:"targetNamespace"`
	StorageNamespace string           `json:"storageNamespace"`
	Timeout          *metav1.Duration `json:"timeout"`
	KubeConfig       *struct {
		SecretRef struct {
			Name string `json:"name"`
			Key  string `json:"key"`
		} `json:"secretRef"`
	} `json:"kubeConfig"`
	ChartRef *reference `json:"chartRef"`
	Chart    *struct {
		Spec struct {
			Chart             string    `json:"chart"`
			ReconcileStrategy string    `json:"reconcileStrategy"`
			SourceRef         reference `json:"sourceRef"`
		} `json:"spec"`
	} `json:"chart"`
	DependsOn        []reference    `json:"dependsOn"`
	ValuesFrom       []reference    `json:"valuesFrom"`
	Values           map[string]any `json:"values"`
	HealthCheckExprs []health       `json:"healthCheckExprs"`
	PostRenderers    []struct {
		Kustomize struct {
			Patches []map[string]any `json:"patches"`
			Images  []map[string]any `json:"images"`
		} `json:"kustomize"`
	} `json:"postRenderers"`
}

// settle fills in what is not said.
func (s *spec) settle(object *unstructured.Unstructured) {
	if s.TargetNamespace == "" {
		s.TargetNamespace = object.GetNamespace()
	}
	if s.StorageNamespace == "" {
		s.StorageNamespace = object.GetNamespace()
	}
	if s.ReleaseName == "" {
		s.ReleaseName = object.GetName()
	}
	if s.Timeout == nil {
		s.Timeout = &metav1.Duration{Duration: 5 * time.Minute}
	}
}

func (s *spec) String() string { return s.TargetNamespace + "/" + s.ReleaseName }

// values lays the values of the sources over each other, the later over the
// earlier, and the object's own over all.
func (c *Controller) values(ctx context.Context, namespace string, s *spec) (map[string]any, error) {
	all := map[string]any{}
	for _, from := range s.ValuesFrom {
		if from.Target != "" {
			return nil, fmt.Errorf("valuesFrom %s: targetPath is not supported here", from.Name)
		}
		text, err := c.text(ctx, namespace, from)
		if err != nil {
			return nil, fmt.Errorf("valuesFrom %s %s: %w", from.Kind, from.Name, err)
		}
		values, err := chartutil.ReadValues(text)
		if err != nil {
			return nil, fmt.Errorf("valuesFrom %s %s: %w", from.Kind, from.Name, err)
		}
		all = chartutil.MergeTables(values, all)
	}
	return chartutil.MergeTables(copied(s.Values), all), nil
}

// copied is a copy of values, since merging changes what it is given.
func copied(values map[string]any) map[string]any {
	if values == nil {
		return map[string]any{}
	}
	return (&unstructured.Unstructured{Object: values}).DeepCopy().Object
}

// text is what a ConfigMap or a Secret holds under the key of the reference.
func (c *Controller) text(ctx context.Context, namespace string, from reference) ([]byte, error) {
	name := from.ValuesKey
	if name == "" {
		name = "values.yaml"
	}
	return dataOf(ctx, c.hub, from.Kind, namespace, from.Name, name)
}

func dataOf(ctx context.Context, c *cluster.Cluster, kind, namespace, name string, keys ...string) ([]byte, error) {
	object, err := c.Get(ctx, schema.GroupVersionKind{Version: "v1", Kind: kind}, namespace, name)
	if err != nil {
		return nil, err
	}
	for _, each := range keys {
		text, found, _ := unstructured.NestedString(object.Object, "data", each)
		switch {
		case !found:
		case kind == "Secret":
			return base64.StdEncoding.DecodeString(text)
		default:
			return []byte(text), nil
		}
	}
	return nil, fmt.Errorf("it has none of the keys %q", keys)
}
