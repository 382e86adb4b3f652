// Package release says what Helm releases are made of and what they render. It
// knows nothing of Helm: a chart is what renders releases.
package release

import (
	"io/fs"
	"slices"
	"strings"
)

// A Release is one Helm release of a region.
type Release struct {
	Name      string
	Namespace string
	Chart     string
	Version   string
	// Values are those of its values files, and Set its --set arguments.
	Values map[string]any
	Set    map[string]string
}

// A Cluster is what charts may ask about the cluster. Empty fields mean what
// Helm takes without a cluster.
type Cluster struct {
	Version     string
	APIVersions []string
}

// A Chart renders releases. It may be used from several goroutines at once.
type Chart interface {
	// Render renders a release. Without a cluster to ask, lookups find nothing,
	// and what is made by chance or from the clock is the same every time.
	Render(Release, Cluster) Rendering
	// Unread lists the paths of values of a release that no template of the
	// chart reads.
	Unread(Release) []string
	// Unstable lists the calls of functions whose result is not the same every
	// time, or in every cluster.
	Unstable() []Unstable
	// Definitions returns the custom resource definitions that the chart keeps,
	// wherever it does, as they stand there.
	Definitions() ([]Object, error)
	// Files returns the chart's files.
	Files() fs.FS
}

// Definition is the kind of custom resource definitions.
const Definition = "CustomResourceDefinition"

// An Unstable is a call in a template.
type Unstable struct {
	Function string `json:"function"`
	Template string `json:"template"`
	Line     int    `json:"line"`
	// Roots are the templates whose output depends on the call.
	Roots []string `json:"-"`
}

// A Rendering is what a release renders, in the order in which Helm installs
// it.
type Rendering struct {
	Objects []Object
	// Hooks run at events of the release, and are no part of it.
	Hooks []Object
	// Definitions are those that Helm installs itself, from the chart's crds/.
	Definitions []Object
	Problems    []Problem
	// Merged are the values of the release, laid over the chart's own.
	Merged map[string]any
}

// An Object is one rendered document. Whole numbers are int64, others float64.
type Object struct {
	Doc map[string]any
	// Template is the file of the chart that it is from.
	Template string
	// Hook is set for a hook.
	Hook *Hook
}

// A Hook says when Helm runs an object.
type Hook struct {
	Events   []string
	Weight   int
	Policies []string
}

// A Problem is what a chart, or a check of what it rendered, has against a
// release.
type Problem struct {
	// Code is that of the rule.
	Code string
	// Value is the path of the value that decides, such as
	// cassandra.storage.storageSize; "" if none does. It may have * for a part.
	Value string
	// Object names the object that it is about, if it is about one.
	Object  string
	Message string
	Hint    string
	// Mild makes a warning of an error.
	Mild bool
}

// APIVersion returns the group and version of the object.
func (o Object) APIVersion() string { return Text(o.Doc, "apiVersion") }

// Group returns the API group; "" for the core.
func (o Object) Group() string {
	group, _, ok := strings.Cut(o.APIVersion(), "/")
	if !ok {
		return ""
	}
	return group
}

// Kind returns the kind of the object.
func (o Object) Kind() string { return Text(o.Doc, "kind") }

// Name returns the name of the object.
func (o Object) Name() string { return Text(o.Doc, "metadata", "name") }

// Namespace returns the namespace that the object names.
func (o Object) Namespace() string { return Text(o.Doc, "metadata", "namespace") }

// String returns the kind and the name, as kubectl shows them.
func (o Object) String() string { return o.Kind() + "/" + o.Name() }

// clusterScoped are the kinds of Kubernetes itself, and of what Apigee's charts
// use, that belong to no namespace [K8S].
var clusterScoped = []string{
	"APIService", "CSIDriver", "ClusterIssuer", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "IngressClass",
	"MutatingWebhookConfiguration", "Namespace", "Node", "PersistentVolume", "PriorityClass", "RuntimeClass", "SecurityContextConstraints",
	"StorageClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration", "VolumeSnapshotClass",
}

// ID tells the object from all others of a cluster: group, kind, namespace and
// name. An object that names no namespace is in that of its release.
func (o Object) ID(release string) string {
	namespace := o.Namespace()
	switch {
	case slices.Contains(clusterScoped, o.Kind()):
		namespace = ""
	case namespace == "":
		namespace = release
	}
	return strings.Join([]string{o.Group(), o.Kind(), namespace, o.Name()}, "/")
}

// Lookup follows keys through the document.
func (o Object) Lookup(keys ...string) (any, bool) { return Lookup(o.Doc, keys...) }

// Lookup follows keys through plain maps.
func Lookup(m map[string]any, keys ...string) (value any, found bool) {
	value = m
	for _, key := range keys {
		inner, _ := value.(map[string]any)
		if value, found = inner[key]; !found {
			return nil, false
		}
	}
	return value, true
}

// Text returns a string in plain maps, or "".
func Text(m map[string]any, keys ...string) string {
	value, _ := Lookup(m, keys...)
	s, _ := value.(string)
	return s
}
