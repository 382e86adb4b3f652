// Package helm stands in for Flux's helm-controller: it carries out HelmReleases
// with Helm's library.
package helm

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/ringplan/ringplan/cmd/conformance/internal/cluster"
	"github.com/ringplan/ringplan/cmd/conformance/internal/repo"
)

const (
	every     = 500 * time.Millisecond
	finalizer = "finalizers.fluxcd.io"
)

// Release is the kind that is carried out.
var Release = schema.GroupVersionKind{Group: "helm.toolkit.fluxcd.io", Version: "v2", Kind: "HelmRelease"}

// Controller carries out the HelmReleases of a cluster.
type Controller struct {
	hub    *cluster.Cluster
	charts charts
	mu     sync.Mutex
	busy   map[string]bool
	done   map[string]string // what was carried out last, by object
	seen   map[string]string // at what it was found to be as it should be
}

// Start begins, with files below the folder, until the context is done. Charts are
// those of the repository; a chart of a registry is the one of that name in the
// repository's folder of charts.
func Start(ctx context.Context, hub *cluster.Cluster, repository *repo.Repo, folder string) *Controller {
	c := &Controller{
		hub: hub, charts: charts{repository: repository, folder: folder},
		busy: map[string]bool{}, done: map[string]string{}, seen: map[string]string{},
	}
	go func() {
		for ctx.Err() == nil {
			_ = c.look(ctx) // the API server may be away for a while
			select {
			case <-ctx.Done():
			case <-time.After(every):
			}
		}
	}()
	return c
}

// Forget forgets what was carried out, as a controller does that starts again.
func (c *Controller) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done, c.seen = map[string]string{}, map[string]string{}
}

// look begins to carry out every object that nobody is busy with.
func (c *Controller) look(ctx context.Context) error {
	objects, err := c.hub.List(ctx, Release, "")
	if err != nil {
		return err
	}
	known := map[string]*unstructured.Unstructured{}
	for i := range objects {
		known[key(&objects[i])] = &objects[i]
	}
	for name, object := range known {
		c.mu.Lock()
		busy := c.busy[name]
		c.busy[name] = true
		c.mu.Unlock()
		if busy {
			continue
		}
		go func() {
			err := c.reconcile(ctx, object, known)
			_ = c.report(ctx, object, err)
			c.mu.Lock()
			c.busy[name] = false
			c.mu.Unlock()
		}()
	}
	return nil
}

func key(object *unstructured.Unstructured) string {
	return object.GetNamespace() + "/" + object.GetName()
}

// errUnchanged says that there was nothing to do, and nothing to report.
var errUnchanged = errors.New("unchanged")

// reconcile brings one release to where its object says.
func (c *Controller) reconcile(ctx context.Context, object *unstructured.Unstructured, known map[string]*unstructured.Unstructured) error {
	stand := fmt.Sprint(object.GetUID(), object.GetGeneration(), c.charts.repository.Head())
	if object.GetDeletionTimestamp() == nil && c.stands(object, stand) {
		return errUnchanged
	}
	var read struct {
		Spec spec `json:"spec"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &read); err != nil {
		return err
	}
	s := &read.Spec
	s.settle(object)
	client, err := c.client(ctx, object.GetNamespace(), s)
	if err != nil {
		return err
	}
	if object.GetDeletionTimestamp() != nil {
		return c.remove(ctx, object, client, s)
	}
	if err := c.keep(ctx, object); err != nil {
		return err
	}
	if err := waits(object, s, known); err != nil {
		return err
	}
	return c.install(ctx, object, client, s, stand)
}

// stands tells whether nothing has changed since a release was found to be as it
// should be; the name of its values changes with what they say.
func (c *Controller) stands(object *unstructured.Unstructured, stand string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Current(object) && c.seen[key(object)] == stand
}

// install installs or upgrades a release unless it is as it should be.
func (c *Controller) install(ctx context.Context, object *unstructured.Unstructured, client *client, s *spec, stand string) error {
	values, err := c.values(ctx, object.GetNamespace(), s)
	if err != nil {
		return err
	}
	loaded, revision, err := c.charts.load(ctx, c.hub, object.GetNamespace(), s)
	if err != nil {
		return err
	}
	text, err := json.Marshal([]any{revision, values, s})
	if err != nil {
		return err
	}
	digest := fmt.Sprintf("%x", sha256.Sum256(text))
	c.mu.Lock()
	same := c.done[key(object)] == digest
	c.mu.Unlock()
	if same && Current(object) {
		c.mu.Lock()
		c.seen[key(object)] = stand
		c.mu.Unlock()
		return errUnchanged
	}
	if !same {
		if err := client.apply(ctx, s, loaded, values); err != nil {
			return err
		}
		c.mu.Lock()
		c.done[key(object)] = digest
		c.mu.Unlock()
	}
	return client.healthy(ctx, s)
}

// Current tells whether an object is ready, in the generation that it has.
func Current(object *unstructured.Unstructured) bool {
	observed, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	return observed == object.GetGeneration() && cluster.Condition(object, "Ready") == "True"
}

// waits returns an error while a release that the object depends on is not ready,
// or not what an expression says of it.
func waits(object *unstructured.Unstructured, s *spec, known map[string]*unstructured.Unstructured) error {
	for _, each := range s.DependsOn {
		namespace := each.Namespace
		if namespace == "" {
			namespace = object.GetNamespace()
		}
		before, ok := known[namespace+"/"+each.Name]
		if !ok {
			return fmt.Errorf("dependency %s/%s is not there", namespace, each.Name)
		}
		ready, err := Current(before), error(nil)
		if each.ReadyExpr != "" {
			ready, err = evaluate(each.ReadyExpr, map[string]any{"self": object.Object, "dep": before.Object})
		}
		if err != nil || !ready {
			return errors.Join(fmt.Errorf("dependency %s/%s is not ready", namespace, each.Name), err)
		}
	}
	return nil
}

// keep sees that the object does not go before its release.
func (c *Controller) keep(ctx context.Context, object *unstructured.Unstructured) error {
	if len(object.GetFinalizers()) > 0 {
		return nil
	}
	return c.finalizers(ctx, object, finalizer)
}

func (c *Controller) finalizers(ctx context.Context, object *unstructured.Unstructured, names ...string) error {
	resource, err := c.hub.Resource(Release, object.GetNamespace())
	if err != nil {
		return err
	}
	changed := object.DeepCopy()
	changed.SetFinalizers(names)
	after, err := resource.Update(ctx, changed, metav1.UpdateOptions{})
	if err == nil {
		object.Object = after.Object
	}
	return err
}

// remove uninstalls a release and lets its object go.
func (c *Controller) remove(ctx context.Context, object *unstructured.Unstructured, client *client, s *spec) error {
	if err := client.uninstall(s); err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.done, key(object))
	c.mu.Unlock()
	if err := c.finalizers(ctx, object); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return errUnchanged
}

// report writes how it went into the status.
func (c *Controller) report(ctx context.Context, object *unstructured.Unstructured, result error) error {
	if errors.Is(result, errUnchanged) {
		return nil
	}
	status, reason, message := metav1.ConditionTrue, "UpgradeSucceeded", "it is as it should be"
	if result != nil {
		status, reason, message = metav1.ConditionFalse, "NotReady", result.Error()
	}
	resource, err := c.hub.Resource(Release, object.GetNamespace())
	if err != nil {
		return err
	}
	newest, err := resource.Get(ctx, object.GetName(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	conditions := []metav1.Condition{}
	meta.SetStatusCondition(&conditions, metav1.Condition{
		Type: "Ready", Status: status, Reason: reason, Message: message, ObservedGeneration: object.GetGeneration(),
	})
	list, err := plain(conditions)
	if err != nil {
		return err
	}
	newest.Object["status"] = map[string]any{"observedGeneration": object.GetGeneration(), "conditions": list}
	_, err = resource.UpdateStatus(ctx, newest, metav1.UpdateOptions{})
	return err
}

// plain is a value as JSON has it.
func plain(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var out any
	return out, json.Unmarshal(text, &out)
}
