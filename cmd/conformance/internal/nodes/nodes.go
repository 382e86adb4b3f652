// Package nodes stands in for the nodes of a cluster and for cert-manager: what
// would run there is said to run, and certificates are said to be issued.
package nodes

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/ringplan/ringplan/cmd/conformance/internal/cluster"
)

const every = 500 * time.Millisecond

// Definitions returns the namespace of cert-manager and definitions of those of its
// kinds that charts render, open to any field.
func Definitions() string {
	text := "{apiVersion: v1, kind: Namespace, metadata: {name: cert-manager}}"
	for kind, scope := range map[string]string{"Certificate": "Namespaced", "Issuer": "Namespaced", "ClusterIssuer": "Cluster"} {
		text += fmt.Sprintf(definition, strings.ToLower(kind), kind, scope)
	}
	return text
}

// definition is that of a kind, given its singular, its name and its scope.
const definition = `
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[1]ss.cert-manager.io}
spec:
  group: cert-manager.io
  scope: %[3]s
  names: {kind: %[2]s, listKind: %[2]sList, plural: %[1]ss, singular: %[1]s}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// others maps a kind that is no pod to the status that says that all is well.
var others = map[schema.GroupVersionKind]func(*unstructured.Unstructured) map[string]any{
	{Version: "v1", Kind: "Service"}:                                       balanced,
	{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}: scaled,
	{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"}:         ready,
	{Group: "cert-manager.io", Version: "v1", Kind: "Issuer"}:              ready,
	{Group: "cert-manager.io", Version: "v1", Kind: "ClusterIssuer"}:       ready,
}

// Start begins to say so in a cluster, until the context is done. Network is the
// first three numbers of the addresses that pods get.
func Start(ctx context.Context, c *cluster.Cluster, network string) {
	statuses := map[schema.GroupVersionKind]func(*unstructured.Unstructured) map[string]any{
		{Version: "v1", Kind: "Pod"}: func(object *unstructured.Unstructured) map[string]any { return live(object, network) },
	}
	maps.Copy(statuses, others)
	go func() {
		for ctx.Err() == nil {
			for kind, status := range statuses {
				_ = each(ctx, c, kind, status) // the API server may be away for a while
			}
			select {
			case <-ctx.Done():
			case <-time.After(every):
			}
		}
	}()
}

func each(ctx context.Context, c *cluster.Cluster, kind schema.GroupVersionKind, status func(*unstructured.Unstructured) map[string]any) error {
	objects, err := c.List(ctx, kind, "")
	if err != nil {
		return err
	}
	for i := range objects {
		object := &objects[i]
		wanted := status(object)
		if wanted == nil {
			continue
		}
		object.Object["status"] = wanted
		resource, err := c.Resource(kind, object.GetNamespace())
		if err != nil {
			return err
		}
		if _, err := resource.UpdateStatus(ctx, object, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// holds is a condition that is true.
func holds(kind string) map[string]any {
	now := time.Now().UTC().Format(time.RFC3339)
	return map[string]any{"type": kind, "status": "True", "reason": "Said", "lastTransitionTime": now}
}

// live says that a pod runs if a workload that goes on has made it, and else that
// it has ended well, as those of hooks and jobs do. Pods that have a node are
// somebody else's.
func live(object *unstructured.Unstructured, network string) map[string]any {
	node, _, _ := unstructured.NestedString(object.Object, "spec", "nodeName")
	phase, _, _ := unstructured.NestedString(object.Object, "status", "phase")
	if node != "" || phase == "Running" || phase == "Succeeded" {
		return nil
	}
	for _, owner := range object.GetOwnerReferences() {
		if owner.Kind == "ReplicaSet" || owner.Kind == "StatefulSet" {
			address := fmt.Sprintf("%s.%d", network, 100+len(object.GetName())%100)
			return map[string]any{
				"phase": "Running", "conditions": []any{holds("Ready")},
				"podIP": address, "podIPs": []any{map[string]any{"ip": address}},
			}
		}
	}
	return map[string]any{"phase": "Succeeded"}
}

func balanced(object *unstructured.Unstructured) map[string]any {
	kind, _, _ := unstructured.NestedString(object.Object, "spec", "type")
	if has, _, _ := unstructured.NestedMap(object.Object, "status", "loadBalancer"); kind != "LoadBalancer" || len(has) > 0 {
		return nil
	}
	return map[string]any{"loadBalancer": map[string]any{"ingress": []any{map[string]any{"ip": "192.0.2.1"}}}}
}

func scaled(object *unstructured.Unstructured) map[string]any {
	if cluster.Condition(object, "AbleToScale") == "True" {
		return nil
	}
	least, _, _ := unstructured.NestedInt64(object.Object, "spec", "minReplicas")
	return map[string]any{
		"currentReplicas": least, "desiredReplicas": least,
		"conditions": []any{holds("AbleToScale"), holds("ScalingActive")},
	}
}

func ready(object *unstructured.Unstructured) map[string]any {
	if cluster.Condition(object, "Ready") == "True" {
		return nil
	}
	condition := holds("Ready")
	condition["observedGeneration"] = object.GetGeneration()
	return map[string]any{"conditions": []any{condition}}
}
