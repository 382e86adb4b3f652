// Package topology holds the validated model of a topology file: one ring, its
// regions, and the defaults that were filled in. It knows no file format and
// no system; a system reads what is particular to it with [Topology.Decode].
package topology

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
)

// A Topology is one ring and its regions.
type Topology struct {
	Metadata Metadata `json:"metadata"`
	Spec     Spec     `json:"spec"`

	// Dir is the folder that relative paths in the topology start from.
	Dir string `json:"-"`
	// ComponentDigests holds the digest of the files of each component of an
	// overlay, by its folder.
	ComponentDigests map[string]string `json:"-"`
	// Located holds where charts were found in the folder of charts, relative to
	// it; a chart that is not there has a folder of its name.
	Located map[string]string `json:"-"`
	// Pinned holds the digests of charts that are locked: of a repository, those
	// that they are fetched by.
	Pinned map[string]string `json:"-"`
	// Platforms holds what is known of every platform.
	Platforms Platforms `json:"-"`

	raw     json.RawMessage
	locator Locator
}

// A Locator finds the place of a field, such as spec.regions[1].seedHost, in
// the user's files. For a field that is not there it answers with the place of
// the nearest field above it.
type Locator interface{ Locate(path string) diag.Pos }

// Metadata names a topology.
type Metadata struct {
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// Spec is what every system's spec shares.
type Spec struct {
	System     string     `json:"system"`
	Version    string     `json:"version"`
	Charts     Charts     `json:"charts"`
	Delivery   []string   `json:"delivery"`
	Repository Repository `json:"repository"`
	Flux       Flux       `json:"flux"`
	ArgoCD     ArgoCD     `json:"argocd"`
	Namespace  string     `json:"namespace"`
	Cassandra  Cassandra  `json:"cassandra"`
	Overlay    Overlay    `json:"overlay"`
	Values     Values     `json:"values"`
	Regions    []Region   `json:"regions"`
}

// Charts says where charts come from: an OCI repository or a folder.
type Charts struct {
	Repository string `json:"repository"`
	Path       string `json:"path"`
}

// Cassandra is what the whole ring shares.
type Cassandra struct {
	RegionCassandra
	ClusterName string `json:"clusterName"`
	Auth        Auth   `json:"auth"`
	Backup      Backup `json:"backup"`
}

// Auth refers to the database users' passwords; at most one field is set.
type Auth struct {
	Secret              string `json:"secret"`
	SecretProviderClass string `json:"secretProviderClass"`
}

// Backup says how the ring is backed up; at most one field is set.
type Backup struct {
	GCS    *BackupGCS    `json:"gcs"`
	Remote *BackupRemote `json:"remote"`
	CSI    *BackupCSI    `json:"csi"`
}

// None reports whether no backup is configured.
func (b Backup) None() bool { return b.GCS == nil && b.Remote == nil && b.CSI == nil }

// BackupGCS backs up to a Cloud Storage bucket.
type BackupGCS struct {
	Bucket string `json:"bucket"`
	// Secret holds the key of its service account; empty for the system's own
	// way to authenticate.
	Secret   string `json:"secret"`
	Schedule string `json:"schedule"`
}

// BackupRemote backs up to a server over SSH.
type BackupRemote struct {
	Server    string `json:"server"`
	Directory string `json:"directory"`
	Secret    string `json:"secret"`
	Schedule  string `json:"schedule"`
}

// BackupCSI backs up by CSI volume snapshots.
type BackupCSI struct {
	Schedule string `json:"schedule"`
}

// RegionCassandra is what may differ by region. In a resolved region every
// field holds the value in force.
type RegionCassandra struct {
	Replicas     int          `json:"replicas"`
	Storage      Storage      `json:"storage"`
	Resources    Values       `json:"resources"`
	NodeSelector NodeLabel    `json:"nodeSelector"`
	Taints       []Taint      `json:"taints"`
	Tolerations  []Toleration `json:"tolerations"`
}

// Storage sizes the volumes; an empty class means the cluster's own default.
type Storage struct {
	Size  Quantity `json:"size"`
	Class string   `json:"class"`
}

// Quantity is a Kubernetes quantity, written as the user wrote it.
type Quantity string

// UnmarshalJSON accepts a string or a number.
func (q *Quantity) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err == nil {
		*q = Quantity(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("quantity: %w", err)
	}
	*q = Quantity(n.String())
	return nil
}

// NodeLabel selects nodes.
type NodeLabel struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Taint keeps pods off a node unless they tolerate it.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Effect string `json:"effect"`
}

// Toleration is a pod's toleration, as Kubernetes knows it.
type Toleration struct {
	Key               string `json:"key,omitempty"`
	Operator          string `json:"operator,omitempty"`
	Value             string `json:"value,omitempty"`
	Effect            string `json:"effect,omitempty"`
	TolerationSeconds *int64 `json:"tolerationSeconds,omitempty"`
}

// Region is one Kubernetes cluster with one Cassandra datacenter.
type Region struct {
	Name        string            `json:"name"`
	Platform    string            `json:"platform"`
	Kubernetes  Kubernetes        `json:"kubernetes"`
	Datacenter  string            `json:"datacenter"`
	Rack        string            `json:"rack"`
	Network     Network           `json:"network"`
	ExpandFrom  string            `json:"expandFrom"`
	SeedHost    string            `json:"seedHost"`
	Overlay     Overlay           `json:"overlay"`
	Cassandra   RegionCassandra   `json:"cassandra"`
	Runtime     Runtime           `json:"runtime"`
	Annotations map[string]string `json:"annotations"`
	Values      Values            `json:"values"`

	// Index is the region's place in spec.regions.
	Index int `json:"-"`
	// Defaults tells the source of each field that its platform filled in.
	Defaults map[string]string `json:"-"`
	// inherited holds the fields that the region has from spec.cassandra.
	inherited map[string]bool
}

// Path returns the path of a field of the region, such as
// spec.regions[1].seedHost; without a field, of the region itself.
func (r *Region) Path(field string) string {
	p := fmt.Sprintf("spec.regions[%d]", r.Index)
	if field != "" {
		p += "." + field
	}
	return p
}

// HostNetwork reports whether Cassandra uses the nodes' addresses.
func (r *Region) HostNetwork() bool { return r.Network.HostNetwork != nil && *r.Network.HostNetwork }

// CassandraRanges returns the ranges that Cassandra's addresses come from, and
// the field that holds them: the nodes' with hostNetwork, else the pods'.
func (r *Region) CassandraRanges() (ranges []string, field string) {
	if r.HostNetwork() {
		return r.Network.Nodes, "network.nodes"
	}
	return r.Network.Pods, "network.pods"
}

// Kubernetes names the cluster.
type Kubernetes struct {
	Cluster string `json:"cluster"`
	Region  string `json:"region"`
	Context string `json:"context"`
	// KubeConfigSecret is the Secret by which Flux reaches the cluster, and
	// ArgoCDCluster what Argo CD calls it.
	KubeConfigSecret string `json:"kubeConfigSecret"`
	ArgoCDCluster    string `json:"argocdCluster"`
	// Version is that of Kubernetes, and APIVersions are what the cluster serves
	// besides Kubernetes' own; both only for charts that ask.
	Version     string   `json:"version"`
	APIVersions []string `json:"apiVersions"`
}

// Network holds the address ranges, as the user wrote them.
type Network struct {
	Model       string   `json:"model"`
	HostNetwork *bool    `json:"hostNetwork"`
	Isolated    bool     `json:"isolated"`
	Pods        []string `json:"pods"`
	Nodes       []string `json:"nodes"`
	Services    []string `json:"services"`
}

// Runtime is about the nodes that run everything but Cassandra.
type Runtime struct {
	NodeSelector NodeLabel `json:"nodeSelector"`
}

// The models of a network.
const (
	Flat   = "flat"
	Island = "island"
)

// New decodes a topology that its schema accepts, given as JSON, and fills in
// what platforms and conventions say. The locator may be nil.
func New(data []byte, platforms Platforms, locator Locator, dir string) (*Topology, error) {
	t := &Topology{Dir: dir, Platforms: platforms, raw: slices.Clone(data), locator: locator}
	if err := json.Unmarshal(data, t); err != nil {
		return nil, fmt.Errorf("topology: %w", err)
	}
	t.resolve()
	return t, nil
}

// WithVersion returns the topology as it would be with another version of the
// system, all else being the same.
func (t *Topology) WithVersion(version string) (*Topology, error) {
	root, err := decodeRaw(t.raw)
	if err != nil {
		return nil, err
	}
	if spec, ok := root["spec"].(map[string]any); ok {
		spec["version"] = version
	}
	data, err := json.Marshal(root)
	if err != nil {
		return nil, err
	}
	return New(data, t.Platforms, t.locator, t.Dir)
}

// Decode reads the whole topology into v, for the fields that only a system
// knows.
func (t *Topology) Decode(v any) error { return json.Unmarshal(t.raw, v) }

// Digest returns the SHA-256, in hex, of what the topology says. It does not
// depend on the format of its file, on order or on comments.
func (t *Topology) Digest() string {
	value, _ := decodeRaw(t.raw)   // New has decoded it
	data, _ := json.Marshal(value) // keys are in order
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// decodeRaw reads JSON with every number as it was written.
func decodeRaw(raw []byte) (map[string]any, error) {
	var value map[string]any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err := decoder.Decode(&value)
	return value, err
}

// At returns the place of a field in the user's files. A field that a region
// has from spec.cassandra is where it is set.
func (t *Topology) At(path string) diag.Pos {
	if t.locator == nil {
		return diag.Pos{}
	}
	return t.locator.Locate(t.setAt(path))
}

// setAt returns the path of the field that sets the one at path.
func (t *Topology) setAt(path string) string {
	for i := range t.Spec.Regions {
		r := &t.Spec.Regions[i]
		rest, ok := strings.CutPrefix(path, r.Path("")+".")
		if !ok {
			continue
		}
		for field := range r.inherited {
			if rest == field || strings.HasPrefix(rest, field+"[") || strings.HasPrefix(rest, field+".") {
				return "spec." + rest
			}
		}
	}
	return path
}

// Region returns the region of that name, or nil.
func (t *Topology) Region(name string) *Region {
	for i := range t.Spec.Regions {
		if t.Spec.Regions[i].Name == name {
			return &t.Spec.Regions[i]
		}
	}
	return nil
}

// MultiRegion reports whether the ring spans more than one region.
func (t *Topology) MultiRegion() bool { return len(t.Spec.Regions) > 1 }

// Dev reports whether the topology is labelled tier: dev.
func (t *Topology) Dev() bool { return t.Metadata.Labels["tier"] == "dev" }
