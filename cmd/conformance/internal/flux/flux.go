// Package flux starts Flux's kustomize-controller.
package flux

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/ringplan/ringplan/cmd/conformance/internal/cluster"
	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
)

// Namespace is where Flux's objects are.
const Namespace = "flux-system"

// Kustomization is the kind that the controller carries out.
var Kustomization = schema.GroupVersionKind{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Kind: "Kustomization"}

// Controller is a running kustomize-controller.
type Controller struct {
	start   func() (*proc.Process, error)
	process *proc.Process
}

// Start starts the controller on a cluster, with its own files below the folder.
func Start(group *proc.Group, path string, hub *cluster.Cluster, folder string) (*Controller, error) {
	ports, err := proc.Ports(2)
	if err != nil {
		return nil, err
	}
	scratch := filepath.Join(folder, "kustomize-controller")
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return nil, err
	}
	c := &Controller{start: func() (*proc.Process, error) {
		return group.Start(proc.Spec{
			Name: "kustomize-controller", Path: path,
			Args: []string{
				fmt.Sprintf("--metrics-addr=127.0.0.1:%d", ports[0]), fmt.Sprintf("--health-addr=127.0.0.1:%d", ports[1]),
				"--watch-all-namespaces=true", "--requeue-dependency=500ms", "--interval-jitter-percentage=0", "--http-retry=2",
				"--feature-gates=ExternalArtifact=true", "--log-level=info",
			},
			Env: []string{"KUBECONFIG=" + hub.Kubeconfig(), "RUNTIME_NAMESPACE=" + Namespace, "TMPDIR=" + scratch},
		})
	}}
	c.process, err = c.start()
	return c, err
}

// Restart kills the controller, and starts it again.
func (c *Controller) Restart() error {
	c.process.Kill()
	var err error
	c.process, err = c.start()
	return err
}

// Message is what a Flux object says of itself.
func Message(object *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, each := range conditions {
		if condition, ok := each.(cluster.Object); ok && condition["type"] == "Ready" {
			return fmt.Sprint(condition["message"])
		}
	}
	return "it has no condition yet"
}
