package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
)

// manager owns the fields that a run itself applies.
const manager = "conformance"

// Object is an object as it is in JSON.
type Object = map[string]any

// Read returns the documents of a YAML text.
func Read(text []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		object := new(unstructured.Unstructured)
		if err := object.UnmarshalJSON(raw); err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
}

// ReadFiles returns the documents of every file that the pattern matches.
func ReadFiles(pattern string) ([]*unstructured.Unstructured, error) {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no file %s", pattern)
	}
	var all []*unstructured.Unstructured
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		objects, err := Read(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, objects...)
	}
	return all, nil
}

// mapping finds the resource of a kind. To look for a kind that is not there is a
// lot of work for the server, so that is done once in a while.
func (c *Cluster) mapping(kind schema.GroupVersionKind) (*meta.RESTMapping, error) {
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if !meta.IsNoMatchError(err) {
		return mapping, err
	}
	c.mu.Lock()
	again := time.Since(c.reset) > time.Second
	if again {
		c.reset = time.Now()
		c.mapper.Reset() // a definition may have come since
	}
	c.mu.Unlock()
	if !again {
		return nil, err
	}
	return c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
}

// Resource returns the client of an object's resource.
func (c *Cluster) Resource(kind schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	mapping, err := c.mapping(kind)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return c.Client.Resource(mapping.Resource), nil
	}
	return c.Client.Resource(mapping.Resource).Namespace(namespace), nil
}

// Apply applies objects on the server's side, in their order.
func (c *Cluster) Apply(ctx context.Context, objects ...*unstructured.Unstructured) error {
	return c.ApplyAs(ctx, manager, objects...)
}

// ApplyAs applies objects in somebody else's name.
func (c *Cluster) ApplyAs(ctx context.Context, owner string, objects ...*unstructured.Unstructured) error {
	for _, object := range objects {
		if err := c.patch(ctx, object, metav1.PatchOptions{FieldManager: owner, Force: new(true)}); err != nil {
			return err
		}
	}
	return nil
}

// ApplyText applies the documents of a YAML text.
func (c *Cluster) ApplyText(ctx context.Context, text string) error {
	objects, err := Read([]byte(text))
	if err != nil {
		return err
	}
	return c.Apply(ctx, objects...)
}

// Accepts asks whether the API server would take an object, every field of it
// known to its definition. Nothing is changed.
func (c *Cluster) Accepts(ctx context.Context, object *unstructured.Unstructured) error {
	return c.patch(ctx, object, metav1.PatchOptions{
		FieldManager: manager, Force: new(true),
		DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
	})
}

func (c *Cluster) patch(ctx context.Context, object *unstructured.Unstructured, options metav1.PatchOptions) error {
	resource, err := c.Resource(object.GroupVersionKind(), object.GetNamespace())
	if err != nil {
		return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	text, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	if _, err := resource.Patch(ctx, object.GetName(), types.ApplyPatchType, text, options); err != nil {
		return fmt.Errorf("apply %s %s in %s: %w", object.GetKind(), object.GetName(), c.Name, err)
	}
	return nil
}

// Define applies resource definitions and waits until their kinds are listed.
func (c *Cluster) Define(ctx context.Context, definitions []*unstructured.Unstructured) error {
	if err := c.Apply(ctx, definitions...); err != nil {
		return err
	}
	return proc.Until(ctx, time.Minute, c.Name+" to list the kinds", func(context.Context) error {
		c.mapper.Reset()
		return c.lists(definitions)
	})
}

// lists tells whether the kinds of definitions can be found. The API server lists
// those that are established, a moment after they are.
func (c *Cluster) lists(definitions []*unstructured.Unstructured) error {
	var failed error
	for _, definition := range definitions {
		group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "kind")
		if group == "" {
			continue // not a definition
		}
		_, err := c.mapper.RESTMapping(schema.GroupKind{Group: group, Kind: kind})
		failed = errors.Join(failed, err)
	}
	return failed
}

// Condition is the status of a condition, or nothing.
func Condition(object *unstructured.Unstructured, kind string) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, each := range conditions {
		if condition, ok := each.(Object); ok && condition["type"] == kind {
			status, _ := condition["status"].(string)
			return status
		}
	}
	return ""
}

// Get returns an object.
func (c *Cluster) Get(ctx context.Context, kind schema.GroupVersionKind, namespace, name string) (*unstructured.Unstructured, error) {
	resource, err := c.Resource(kind, namespace)
	if err != nil {
		return nil, err
	}
	return resource.Get(ctx, name, metav1.GetOptions{})
}

// List returns all objects of a kind in a namespace, or in all, as they were a moment
// ago: they are watched from the first time on, as long as the cluster is used.
func (c *Cluster) List(ctx context.Context, kind schema.GroupVersionKind, namespace string) ([]unstructured.Unstructured, error) {
	mapping, err := c.mapping(kind)
	if err != nil {
		return nil, err
	}
	watched := c.watch(mapping.Resource)
	if !watched.HasSynced() {
		return nil, fmt.Errorf("it is not known yet which objects of kind %s there are", kind.Kind)
	}
	var list []unstructured.Unstructured
	for _, each := range watched.GetStore().List() {
		if object := each.(*unstructured.Unstructured); namespace == "" || object.GetNamespace() == namespace {
			list = append(list, *object.DeepCopy())
		}
	}
	slices.SortFunc(list, func(a, b unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	return list, ctx.Err()
}

// ListNow returns all objects of a kind in a namespace, or in all, as they are.
func (c *Cluster) ListNow(ctx context.Context, kind schema.GroupVersionKind, namespace string) ([]unstructured.Unstructured, error) {
	resource, err := c.Resource(kind, namespace)
	if err != nil {
		return nil, err
	}
	list, err := resource.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// watch returns what watches a resource.
func (c *Cluster) watch(resource schema.GroupVersionResource) cache.SharedIndexInformer {
	c.mu.Lock()
	defer c.mu.Unlock()
	watched, ok := c.watches[resource]
	if !ok {
		watched = dynamicinformer.NewFilteredDynamicInformer(c.Client, resource, metav1.NamespaceAll, 0, cache.Indexers{}, nil).Informer()
		c.watches[resource] = watched
		go watched.Run(c.done)
	}
	return watched
}

// Until waits until an object is there and as wanted.
func (c *Cluster) Until(ctx context.Context, limit time.Duration, kind schema.GroupVersionKind, namespace, name, what string,
	wanted func(*unstructured.Unstructured) error,
) error {
	return proc.Until(ctx, limit, fmt.Sprintf("%s %s of %s to be %s", kind.Kind, name, c.Name, what), func(ctx context.Context) error {
		object, err := c.Get(ctx, kind, namespace, name)
		if err != nil {
			return err
		}
		return wanted(object)
	})
}
