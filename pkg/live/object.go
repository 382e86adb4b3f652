package live

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// A resource is how a kind is addressed.
type resource struct {
	schema.GroupVersionResource
	namespaced bool
}

// access names what is wanted of a resource, as RBAC does.
func (r resource) access(verb, namespace, object string) access {
	return access{verb: verb, resource: r.GroupResource().String(), namespace: namespace, object: object}
}

// readObject gets one object.
func (c *cluster) readObject(ctx context.Context, o ObjectName, a *Answer) error {
	r, err := c.resource(ctx, o.Kind)
	if err != nil {
		if isNoKind(err) {
			a.Objects[o] = nil
		}
		return err
	}
	object, err := c.in(r, o.Namespace).Get(ctx, o.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		a.Objects[o] = nil
		return nil
	case err != nil:
		return c.fail(err, r.access("get", o.Namespace, o.Name))
	}
	a.Objects[o] = object.Object
	return nil
}

// readKind lists the objects of a kind.
func (c *cluster) readKind(ctx context.Context, kind Kind, a *Answer) error {
	r, err := c.resource(ctx, kind)
	if err != nil {
		if isNoKind(err) {
			a.Kinds[kind], a.unread[kind] = nil, err
			return nil
		}
		return err
	}
	var objects []map[string]any
	for opts := (metav1.ListOptions{Limit: pageSize}); ; {
		page, err := c.in(r, kind.Namespace).List(ctx, opts)
		if err != nil {
			return c.fail(err, r.access("list", kind.Namespace, ""))
		}
		for _, object := range page.Items {
			objects = append(objects, object.Object)
		}
		if opts.Continue = page.GetContinue(); opts.Continue == "" {
			break
		}
	}
	slices.SortFunc(objects, func(x, y map[string]any) int { return strings.Compare(nameOf(x), nameOf(y)) })
	a.Kinds[kind] = objects
	return nil
}

// pageSize is how many objects are asked for at a time.
const pageSize = 500

func nameOf(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	return name
}

// in returns what reads a resource in a namespace, or in the cluster where the
// resource knows no namespaces.
func (c *cluster) in(r resource, namespace string) dynamic.ResourceInterface {
	all := c.objects.Resource(r.GroupVersionResource)
	if !r.namespaced {
		return all
	}
	return all.Namespace(namespace)
}

// resource finds out how a kind is addressed. It asks once for each version.
func (c *cluster) resource(ctx context.Context, kind Kind) (resource, error) {
	kinds, asked := c.resources[kind.APIVersion]
	if !asked {
		var err error
		if kinds, err = c.discover(ctx, kind.APIVersion); err != nil {
			return resource{}, err
		}
		c.resources[kind.APIVersion] = kinds
	}
	r, ok := kinds[kind.Kind]
	if !ok {
		return resource{}, &Error{is: ErrNoKind, text: fmt.Sprintf("%s: the cluster does not know the kind %s of %s: install its definition first", c.place, kind.Kind, kind.APIVersion)}
	}
	return r, nil
}

// discover returns the kinds of a version; none, if the cluster does not know
// the version.
func (c *cluster) discover(ctx context.Context, apiVersion string) (map[string]resource, error) {
	version, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return nil, &Error{text: fmt.Sprintf("%s: %q is no version of an API", c.place, apiVersion)}
	}
	path := "/apis/" + apiVersion
	if version.Group == "" {
		path = "/api/" + apiVersion
	}
	body, err := c.raw.Get().AbsPath(path).SetHeader("Accept", "application/json").DoRaw(ctx)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, c.fail(err, access{verb: "get", resource: path})
	}
	var list metav1.APIResourceList
	if err := json.Unmarshal(body, &list); err != nil || list.Kind != "APIResourceList" {
		return nil, c.fail(errNoAnswer, access{verb: "get", resource: path})
	}
	kinds := map[string]resource{}
	for _, r := range list.APIResources {
		if !strings.Contains(r.Name, "/") { // which is a part of an object, such as its status
			kinds[r.Kind] = resource{version.WithResource(r.Name), r.Namespaced}
		}
	}
	return kinds, nil
}
