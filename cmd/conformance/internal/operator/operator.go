// Package operator stands in for the operator of Apigee hybrid: it moves the
// status of its objects as the real one is documented to, and keeps a log of what
// it was told.
package operator

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/ringplan/ringplan/cmd/conformance/internal/cluster"
)

// every is how often an operator looks.
const every = 250 * time.Millisecond

// Kind is a kind of the operator's group.
func Kind(kind, version string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "apigee.cloud.google.com", Version: version, Kind: kind}
}

// The kinds that an operator serves.
var (
	Datastore    = Kind("ApigeeDatastore", "v1alpha1")
	Replication  = Kind("CassandraDataReplication", "v1alpha1")
	Organization = Kind("ApigeeOrganization", "v1alpha2")
	others       = []schema.GroupVersionKind{
		Organization, Kind("ApigeeEnvironment", "v1alpha2"), Kind("ApigeeTelemetry", "v1alpha2"),
		Kind("ApigeeRedis", "v1alpha1"), Kind("ApigeeRouteConfig", "v1alpha1"),
	}
)

// Operator is the operator of one region.
type Operator struct {
	machine   *Machine
	cluster   *cluster.Cluster
	namespace string
}

// Start begins to serve a namespace, until the context is done.
func Start(ctx context.Context, c *cluster.Cluster, namespace string, machine *Machine) *Operator {
	o := &Operator{machine: machine, cluster: c, namespace: namespace}
	go o.run(ctx)
	return o
}

// run goes on whatever fails: definitions come late, and the API server may be
// away for a while.
func (o *Operator) run(ctx context.Context) {
	for ctx.Err() == nil {
		if look, err := o.look(ctx); err == nil {
			for _, answer := range o.machine.Step(time.Now(), look) {
				_ = o.write(ctx, answer)
			}
			_ = o.pods(ctx, look)
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}

func (o *Operator) look(ctx context.Context) (Look, error) {
	var look Look
	datastores, err := o.list(ctx, Datastore)
	if err != nil {
		return look, err
	}
	if len(datastores) > 0 {
		look.Datastore = &datastores[0]
	}
	if look.Replications, err = o.list(ctx, Replication); err != nil {
		return look, err
	}
	for _, kind := range others {
		objects, err := o.list(ctx, kind)
		if err != nil {
			return look, err
		}
		look.Others = append(look.Others, objects...)
	}
	return look, nil
}

func (o *Operator) list(ctx context.Context, kind schema.GroupVersionKind) ([]unstructured.Unstructured, error) {
	objects, err := o.cluster.List(ctx, kind, o.namespace)
	if meta.IsNoMatchError(err) { // which is another thing than not knowing
		return nil, nil
	}
	return objects, err
}

// write writes the status and the finalizers of an object, if they are others.
func (o *Operator) write(ctx context.Context, answer Answer) error {
	object := answer.Object
	resource, err := o.cluster.Resource(object.GroupVersionKind(), object.GetNamespace())
	if err != nil {
		return err
	}
	var failed error
	if have, _, _ := unstructured.NestedMap(object.Object, "status"); answer.Status != nil && !reflect.DeepEqual(have, answer.Status) {
		changed := object.DeepCopy()
		changed.Object["status"] = answer.Status
		after, err := resource.UpdateStatus(ctx, changed, metav1.UpdateOptions{})
		if failed = err; err == nil {
			object = after
		}
	}
	if sameFinalizers(object.GetFinalizers(), answer.Finalizers) {
		return failed
	}
	changed := object.DeepCopy()
	changed.SetFinalizers(answer.Finalizers)
	_, err = resource.Update(ctx, changed, metav1.UpdateOptions{})
	return errors.Join(failed, err)
}

func sameFinalizers(have, want []string) bool {
	return len(have) == 0 && len(want) == 0 || reflect.DeepEqual(have, want)
}

// pods keeps the Cassandra pods of a datastore that runs, so that whoever asks for
// their addresses finds them. There are no nodes for them to run on.
func (o *Operator) pods(ctx context.Context, look Look) error {
	resource, err := o.cluster.Resource(podKind, o.namespace)
	if err != nil {
		return err
	}
	there, err := o.list(ctx, podKind)
	if err != nil {
		return err
	}
	there = slices.DeleteFunc(there, func(pod unstructured.Unstructured) bool { return pod.GetLabels()["app"] != cassandraApp })
	if look.Datastore == nil {
		if len(there) == 0 {
			return nil
		}
		at := int64(0) // there is no node that would confirm it
		return resource.DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &at}, metav1.ListOptions{LabelSelector: "app=" + cassandraApp})
	}
	if !o.machine.joined {
		return nil
	}
	for i, address := range o.machine.Addresses(o.machine.replicas(look.Datastore)) {
		if slices.ContainsFunc(there, func(pod unstructured.Unstructured) bool { return pod.GetName() == podName(i) }) {
			continue
		}
		pod, err := resource.Create(ctx, cassandraPod(o.namespace, podName(i)), metav1.CreateOptions{})
		if err != nil {
			return err
		}
		pod.Object["status"] = podStatus(address)
		if _, err := resource.UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

const cassandraApp = "apigee-cassandra"

var podKind = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}

func cassandraPod(namespace, name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": name, "namespace": namespace, "labels": map[string]any{"app": cassandraApp}},
		"spec": map[string]any{
			"nodeName":   "nowhere",
			"containers": []any{map[string]any{"name": "apigee-cassandra", "image": "cassandra.invalid/none"}},
		},
	}}
}

func podStatus(address string) map[string]any {
	return map[string]any{
		"phase": "Running", "podIP": address, "podIPs": []any{map[string]any{"ip": address}},
		"conditions": []any{map[string]any{"type": "Ready", "status": "True"}},
	}
}
